//! The port for blobs of which nobody has said yet what became of them.

use async_trait::async_trait;

use super::{BlobEntry, BlobError};
use crate::{blob::BlobRef, time::Timestamp};

/// A batch of blobs: text the store chose and only the store understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchRef(String);

impl BatchRef {
    /// Wraps the text a store chose; only stores call this.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The store's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Knows which blobs may have no recording, without looking at all there are.
///
/// A blob is kept before its recording comes to be, and whoever crashes in between leaves it behind. So a store keeps blobs
/// in batches: a batch is noted before its first blob is kept, and forgotten once every blob in it is settled.
/// Whoever sweeps looks into the batches that are left.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Batches: Send + Sync {
    /// Lists some batches after `after` that were noted well before `then`, that nobody adds to any more, and in which
    /// something is not settled, as far as that is known.
    ///
    /// - Walked from `None` until it is empty, the list MUST have the batch of every blob that is not settled, in its time.
    /// - It MUST NOT list a batch to which a blob may still be added.
    async fn open_batches(&self, then: Timestamp, after: Option<BatchRef>) -> Result<Vec<BatchRef>, BlobError>;

    /// Lists some blobs of a batch after `after`, those that are settled among them.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every blob of the batch that stays exactly once.
    async fn blobs_in(&self, batch: &BatchRef, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError>;

    /// Forgets a batch: the fate of every blob in it is known.
    ///
    /// - It MUST succeed when it is already forgotten.
    async fn close_batch(&self, batch: &BatchRef) -> Result<(), BlobError>;

    /// Ends the batches of this process, which is about to end, and forgets those in which every blob is settled. What is
    /// kept after it is in others.
    async fn end_batches(&self) -> Result<(), BlobError>;
}
