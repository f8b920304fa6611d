//! Blobs on disk keep every promise of their port.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use chrono::TimeDelta;
use tapebase_adapters::fs::Fs;
use tapebase_conformance::batches::{blobs_in, open_batches};
use tapebase_domain::{
    blob::{self, Provenance},
    id::{RecordingId, UserId},
    ports::{Batches as _, BlobStore as _, Clock as _, SystemClock},
};
use tempfile::TempDir;

fn fresh() -> Ready<(Arc<Fs>, TempDir)> {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(&folder.path().join("blobs")).expect("an empty folder");
    ready((Arc::new(store), folder))
}

tapebase_conformance::blob_store_tests!(fresh());
tapebase_conformance::batch_tests!(fresh());
tapebase_conformance::staged_blob_tests!(fresh(), Server);
tapebase_conformance::part_store_tests!(fresh());
tapebase_conformance::salvage_tests!(fresh());

/// Whose all audio here is.
fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

#[tokio::test]
async fn what_a_process_left_is_looked_through_by_the_next_and_closed() {
    let folder = TempDir::new().expect("a temporary folder");
    let root = folder.path().join("blobs");
    let store = Fs::open(&root).expect("made");
    let mut kept = Vec::new();
    for size in [10, 300_000] {
        for number in 0..3 {
            let stored = store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept");
            kept.push(stored.blob.clone());
            // What is known of the others is forgotten with the process.
            if number > 0 {
                store.settle(&stored.blob);
            }
        }
    }
    kept.sort();
    // The pack is locked by whoever appends to it, so that another process leaves it alone.
    let beside = Fs::open(&root).expect("opened");
    assert_eq!(open_batches(&beside).await.len(), 1, "that of the files");
    drop(store);

    let next = Fs::open(&root).expect("opened");
    let batches = open_batches(&next).await;
    assert_eq!(batches.len(), 2);
    let mut found = Vec::new();
    for batch in &batches {
        found.extend(blobs_in(&next, batch).await);
        next.close_batch(batch).await.expect("closed");
    }

    found.sort();
    assert_eq!(found, kept);
    assert_eq!(open_batches(&next).await, []);
    assert_eq!(std::fs::read_dir(root.join("open")).expect("there").count(), 0);
}

#[tokio::test]
async fn what_is_unknown_in_an_open_pack_is_looked_for_by_its_own_process() {
    let (store, _folder) = fresh().await;
    let first = store.put(&whose(), blob::once(vec![7; 10].into())).await.expect("kept").blob;
    assert_eq!(open_batches(&*store).await, [], "more is added to it");

    // The pack ends with that, and another begins.
    let second = store.put(&whose(), blob::once(vec![7; 10].into())).await.expect("kept").blob;

    let batches = store.open_batches(SystemClock.now() + TimeDelta::days(1), None).await.expect("listed");
    assert_eq!(batches.len(), 1);
    assert_eq!(blobs_in(&*store, &batches[0]).await, std::slice::from_ref(&first));
    assert_ne!(
        first.as_str().split_once('-').map(|(pack, _)| pack),
        second.as_str().split_once('-').map(|(pack, _)| pack)
    );
    store.close_batch(&batches[0]).await.expect("closed");
    assert!(store.describe(&first).await.expect("read").is_some());
}

#[tokio::test]
async fn a_note_is_left_alone_as_long_as_its_names_may_be_drawn() {
    let (store, folder) = fresh().await;
    for size in [10, 300_000] {
        let _ = store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept");
    }
    drop(store);
    let store = Fs::open(&folder.path().join("blobs")).expect("opened");
    for (later, open) in [(TimeDelta::minutes(59), 0), (TimeDelta::minutes(61), 2)] {
        let found = store.open_batches(SystemClock.now() + later, None).await.expect("listed");
        assert_eq!(found.len(), open, "{later}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_of_a_folder_that_is_away() {
    let (store, folder) = fresh().await;
    for size in [10, 300_000] {
        let blob = store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept").blob;
        let (root, away) = (folder.path().join("blobs"), folder.path().join("away"));
        std::fs::rename(&root, &away).expect("moved");

        assert!(store.delete(&blob).await.is_err(), "{blob}");

        std::fs::rename(&away, &root).expect("moved back");
        store.delete(&blob).await.expect("deleted");
        store.delete(&blob).await.expect("gone already");
    }
}
