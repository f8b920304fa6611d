//! `RecordStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    blob::BlobRef,
    history::{Counters, Deleted, DueAudio, Entry},
    id::{RecordingId, StoreId, UserId},
    lineage::{LastStep, Step},
    page::{Order, PageRequest},
    playback::LinkEpoch,
    ports::{InsertError, RecordStore, RevisionError, StoreError, Terms},
    quota::weight,
    recording::{Edit, Recording, Revision},
    time::Timestamp,
};

use super::{Memory, State};

impl State {
    pub(super) fn counters(&mut self, owner: UserId) -> &mut Counters {
        self.counters.entry(owner).or_default()
    }

    fn link_epoch(&self, owner: UserId) -> LinkEpoch {
        self.link_epochs.get(&owner).copied().unwrap_or_default()
    }

    /// Puts a recording in its place, under the next change number: the one way to write one.
    pub(super) fn keep_recording(&mut self, recording: Recording) -> Recording {
        let key = (recording.owner, recording.id.clone());
        let before = self.recordings.get(&key).map_or((0, 0), |before| (1, weight(before.size)));
        let tombstones = u64::from(self.deleted.remove(&key).is_some());
        let counters = self.counters(recording.owner);
        counters.tombstones -= tombstones;
        counters.recordings = counters.recordings + 1 - before.0;
        counters.bytes = counters.bytes + weight(recording.size) - before.1;
        counters.changed = counters.changed.next();
        let recording = Recording { changed: counters.changed, ..recording };
        self.recordings.insert(key, recording.clone());
        recording
    }

    /// Takes a recording out, as if it had never been there.
    pub(super) fn forget_recording(&mut self, owner: UserId, id: &RecordingId) -> Option<Recording> {
        let recording = self.recordings.remove(&(owner, id.clone()))?;
        let counters = self.counters(owner);
        counters.recordings -= 1;
        counters.bytes -= weight(recording.size);
        counters.changed = counters.changed.next();
        Some(recording)
    }

    /// Leaves a tombstone of the last change, and no more of them than that.
    fn bury(&mut self, recording: &Recording, deleted_at: Timestamp, most: u64) {
        let Recording { owner, id, blob, .. } = recording.clone();
        let counters = self.counters(owner);
        counters.tombstones += 1;
        let (changed, surplus) = (counters.changed, counters.tombstones.saturating_sub(most));
        self.deleted.insert((owner, id.clone()), Deleted { id: id.clone(), owner, changed, deleted_at });
        self.remove_at(DueAudio { owner, id, blob }, deleted_at);
        let mut own: Vec<Deleted> = self.deleted.values().filter(|deleted| deleted.owner == owner).cloned().collect();
        own.sort_by_key(|deleted| deleted.changed);
        for oldest in own.iter().take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
            self.forget_tombstone(oldest);
        }
    }

    pub(super) fn forget_tombstone(&mut self, deleted: &Deleted) {
        if self.deleted.remove(&(deleted.owner, deleted.id.clone())).is_some() {
            self.counters(deleted.owner).tombstones -= 1;
            let forgotten = self.forgotten.entry(deleted.owner).or_default();
            *forgotten = deleted.changed.max(*forgotten);
        }
    }

    /// Why a recording cannot be added, if it cannot.
    pub(super) fn refusal(&self, owner: UserId, id: &RecordingId, again: bool) -> Option<InsertError> {
        let key = (owner, id.clone());
        if let Some(existing) = self.recordings.get(&key) {
            return Some(InsertError::Taken(Box::new(existing.clone())));
        }
        self.deleted.get(&key).filter(|_| !again).map(|deleted| InsertError::Deleted(deleted.clone()))
    }

    /// The recording, unless it has another revision than expected.
    fn expect(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError> {
        match self.recordings.get(&(owner, id.clone())) {
            Some(found) if expected.is_some_and(|expected| expected != found.revision) => Err(RevisionError::Stale),
            found => Ok(found.cloned()),
        }
    }

    /// What there is, counted one by one.
    pub(super) fn count(&self, owner: UserId) -> Counters {
        let recordings: Vec<&Recording> = self.recordings.values().filter(|it| it.owner == owner).collect();
        let uploads: Vec<_> = self.uploads.values().filter(|upload| upload.owner == owner).collect();
        Counters {
            bytes: recordings.iter().map(|recording| weight(recording.size)).sum(),
            reserved_bytes: uploads.iter().map(|upload| weight(upload.size)).sum(),
            recordings: recordings.len() as u64,
            uploads: uploads.len() as u64,
            sessions: self.sessions.values().filter(|session| session.user == owner).count() as u64,
            tombstones: self.deleted.values().filter(|deleted| deleted.owner == owner).count() as u64,
            changed: self.counters.get(&owner).map(|counters| counters.changed).unwrap_or_default(),
        }
    }
}

