//! What a blob store promises that can put right what went wrong; how it goes wrong is each store's own, and so are the
//! tests of that.

use std::sync::Arc;

use bytes::Bytes;
use tapebase_domain::{
    blob::{BlobRef, Provenance, StoredBlob, once},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::{BlobStore, Clock as _, Salvage, SystemClock, TornWrite},
};

use crate::blobs::{LARGE, noise, read, walk};

/// A store that can put right its blobs.
pub trait Blobs: BlobStore + Salvage {}

impl<S: BlobStore + Salvage> Blobs for S {}

/// Whose all audio here is.
fn of() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

/// Blobs of every kind that stores tell apart.
async fn some(store: &Arc<dyn Blobs>) -> Vec<(StoredBlob, Bytes)> {
    let mut kept = Vec::new();
    for size in [0, 10, 70_000, LARGE] {
        let audio = noise(size);
        kept.push((store.put(&of(), once(audio.clone())).await.expect("kept"), audio));
    }
    kept
}

/// Has a bad header MUST NOT be said of a blob that is as it was put, nor of one that is gone; of one without bytes all is
/// there even then.
pub async fn no_blob_has_a_bad_header_that_is_as_it_was_put(store: Arc<dyn Blobs>) {
    for (stored, _) in some(&store).await {
        assert!(!store.has_bad_header(&stored, &of()).await.expect("looked at"), "{stored:?}");

        store.delete(&stored.blob).await.expect("deleted");
        let is_bad = store.has_bad_header(&stored, &of()).await.expect("looked at");
        assert!(!is_bad || stored.size == 0, "{stored:?} is gone");
    }
}

/// Rewrite header MUST leave the bytes of a blob as they are, and MUST change nothing and return `false` unless they have
/// this size and digest.
pub async fn a_rewritten_header_leaves_the_bytes_as_they_are(store: Arc<dyn Blobs>) {
    let (of, now) = (of(), SystemClock.now());
    for (stored, audio) in some(&store).await {
        let before = store.describe(&stored.blob).await.expect("described");
        for wrong in [
            StoredBlob { sha256: Sha256::of(b"other"), ..stored.clone() },
            StoredBlob { size: stored.size + 1, ..stored.clone() },
        ] {
            assert!(!store.rewrite_header(&wrong, &of, now).await.expect("looked at"), "{wrong:?}");
            assert_eq!(store.describe(&stored.blob).await.expect("described"), before);
        }

        store.rewrite_header(&stored, &of, now).await.expect("written");

        assert!(read(&(store.clone() as Arc<dyn BlobStore>), &stored).await == audio, "{stored:?}");
        assert!(!store.has_bad_header(&stored, &of).await.expect("looked at"));
    }
}

/// Remains MUST be none where blobs were only ever put and deleted.
pub async fn there_are_no_remains_of_blobs_that_were_put_and_deleted(store: Arc<dyn Blobs>) {
    for (number, (stored, _)) in some(&store).await.into_iter().enumerate() {
        if number % 2 == 0 {
            store.delete(&stored.blob).await.expect("deleted");
        }
    }

    assert_eq!(store.remains().await.expect("listed"), []);
}

/// Clear MUST leave every blob that can be listed, and return `false` if there is one among the remains.
pub async fn clear_leaves_every_blob_that_can_be_listed(store: Arc<dyn Blobs>) {
    let kept = some(&store).await;
    for (StoredBlob { blob, size, .. }, _) in &kept {
        let blobs: Vec<BlobRef> = vec![blob.clone()];
        let torn = TornWrite { place: blob.clone(), size: *size, blobs, modified_at: SystemClock.now() };

        assert!(!store.clear(&torn).await.expect("looked at"), "{torn:?}");
    }

    let blobs = store as Arc<dyn BlobStore>;
    assert_eq!(walk(&blobs).await.len(), kept.len());
    for (stored, audio) in kept {
        assert!(read(&blobs, &stored).await == audio, "{stored:?}");
    }
}
