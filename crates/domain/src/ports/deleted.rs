//! The port for what is left of deleted recordings.

use async_trait::async_trait;

use super::StoreError;
use crate::{history::DeletedAudio, time::Timestamp};

/// Keeps what is still to be done about deleted recordings, in the store that keeps the recordings.
///
/// A successful write MUST survive a power cut.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait DeletedStore: Send + Sync {
    /// Lists some audio of recordings that were deleted before `then`, and that nobody has noted as removed.
    ///
    /// - It MUST list some as long as there is any, though the recording's id has another recording by now.
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DeletedAudio>, StoreError>;

    /// Notes that audio is removed; its recording's tombstone may be forgotten at `forget_at`.
    ///
    /// - It MUST succeed when that is noted already.
    async fn audio_removed(&self, audio: &DeletedAudio, forget_at: Timestamp) -> Result<(), StoreError>;

    /// Forgets some tombstones that may be forgotten before `now`, and says how many were looked at; 0 at the end.
    ///
    /// - It MUST leave the tombstones of later deletions.
    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError>;
}
