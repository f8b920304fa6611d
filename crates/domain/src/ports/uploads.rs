//! The port for uploads that are under way.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    history::{Deleted, DueAudio},
    id::{RecordingId, UserId},
    page::Limit,
    pending::PendingUpload,
    quota::{Excess, Quota},
    recording::Recording,
    time::Timestamp,
};

/// Why an upload was not begun.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Its owner has an upload of this id under way: this one.
    #[error("the id is taken")]
    Taken(Box<PendingUpload>),
    /// Its owner would have more than the quota allows.
    #[error("over quota")]
    OverQuota(#[source] Excess),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an upload did not become a recording.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such upload, or no longer.
    #[error("no such upload")]
    Gone,
    /// Its owner has a recording of this id: this one.
    #[error("the id is taken")]
    Taken(Box<Recording>),
    /// Its owner has deleted a recording of this id.
    #[error("the recording was deleted")]
    Deleted(Deleted),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps uploads under way, in the store that keeps the recordings: both count towards one quota.
///
/// A successful write MUST survive a power cut. Every write is one transaction.
/// One that failed with `Unavailable` may yet happen, but MUST NOT bring back what was taken out after it.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UploadStore: Send + Sync {
    /// Adds an upload and sets aside for it what its recording will weigh.
    ///
    /// - It MUST return `Taken` with the upload that is there if its owner has one of this id,
    ///   even when the quota is used up.
    /// - It MUST return `OverQuota` if the owner would use more bytes than the quota has, however many reserve at once.
    /// - It MUST return `OverQuota` if the owner would have more recordings, or more uploads under way, than the quota
    ///   has, however many reserve at once.
    async fn reserve(&self, upload: PendingUpload, quota: Quota) -> Result<(), ReserveError>;

    /// Looks up one upload.
    ///
    /// - It MUST find what was reserved, equal in every field, even past its expiry.
    /// - It MUST return `None` for another user's upload.
    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError>;

    /// Lists one more upload of a user than the limit, if there are that many, by their ids.
    ///
    /// - It MUST list only uploads of the owner, those past their expiry among them.
    /// - Pages joined by `after` MUST have every upload that stays exactly once.
    async fn uploads(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<Vec<PendingUpload>, StoreError>;

    /// Takes an upload out and adds the recording it has become, of the same owner, id and size, which it returns as
    /// it is kept.
    ///
    /// - Its bytes MUST stay counted, once.
    /// - It MUST return `Gone` and add nothing if this very upload is not there, however many settle at once.
    /// - It MUST return `Taken` and leave the upload if the owner has a recording of this id.
    /// - It MUST return `Deleted` and leave the upload if the owner has deleted one, unless the upload says `again`.
    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError>;

    /// Takes an upload out, gives its bytes back to the owner's quota, and notes what audio it may leave and when that is
    /// to be removed (see [`DeletedStore`](super::DeletedStore)).
    ///
    /// - It MUST return `false`, give nothing back and note nothing if this very upload is not there.
    async fn release(&self, upload: &PendingUpload, left: Option<(DueAudio, Timestamp)>) -> Result<bool, StoreError>;

    /// Lists some uploads of all users that expired before `now`.
    ///
    /// - It MUST list one as long as there is one, and none that has not expired.
    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError>;
}
