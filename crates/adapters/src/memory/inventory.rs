//! `Inventory` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    ports::{Inventory, Miscount, StoreError},
    recording::Recording,
};

use super::Memory;

#[async_trait]
impl Inventory for Memory {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError> {
        let state = self.state();
        let behind = state.recordings.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut found: Vec<Recording> = behind.map(|(_, recording)| recording.clone()).collect();
        found.sort_unstable_by(|a, b| (a.owner, &a.id).cmp(&(b.owner, &b.id)));
        Ok(found)
    }

    /// What somebody uses is summed up whenever it is asked for.
    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        Ok(Vec::new())
    }

    async fn recount(&self, _owner: UserId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found = state.recordings.get_mut(&(owner, id.clone())).filter(|found| found.blob == *from);
        Ok(found.map(|found| found.blob = to).is_some())
    }
}
