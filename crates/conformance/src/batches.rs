//! What a [`Batches`] promises of the blobs that the same store keeps.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    blob::{BlobRef, BodyError, StoredBlob},
    ports::{BatchRef, Batches, BlobError, BlobStore, Clock as _, SystemClock},
};

use crate::blobs::{LARGE, body, noise, pieces, whose};

/// A blob store that knows which of its blobs may have no recording.
pub trait Blobs: BlobStore + Batches {}

impl<S: BlobStore + Batches> Blobs for S {}

/// The list MUST have the batch of every blob that is not settled, and of each batch every blob exactly once.
pub async fn what_is_not_settled_is_in_a_batch_that_is_listed(store: Arc<dyn Blobs>) {
    let mut kept = vec![put(&*store, LARGE).await.blob];
    assert_eq!(open_batches(&*store).await, [], "more may be added");
    for size in [1, LARGE] {
        for _ in 0..10 {
            kept.push(put(&*store, size).await.blob);
        }
    }
    let settled = kept.split_off(15);
    for blob in &settled {
        store.settle(blob);
    }
    store.end_batches().await.expect("ended");

    let mut found = Vec::new();
    for batch in open_batches(&*store).await {
        found.extend(blobs_in(&*store, &batch).await);
    }

    assert!(kept.iter().all(|blob| found.iter().filter(|other| *other == blob).count() == 1), "{kept:?} in {found:?}");
}

/// A batch in which all is settled MUST NOT be looked into: what it costs would grow with what is kept.
pub async fn what_is_settled_is_in_no_batch_that_is_listed(store: Arc<dyn Blobs>) {
    for size in [1, LARGE] {
        for _ in 0..10 {
            let kept = put(&*store, size).await.blob;
            store.settle(&kept);
        }
    }
    // Nothing is kept of it.
    let failing = pieces(&noise(LARGE), 65_521).into_iter().chain([Err(BodyError::Incomplete)]);
    let refused = store.put(&whose(), body(failing)).await;
    assert!(matches!(refused, Err(BlobError::Body(BodyError::Incomplete))), "{refused:?}");

    assert_eq!(open_batches(&*store).await, []);
    store.end_batches().await.expect("ended");
    assert_eq!(open_batches(&*store).await, []);
}

/// Close MUST succeed when the batch is already forgotten, and change nothing of the blobs.
pub async fn a_batch_may_be_closed_twice(store: Arc<dyn Blobs>) {
    let kept = put(&*store, LARGE).await;
    store.end_batches().await.expect("ended");
    assert_eq!(open_batches(&*store).await.len(), 1);
    for _ in 0..2 {
        for batch in open_batches(&*store).await {
            store.close_batch(&batch).await.expect("closed");
            store.close_batch(&batch).await.expect("closed");
        }
    }
    assert_eq!(open_batches(&*store).await, []);
    assert!(store.is_intact(&kept).await.expect("an answer"));
}

async fn put(store: &dyn Blobs, size: usize) -> StoredBlob {
    store.put(&whose(), body(pieces(&noise(size), 65_521))).await.expect("kept")
}

/// All batches there are, of whatever time.
pub async fn open_batches(batches: &dyn Batches) -> Vec<BatchRef> {
    let (later, mut all) = (SystemClock.now() + TimeDelta::days(1), Vec::<BatchRef>::new());
    loop {
        let some = batches.open_batches(later, all.last().cloned()).await.expect("listed");
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

/// All blobs in a batch.
pub async fn blobs_in(batches: &dyn Batches, batch: &BatchRef) -> Vec<BlobRef> {
    let mut all = Vec::<BlobRef>::new();
    loop {
        let some = batches.blobs_in(batch, all.last().cloned()).await.expect("listed");
        if some.is_empty() {
            return all;
        }
        all.extend(some.into_iter().map(|entry| entry.blob));
    }
}
