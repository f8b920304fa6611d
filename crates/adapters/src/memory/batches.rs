//! `Batches` in memory.

use std::{collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use chrono::TimeDelta;
use tapebase_domain::{
    blob::BlobRef,
    ports::{BatchRef, Batches, BlobEntry, BlobError},
    time::Timestamp,
};

use super::{Memory, State};

/// How many blobs there are in a batch.
const FULL: usize = 8;
/// For how long blobs are added to it.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Some blobs that were kept one after the other.
#[derive(Debug, Clone)]
pub struct Batch {
    since: Timestamp,
    blobs: BTreeSet<BlobRef>,
    unsettled: BTreeSet<BlobRef>,
}

impl State {
    pub(super) fn add_to_batch(&mut self, blob: BlobRef, now: Timestamp) {
        let next = self.batches.last_key_value().map_or(0, |(number, _)| number + 1);
        let number = self.filling(now).unwrap_or(next);
        let empty = || Batch { since: now, blobs: BTreeSet::new(), unsettled: BTreeSet::new() };
        let batch = self.batches.entry(number).or_insert_with(empty);
        batch.blobs.insert(blob.clone());
        batch.unsettled.insert(blob);
    }

    /// The batch that is added to.
    fn filling(&self, now: Timestamp) -> Option<u64> {
        let last = self.batches.last_key_value();
        let filling = last.filter(|(_, batch)| batch.blobs.len() < FULL && now - batch.since < LIFETIME);
        filling.map(|(number, _)| *number)
    }

    fn forget_settled(&mut self, filling: Option<u64>) {
        self.batches.retain(|number, batch| !batch.unsettled.is_empty() || Some(*number) == filling);
    }
}

impl Memory {
    /// Nobody need look for a blob any more.
    pub(super) fn settle_one(&self, blob: &BlobRef) {
        let (mut state, now) = (self.state(), self.clock.now());
        for batch in state.batches.values_mut() {
            batch.unsettled.remove(blob);
        }
        let filling = state.filling(now);
        state.forget_settled(filling);
    }
}

#[async_trait]
impl Batches for Memory {
    async fn open_batches(&self, _: Timestamp, after: Option<BatchRef>) -> Result<Vec<BatchRef>, BlobError> {
        let start = after.as_ref().and_then(number).map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let behind = state.batches.range((start, Bound::Unbounded));
        let filling = state.filling(self.clock.now());
        let open = behind.filter(|(number, batch)| Some(**number) != filling && !batch.unsettled.is_empty());
        Ok(open.map(|(number, _)| BatchRef::new(number.to_string())).collect())
    }

    async fn blobs_in(&self, batch: &BatchRef, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let Some(batch) = number(batch).and_then(|number| state.batches.get(&number)) else { return Ok(Vec::new()) };
        let behind = batch.blobs.range((start, Bound::Unbounded));
        let entries = behind.filter_map(|blob| {
            let (_, description) = state.blobs.get(blob)?;
            Some(BlobEntry { blob: blob.clone(), modified_at: description.written_at })
        });
        Ok(entries.collect())
    }

    async fn close_batch(&self, batch: &BatchRef) -> Result<(), BlobError> {
        if let Some(number) = number(batch) {
            self.state().batches.remove(&number);
        }
        Ok(())
    }

    async fn end_batches(&self) -> Result<(), BlobError> {
        let mut state = self.state();
        state.forget_settled(None);
        let long_ago = Timestamp::MIN_UTC;
        state.batches.values_mut().for_each(|batch| batch.since = long_ago);
        Ok(())
    }
}

fn number(batch: &BatchRef) -> Option<u64> {
    batch.as_str().parse().ok()
}
