//! The port for audio that is to be removed, and for what is left of deleted recordings.

use async_trait::async_trait;

use super::StoreError;
use crate::{history::DueAudio, id::UserId, time::Timestamp};

/// Keeps what is still to be done about audio nobody wants any more, and about deleted recordings, in the store that keeps
/// the recordings.
///
/// A successful write MUST survive a power cut.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait DeletedStore: Send + Sync {
    /// Lists some audio that was due before `then`, that of recordings from their deletion on, and that nobody has noted as
    /// removed.
    ///
    /// - It MUST list some as long as there is any, though the recording's id has another recording by now.
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DueAudio>, StoreError>;

    /// Lists some of the audio of a user that is to be removed, whenever that is due.
    ///
    /// - It MUST list some as long as there is any.
    async fn audio_of(&self, owner: UserId) -> Result<Vec<DueAudio>, StoreError>;

    /// Notes that audio is to be removed at `due_at`.
    ///
    /// - It MUST leave what is noted of it already as it is, unless it was noted as removed: it is there again.
    async fn note_audio(&self, audio: &DueAudio, due_at: Timestamp) -> Result<(), StoreError>;

    /// Has audio that is to be removed be listed from `until` on, and not before.
    ///
    /// - It MUST succeed, and note nothing, if that audio is not to be removed.
    async fn put_off_audio(&self, audio: &DueAudio, until: Timestamp) -> Result<(), StoreError>;

    /// Notes that audio is removed; its recording's tombstone may be forgotten at `forget_at`.
    ///
    /// - It MUST succeed when that is noted already.
    async fn audio_removed(&self, audio: &DueAudio, forget_at: Timestamp) -> Result<(), StoreError>;

    /// Forgets some tombstones that may be forgotten before `now`, and says how many were looked at; 0 at the end.
    ///
    /// - It MUST leave the tombstones of later deletions.
    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError>;
}
