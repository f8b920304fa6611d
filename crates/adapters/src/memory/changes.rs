//! `ChangeFeed` and `DeletedStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    history::{ChangeNumber, DueAudio, Entry, HistoryId},
    id::UserId,
    ports::{ChangeFeed, Changes, ChangesRequest, DeletedStore, StoreError},
    time::Timestamp,
};

use super::{Due, Memory, State};

impl State {
    fn history(&mut self) -> HistoryId {
        *self.history.get_or_insert_with(HistoryId::generate)
    }

    /// Has audio be removed then, whatever was noted of it.
    pub(super) fn remove_at(&mut self, audio: DueAudio, due_at: Timestamp) {
        self.audio.retain(|(noted, _)| *noted != audio);
        self.audio.push((audio, Due::Remove(due_at)));
    }
}

#[async_trait]
impl ChangeFeed for Memory {
    async fn changes(&self, owner: UserId, request: ChangesRequest) -> Result<Changes, StoreError> {
        let ChangesRequest { after, no_deleted_up_to, limit } = request;
        let mut state = self.state();
        let recordings = state.recordings.values().filter(|it| it.owner == owner && it.changed > after);
        let mut entries: Vec<Entry> = recordings.map(|it| Entry::Recording(Box::new(it.clone()))).collect();
        let deleted = state.deleted.values().filter(|it| it.owner == owner && it.changed > after.max(no_deleted_up_to));
        entries.extend(deleted.cloned().map(Entry::Deleted));
        entries.sort_unstable_by_key(Entry::changed);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let latest = state.counters(owner).changed;
        let reached = if has_more { entries.last().map_or(after, Entry::changed) } else { latest.max(after) };
        let forgotten = state.forgotten.get(&owner).copied().unwrap_or_default();
        Ok(Changes { entries, reached, has_more, forgotten, latest, history: state.history() })
    }

    async fn latest_change(&self, owner: UserId) -> Result<ChangeNumber, StoreError> {
        Ok(self.state().counters(owner).changed)
    }

    async fn history(&self) -> Result<HistoryId, StoreError> {
        Ok(self.state().history())
    }

    async fn renew_history(&self) -> Result<HistoryId, StoreError> {
        Ok(*self.state().history.insert(HistoryId::generate()))
    }
}

#[async_trait]
impl DeletedStore for Memory {
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DueAudio>, StoreError> {
        let state = self.state();
        let due = state.audio.iter().filter(|(_, due)| matches!(due, Due::Remove(at) if *at < then));
        Ok(due.map(|(audio, _)| audio.clone()).collect())
    }

    async fn audio_of(&self, owner: UserId) -> Result<Vec<DueAudio>, StoreError> {
        let state = self.state();
        let theirs = state.audio.iter().filter(|(audio, due)| audio.owner == owner && matches!(due, Due::Remove(_)));
        Ok(theirs.map(|(audio, _)| audio.clone()).collect())
    }

    async fn note_audio(&self, audio: &DueAudio, due_at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        let is_noted = |(noted, due): &(DueAudio, Due)| noted == audio && matches!(due, Due::Remove(_));
        if !state.audio.iter().any(is_noted) {
            state.remove_at(audio.clone(), due_at);
        }
        Ok(())
    }

    async fn put_off_audio(&self, audio: &DueAudio, until: Timestamp) -> Result<(), StoreError> {
        for (noted, due) in &mut self.state().audio {
            if noted == audio && matches!(due, Due::Remove(_)) {
                *due = Due::Remove(until);
            }
        }
        Ok(())
    }

    async fn audio_removed(&self, audio: &DueAudio, forget_at: Timestamp) -> Result<(), StoreError> {
        for (_, due) in self.state().audio.iter_mut().filter(|(noted, _)| noted == audio) {
            if matches!(due, Due::Remove(_)) {
                *due = Due::Forget(forget_at);
            }
        }
        Ok(())
    }

    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.state();
        let due: Vec<_> = state.audio.extract_if(.., |(_, due)| matches!(due, Due::Forget(at) if *at < now)).collect();
        for (audio, _) in &due {
            // Another deletion of the same id has a time of its own.
            let is_last = state.audio.iter().all(|(other, _)| (other.owner, &other.id) != (audio.owner, &audio.id));
            let tombstone = state.deleted.get(&(audio.owner, audio.id.clone())).filter(|_| is_last).cloned();
            if let Some(tombstone) = tombstone {
                state.forget_tombstone(&tombstone);
            }
        }
        Ok(due.len() as u64)
    }
}
