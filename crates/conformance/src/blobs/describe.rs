//! What a blob store promises about what blobs say of themselves.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    blob::{BlobDescription, BlobRef, Provenance, StoredBlob},
    id::RecordingId,
    ports::{BlobStore, Clock as _, SystemClock},
};

use super::{LARGE, body, noise, put};
use crate::samples::stranger;

/// Describe MUST say whose the blob is, as it was put.
pub async fn describe_says_whose_the_blob_is(store: Arc<dyn BlobStore>) {
    for id in ["01JD9Z8Q3NVX4T6M2K7C5B1ARF", "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e"] {
        let of = Provenance { owner: stranger(), recording: RecordingId::parse(id).expect("an id") };
        for size in [0, 1_000, LARGE, 9 << 20] {
            let stored = store.put(&of, body([Ok(noise(size))])).await.expect("kept");

            let described = describe(&store, &stored.blob).await.expect("it is there");

            assert_eq!(described.provenance.as_ref(), Some(&of), "{size} bytes");
        }
    }
}

/// Provenance MUST say the same as describe.
pub async fn provenance_says_whose_the_blob_is(store: Arc<dyn BlobStore>) {
    let recording = RecordingId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARF").expect("an id");
    let of = Provenance { owner: stranger(), recording };
    for size in [0, 1_000, LARGE] {
        let stored = store.put(&of, body([Ok(noise(size))])).await.expect("kept");

        let said = store.provenance(&stored.blob).await.expect("an answer");

        assert_eq!(said.as_ref(), Some(&of), "{size} bytes");
    }
}

/// Describe MUST return the size, and no digest but that of the blob's bytes.
pub async fn describe_answers_the_size_and_no_other_digest(store: Arc<dyn BlobStore>) {
    let began = SystemClock.now();
    for size in [0, 1, 65_537, LARGE, 9 << 20] {
        let stored = put(&store, &noise(size)).await;

        let described = describe(&store, &stored.blob).await.expect("it is there");

        assert_eq!(described.size, stored.size);
        assert!(described.sha256.is_none_or(|(sha256, _)| sha256 == stored.sha256), "{size} bytes");
        // The store's clock need not be this one.
        let age = described.written_at - began;
        assert!(age.abs() < TimeDelta::minutes(5), "{size} bytes were written {age} later");
    }
}

/// Describe MUST return `None` for a blob that is not there.
pub async fn describe_answers_none_for_a_blob_that_is_not_there(store: Arc<dyn BlobStore>) {
    for size in [4, LARGE] {
        let gone = put(&store, &noise(size)).await;
        store.delete(&gone.blob).await.expect("deleted");

        assert_eq!(describe(&store, &gone.blob).await, None);
    }
}

/// `is_intact` MUST return `false` for a blob that is not there, and for one that is shorter than it was.
pub async fn is_intact_is_false_for_a_blob_that_is_not_there_or_shorter_than_it_was(store: Arc<dyn BlobStore>) {
    for size in [4, LARGE] {
        let stored = put(&store, &noise(size)).await;
        let longer = StoredBlob { size: stored.size + 1, ..stored.clone() };

        assert!(store.is_intact(&stored).await.expect("an answer"), "{size} bytes");
        assert!(!store.is_intact(&longer).await.expect("an answer"), "{size} bytes");
        store.delete(&stored.blob).await.expect("deleted");
        assert!(!store.is_intact(&stored).await.expect("an answer"), "{size} bytes");
    }
}

/// What a blob says of itself.
pub(crate) async fn describe(store: &Arc<dyn BlobStore>, blob: &BlobRef) -> Option<BlobDescription> {
    store.describe(blob).await.expect("an answer")
}