#[async_trait]
impl RecordStore for Memory {
    async fn insert(&self, recording: Recording, terms: Terms) -> Result<Recording, InsertError> {
        let mut state = self.state();
        if let Some(refusal) = state.refusal(recording.owner, &recording.id, terms.again) {
            return Err(refusal);
        }
        let has = *state.counters(recording.owner);
        terms.quota.admit_recording(&has, recording.size).map_err(InsertError::OverQuota)?;
        Ok(state.keep_recording(recording))
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        Ok(self.state().recordings.get(&(owner, id.clone())).cloned())
    }

    async fn find_to_play(
        &self,
        owner: UserId,
        id: &RecordingId,
    ) -> Result<Option<(Recording, LinkEpoch)>, StoreError> {
        let state = self.state();
        Ok(state.recordings.get(&(owner, id.clone())).map(|found| (found.clone(), state.link_epoch(owner))))
    }

    async fn link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError> {
        Ok(self.state().link_epoch(owner))
    }

    async fn look_up(&self, owner: UserId, id: &RecordingId) -> Result<Option<Entry>, StoreError> {
        let (state, key) = (self.state(), (owner, id.clone()));
        let recording = state.recordings.get(&key).map(|recording| Entry::Recording(Box::new(recording.clone())));
        Ok(recording.or_else(|| state.deleted.get(&key).cloned().map(Entry::Deleted)))
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        let place = |recording: &Recording| (page.by.of(recording), recording.id.clone());
        let is_after = |recording: &Recording| match (&page.after, page.order) {
            (None, _) => true,
            (Some(after), Order::Newest) => place(recording) < (after.time, after.id.clone()),
            (Some(after), Order::Oldest) => place(recording) > (after.time, after.id.clone()),
        };
        let is_within = |recording: &Recording| {
            let time = page.by.of(recording);
            page.from.is_none_or(|from| time >= from) && page.to.is_none_or(|to| time < to)
        };
        let state = self.state();
        let own = state.recordings.values().filter(|recording| recording.owner == owner);
        let mut found: Vec<Recording> = own.filter(|found| is_within(found) && is_after(found)).cloned().collect();
        found.sort_by_key(place);
        if page.order == Order::Newest {
            found.reverse();
        }
        found.truncate(page.limit.get() + 1);
        Ok(found)
    }

    async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError> {
        let mut state = self.state();
        let found = state.expect(owner, id, expected)?;
        Ok(found.map(|found| state.keep_recording(edit.apply(found))))
    }

    async fn mark_damaged(
        &self,
        owner: UserId,
        id: &RecordingId,
        blob: &BlobRef,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found =
            state.recordings.get(&(owner, id.clone())).cloned().filter(|found| found.can_be_marked(blob, since));
        Ok(found.map(|found| state.keep_recording(Recording { damaged_at: since, ..found })).is_some())
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
        due_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found = state.recordings.get(&(owner, id.clone())).cloned().filter(|found| found.blob == *from);
        let Some(found) = found else { return Ok(false) };
        if let Some(due_at) = due_at {
            state.remove_at(DueAudio { owner, id: id.clone(), blob: from.clone() }, due_at);
        }
        state.keep_recording(Recording { blob: to, damaged_at: None, ..found });
        Ok(true)
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
        at: Timestamp,
        most_tombstones: u64,
    ) -> Result<Option<Recording>, RevisionError> {
        let mut state = self.state();
        state.expect(owner, id, expected)?;
        let removed = state.forget_recording(owner, id);
        if let Some(removed) = &removed {
            state.bury(removed, at, most_tombstones);
        }
        Ok(removed)
    }

    async fn counters(&self, owner: UserId) -> Result<Counters, StoreError> {
        Ok(*self.state().counters(owner))
    }

    async fn recount(&self, owner: UserId) -> Result<Counters, StoreError> {
        let mut state = self.state();
        let counted = state.count(owner);
        *state.counters(owner) = counted;
        Ok(counted)
    }

    async fn orphans(&self, mut blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        let state = self.state();
        blobs.retain(|blob| state.recordings.values().all(|recording| recording.blob != *blob));
        Ok(blobs)
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        Ok(*self.state().id.get_or_insert_with(|| StoreId::generate(self.clock.now())))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(state.recordings.is_empty() && state.uploads.is_empty() && state.deleted.is_empty())
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        self.state().id = Some(id);
        Ok(())
    }

    async fn last_step(&self) -> Result<LastStep, StoreError> {
        Ok(self.state().last_step.map_or(LastStep::None, LastStep::Noted))
    }

    async fn note_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError> {
        let noted = &mut self.state().last_step;
        let is_as_seen = noted.map_or(LastStep::None, LastStep::Noted) == last;
        if is_as_seen {
            *noted = Some(next);
        }
        Ok(is_as_seen)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
