//! The port for uploads that are announced and not complete yet.

use async_trait::async_trait;

use super::{StoreError, Timestamp};
use crate::{
    id::{RecordingId, UserId},
    pending::PendingUpload,
    recording::Recording,
};

/// Why a plan was not written down.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Its owner has a plan of this id: this one.
    #[error("the id is taken")]
    Taken(Box<PendingUpload>),
    /// Its owner has too little quota left.
    #[error("the quota is used up")]
    OverQuota,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a plan did not become a recording.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such plan, or no longer.
    #[error("no such plan")]
    Gone,
    /// Its owner has a recording of this id: this one.
    #[error("the id is taken")]
    Taken(Box<Recording>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps plans of uploads, in the store that keeps the recordings: both count towards one quota.
///
/// A successful write MUST survive a power cut. Every write is one transaction.
/// One that failed with `Unavailable` may yet happen, but MUST NOT bring back what was taken out after it.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UploadStore: Send + Sync {
    /// Adds a plan and counts its bytes as used by its owner.
    ///
    /// - It MUST return `Taken` with the plan that is there if its owner has one of this id,
    ///   even when the quota is used up.
    /// - It MUST return `OverQuota` if the owner would use more than `quota` bytes, however many reserve at once.
    async fn reserve(&self, plan: PendingUpload, quota: u64) -> Result<(), ReserveError>;

    /// Looks up one plan.
    ///
    /// - It MUST find what was reserved, equal in every field, even past its expiry.
    /// - It MUST return `None` for another user's plan.
    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError>;

    /// Takes a plan out and adds the recording it has become, of the same owner, id and size.
    ///
    /// - Its bytes MUST stay counted, once.
    /// - It MUST return `Gone` and add nothing if this very plan is not there, however many settle at once.
    /// - It MUST return `Taken` and leave the plan if the owner has a recording of this id.
    async fn settle(&self, plan: &PendingUpload, recording: Recording) -> Result<(), SettleError>;

    /// Takes a plan out and gives its bytes back to the owner's quota.
    ///
    /// - It MUST return `false` and give nothing back if this very plan is not there.
    async fn release(&self, plan: &PendingUpload) -> Result<bool, StoreError>;

    /// Lists some plans of all users that expired before `now`.
    ///
    /// - It MUST list one as long as there is one, and none that has not expired.
    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError>;
}
