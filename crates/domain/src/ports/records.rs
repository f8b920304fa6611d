//! The port for rows about recordings.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    blob::BlobRef,
    history::{Counters, Deleted, Entry},
    id::{RecordingId, StoreId, UserId},
    lineage::{LastStep, Step},
    page::PageRequest,
    playback::LinkEpoch,
    quota::{Excess, Quota},
    recording::{Edit, Recording, Revision},
    time::Timestamp,
};

/// On what terms a recording is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The most its owner may have.
    pub quota: Quota,
    /// Whether it may take the id of one that was deleted.
    pub again: bool,
}

/// Why a recording was not inserted.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// Its owner has a recording of this id: this one.
    #[error("the id is taken")]
    Taken(Box<Recording>),
    /// Its owner has deleted a recording of this id.
    #[error("the recording was deleted")]
    Deleted(Deleted),
    /// Its owner would have more than the quota allows.
    #[error("over quota")]
    OverQuota(#[source] Excess),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a recording was not edited or removed.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// It has another revision than the caller saw.
    #[error("changed since it was seen")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps what is known about recordings.
///
/// A successful write MUST survive a power cut. Every write is one transaction: the row, the owner's counters and, for
/// recordings, the owner's next change number.
/// One that failed with `Unavailable` may yet happen, but MUST NOT bring back what was taken out after it.
/// An owner need not be known to the `UserStore`, and no two recordings ever share a blob.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Adds a recording, counts what it weighs as used by its owner, and returns it as it is kept.
    ///
    /// - It MUST return `Taken` with the recording that is there if its owner has one of this id,
    ///   even when the quota is used up.
    /// - It MUST return `Deleted` if its owner has deleted one of this id, unless `again` says that it may return.
    /// - It MUST return `OverQuota` if the owner would use more bytes than the quota has, however many insert at once.
    /// - It MUST return `OverQuota` if the owner would have more recordings than the quota has, uploads under way among
    ///   them, however many insert at once.
    /// - A recording MUST count as what it weighs: as a block of 4 KiB at least.
    /// - Two users MUST be able to have recordings of the same id.
    async fn insert(&self, recording: Recording, terms: Terms) -> Result<Recording, InsertError>;

    /// Looks up one recording.
    ///
    /// - It MUST find what was inserted, equal in every field.
    /// - It MUST return `None` for another user's recording.
    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError>;

    /// Looks up one recording to be played by a link, and which links of its owner count, in one call.
    ///
    /// - It MUST find what was inserted, equal in every field.
    /// - It MUST return `None` for another user's recording.
    /// - Both MUST be as every write before has left them.
    async fn find_to_play(&self, owner: UserId, id: &RecordingId)
    -> Result<Option<(Recording, LinkEpoch)>, StoreError>;

    /// Which links of an owner count; the default before they sign out everywhere for the first time.
    async fn link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError>;

    /// Looks up what is known under an id.
    ///
    /// - It MUST find the tombstone of a recording that was deleted.
    async fn look_up(&self, owner: UserId, id: &RecordingId) -> Result<Option<Entry>, StoreError>;

    /// Lists one more recording than the limit, if there are that many, so that the caller knows of more.
    ///
    /// - It MUST list only recordings of the owner.
    /// - It MUST order by the time asked for, then by id, in the direction asked for.
    /// - It MUST keep to `from` (inclusive) and `to` (exclusive).
    /// - Pages joined by `after` MUST have every recording that stays exactly once, while others come and go,
    ///   also the one `after` names.
    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError>;

    /// Changes what its owner may change of a recording, and counts up its revision.
    ///
    /// - It MUST return the recording as it is now.
    /// - It MUST return `None` for another user's recording.
    /// - It MUST return `Stale` and change nothing if `expected` is not the recording's revision.
    async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError>;

    /// Notes since when a recording's audio is damaged, or that it is not.
    ///
    /// - It MUST change nothing else of the recording but its change number.
    /// - It MUST return `false` and change nothing unless the recording is there, its audio is at `blob`, and is noted
    ///   as damaged if `since` is `None`, as sound otherwise.
    async fn mark_damaged(
        &self,
        owner: UserId,
        id: &RecordingId,
        blob: &BlobRef,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Notes that a recording's audio is elsewhere now, and sound, and that what is at `from` is to be removed at `due_at`,
    /// if at all (see [`DeletedStore`](super::DeletedStore)).
    ///
    /// - It MUST change nothing else of the recording but its change number, and that it was damaged.
    /// - It MUST return `false` and change nothing unless the recording is there and its audio is at `from`.
    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
        due_at: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Takes a recording out, gives its bytes back to the owner's quota, and leaves a tombstone of the time `at`.
    ///
    /// - It MUST return the recording that was there.
    /// - It MUST return `None` for another user's recording, and leave it.
    /// - It MUST return `Stale` and leave it if `expected` is not the recording's revision.
    /// - It MUST leave the owner no more than `most_tombstones`, and forget the oldest first.
    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
        at: Timestamp,
        most_tombstones: u64,
    ) -> Result<Option<Recording>, RevisionError>;

    /// How much a user has.
    ///
    /// - It MUST be what [`Self::recount`] finds.
    async fn counters(&self, owner: UserId) -> Result<Counters, StoreError>;

    /// Counts anew how much a user has.
    ///
    /// - What is counted MUST be so then, whatever comes and goes.
    async fn recount(&self, owner: UserId) -> Result<Counters, StoreError>;

    /// Picks out the blobs that no recording refers to.
    ///
    /// - It MUST return exactly those of `blobs` that no recording of any user refers to.
    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError>;

    /// Which store this is.
    ///
    /// - It MUST be the same id for as long as the rows live, and no other store's.
    async fn id(&self) -> Result<StoreId, StoreError>;

    /// Whether nobody has a recording, an upload under way, or the tombstone of a recording.
    ///
    /// - It MUST be `false` as long as any user has one.
    async fn is_empty(&self) -> Result<bool, StoreError>;

    /// Takes over the id of a store whose rows are lost, and with it the audio that belongs to them.
    ///
    /// Nobody else may use the store before: whatever has no row here by then passes for an orphan.
    ///
    /// - This MUST be the store's id from then on.
    async fn adopt(&self, id: StoreId) -> Result<(), StoreError>;

    /// The last step to another generation that was noted.
    ///
    /// - It MUST return `Unknown` if what was noted is damaged, or if the store can tell that it was noted in others.
    async fn last_step(&self) -> Result<LastStep, StoreError>;

    /// Notes a step to another generation, on condition that the last one is still what was seen.
    ///
    /// - It MUST return `false`, and change nothing, if it is not.
    async fn note_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError>;

    /// Fails when the store cannot serve.
    async fn ping(&self) -> Result<(), StoreError>;
}
