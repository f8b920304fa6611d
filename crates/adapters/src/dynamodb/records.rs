//! `RecordStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    blob::BlobRef,
    history::{Counters, Entry},
    id::{RecordingId, StoreId, UserId},
    lineage::{LastStep, Step},
    page::PageRequest,
    playback::LinkEpoch,
    ports::{InsertError, RecordStore, RevisionError, StoreError, Terms},
    recording::{Edit, Recording, Revision},
    time::Timestamp,
};

use super::{
    DynamoDb,
    commit::{Change, Refused},
    errors::Backoff,
    items::{self, Item},
    keys,
    owners::Seen,
};

#[async_trait]
impl RecordStore for DynamoDb {
    async fn insert(&self, recording: Recording, terms: Terms) -> Result<Recording, InsertError> {
        // Nobody has so little that there is room for it.
        if let Err(excess) = terms.quota.admit_recording(&Counters::default(), recording.size) {
            let there = self.look_up(recording.owner, &recording.id).await?;
            let taken = there.and_then(|there| refusal(there, terms.again));
            return Err(taken.unwrap_or(InsertError::OverQuota(excess)));
        }
        let (mut over, mut backoff) = (None, Backoff::default());
        loop {
            let add = Change::Add { recording: recording.clone(), over: over.clone(), quota: terms.quota };
            let there = match self.turn(recording.owner).await.change(add).await? {
                Ok(recording) => return Ok(recording),
                Err(Refused::OverQuota(excess)) => return Err(InsertError::OverQuota(excess)),
                Err(Refused::Upload) => return Err(StoreError::Unavailable("an upload was expected".into()).into()),
                Err(Refused::Row(there)) => there,
            };
            over = over_tombstone(there, terms.again)?;
            backoff.wait("the recording comes and goes all the time").await?;
        }
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        let item = self.get(keys::recording(owner, id)).await?;
        item.as_ref().map(items::recording).transpose()
    }

    async fn find_to_play(
        &self,
        owner: UserId,
        id: &RecordingId,
    ) -> Result<Option<(Recording, LinkEpoch)>, StoreError> {
        self.read_to_play(owner, id).await
    }

    async fn link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError> {
        self.read_link_epoch(owner).await
    }

    async fn look_up(&self, owner: UserId, id: &RecordingId) -> Result<Option<Entry>, StoreError> {
        let item = self.get_any(keys::recording(owner, id)).await?;
        item.as_ref().map(items::entry).transpose()
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        self.list_page(owner, &page).await
    }

    async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError> {
        let is_expected = |found: &Recording| expected.is_none_or(|expected| expected == found.revision);
        self.change_seen(owner, id, |before| {
            if !is_expected(&before) {
                return Err(RevisionError::Stale);
            }
            let recording = edit.clone().apply(before.clone());
            Ok(Some(Change::Replace { recording, before, due_at: None }))
        })
        .await
    }

    async fn mark_damaged(
        &self,
        owner: UserId,
        id: &RecordingId,
        blob: &BlobRef,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let marked = self.change_seen(owner, id, |before| {
            let recording = Recording { damaged_at: since, ..before.clone() };
            Ok::<_, StoreError>(before.can_be_marked(blob, since).then_some(Change::Replace {
                recording,
                before,
                due_at: None,
            }))
        });
        Ok(marked.await?.is_some())
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
        due_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let moved = self.change_seen(owner, id, |before| {
            let recording = Recording { blob: to.clone(), damaged_at: None, ..before.clone() };
            Ok::<_, StoreError>((before.blob == *from).then_some(Change::Replace { recording, before, due_at }))
        });
        Ok(moved.await?.is_some())
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
        at: Timestamp,
        most_tombstones: u64,
    ) -> Result<Option<Recording>, RevisionError> {
        let is_expected = |found: &Recording| expected.is_none_or(|expected| expected == found.revision);
        self.change_seen(owner, id, |before| {
            if !is_expected(&before) {
                return Err(RevisionError::Stale);
            }
            Ok(Some(Change::Remove { before, at, most_tombstones }))
        })
        .await
    }

    async fn counters(&self, owner: UserId) -> Result<Counters, StoreError> {
        let read = self.read_counters(owner).await?;
        self.owners.note(owner, Seen::of(&read));
        Ok(read.0)
    }

    async fn recount(&self, owner: UserId) -> Result<Counters, StoreError> {
        self.count_anew(owner).await
    }

    /// The index is a little behind the table. Blobs are asked about hours after their recordings were written,
    /// see the sweep's grace, and nobody refers to a blob again that was once given up.
    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.pick_orphans(blobs).await
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        self.identify().await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.has_sessions_at_most().await
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        self.replace_id(id).await
    }

    async fn last_step(&self) -> Result<LastStep, StoreError> {
        self.read_last_step().await
    }

    async fn note_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError> {
        self.write_step(last, next).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

impl DynamoDb {
    /// Makes a change of a recording as it is now. `None` if there is none, or nothing to change.
    pub(super) async fn change_seen<E: From<StoreError>>(
        &self,
        owner: UserId,
        id: &RecordingId,
        decide: impl Fn(Recording) -> Result<Option<Change>, E>,
    ) -> Result<Option<Recording>, E> {
        // Read before it is this one's turn, so that nobody waits for it.
        let seen = self.get(keys::recording(owner, id)).await?;
        self.turn(owner).await.change_seen(seen, decide).await
    }
}

/// The tombstone to add a recording over, or why it cannot be added.
pub fn over_tombstone(there: Option<Item>, again: bool) -> Result<Option<Item>, InsertError> {
    match there {
        None => Ok(None),
        Some(there) => refusal(items::entry(&there)?, again).map_or_else(|| Ok(Some(there)), Err),
    }
}

/// Why a recording cannot be added where this is, if it cannot.
fn refusal(there: Entry, again: bool) -> Option<InsertError> {
    match there {
        Entry::Recording(existing) => Some(InsertError::Taken(existing)),
        Entry::Deleted(_) if again => None,
        Entry::Deleted(deleted) => Some(InsertError::Deleted(deleted)),
    }
}
