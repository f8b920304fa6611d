//! `Inventory` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Inventory, InventoryPage, Miscount, StoreError},
    recording::Recording,
};

use super::Memory;

#[async_trait]
impl Inventory for Memory {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        let state = self.state();
        let behind = state.recordings.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut found: Vec<Recording> = behind.map(|(_, recording)| recording.clone()).collect();
        found.sort_unstable_by(|a, b| (a.owner, &a.id).cmp(&(b.owner, &b.id)));
        Ok(InventoryPage { recordings: found, unreadable: Vec::new() })
    }

    async fn damaged(&self, most: usize) -> Result<Vec<(UserId, RecordingId)>, StoreError> {
        let state = self.state();
        let damaged = state.recordings.iter().filter(|(_, recording)| recording.damaged_at.is_some());
        Ok(damaged.map(|(key, _)| key.clone()).take(most).collect())
    }

    async fn faults(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn unreadable(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        let state = self.state();
        let all = state.counters.iter().map(|(owner, counted)| (*owner, *counted, state.count(*owner)));
        let wrong = all.filter(|(_, counted, found)| counted != found);
        Ok(wrong.map(|(owner, counted, found)| Miscount { owner, counted, found }).collect())
    }

    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError> {
        Ok(self.state().forget_recording(owner, id).is_some())
    }
}
