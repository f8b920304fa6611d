//! Batches that were left open: of each blob in them it is asked whether a recording refers to it.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{SweepError, Tally};
use crate::{
    blob::BlobRef,
    history::DueAudio,
    ports::{BatchRef, Batches, BlobStore, DeletedStore, Ports},
    time::Timestamp,
    witnesses::{Doubt, Kept, ORPHANS_STAY, Suspect, Witnesses},
};

/// What was found in batches that were left open.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Blobs that are nobody's.
    pub nobodys: Vec<BlobRef>,
    /// Blobs that may be somebody's, and stay.
    pub kept: Vec<Kept>,
    /// Whether the fate of some blob is not known yet.
    is_open: bool,
}

/// Looks through batches.
#[derive(Clone)]
pub struct BatchSweep {
    batches: Arc<dyn Batches>,
    blobs: Arc<dyn BlobStore>,
    deleted: Arc<dyn DeletedStore>,
    witnesses: Witnesses,
    grace: TimeDelta,
}

impl BatchSweep {
    /// Blobs younger than `grace` are left alone.
    pub fn new(ports: &Ports, grace: TimeDelta) -> Self {
        let Ports { batches, blobs, deleted, .. } = ports.clone();
        Self { batches, blobs, deleted, witnesses: Witnesses::new(ports), grace }
    }

    /// Removes what is nobody's, and closes what was looked through. One batch that fails keeps no other from that.
    pub async fn run(&self, now: Timestamp) -> Result<Tally, SweepError> {
        let (mut count, mut outcome) = (Tally::default(), Ok(()));
        let mut after = None;
        loop {
            let batches = self.batches.open_batches(now - self.grace, after.take()).await?;
            let Some(last) = batches.last() else { return outcome.map(|()| count) };
            after = Some(last.clone());
            for batch in &batches {
                let cleared = self.clear(batch, now, &mut count).await;
                outcome = outcome.and(cleared);
            }
        }
    }

    async fn clear(&self, batch: &BatchRef, now: Timestamp, count: &mut Tally) -> Result<(), SweepError> {
        let Leftovers { nobodys, kept, mut is_open } = self.look_into(batch, now).await?;
        for blob in nobodys {
            if self.blobs.delete(&blob).await.is_ok() {
                count.removed += 1;
            } else {
                count.failed += 1;
                is_open = true;
            }
        }
        for Kept { blob, of, doubt } in &kept {
            match (doubt, of) {
                // It may be what the recording is missing, and is looked at again.
                (Doubt::Unsettled, Some(of)) => {
                    let audio = DueAudio { owner: of.owner, id: of.recording.clone(), blob: blob.clone() };
                    self.deleted.note_audio(&audio, now + ORPHANS_STAY).await?;
                }
                (Doubt::Unknown(_), _) => is_open = true,
                _ => {}
            }
            count.doubtful += 1;
        }
        if !is_open {
            self.batches.close_batch(batch).await?;
        }
        Ok(())
    }

    /// What is left in all batches.
    pub async fn look(&self, now: Timestamp) -> Result<Leftovers, SweepError> {
        let (mut all, mut after) = (Leftovers::default(), None);
        loop {
            let batches = self.batches.open_batches(now - self.grace, after.take()).await?;
            let Some(last) = batches.last() else { return Ok(all) };
            after = Some(last.clone());
            for batch in &batches {
                let found = self.look_into(batch, now).await?;
                all.nobodys.extend(found.nobodys);
                all.kept.extend(found.kept);
            }
        }
    }

    /// Blobs are listed before rows are asked: one that was old and without a row when it was listed does not get one
    /// afterwards, for an upload may take half the grace at most.
    async fn look_into(&self, batch: &BatchRef, now: Timestamp) -> Result<Leftovers, SweepError> {
        let (mut found, mut after) = (Leftovers::default(), None);
        loop {
            let entries = self.batches.blobs_in(batch, after.take()).await?;
            let Some(last) = entries.last() else { return Ok(found) };
            after = Some(last.blob.clone());
            let count = entries.len();
            let old = entries.into_iter().filter(|entry| entry.modified_at < now - self.grace);
            let old: Vec<BlobRef> = old.map(|entry| entry.blob).collect();
            found.is_open |= old.len() < count;
            for blob in self.witnesses.unreferred(old).await? {
                match self.witnesses.ask(blob).await {
                    Suspect::Nobodys(blob, _) => found.nobodys.push(blob),
                    Suspect::Kept(kept) => found.kept.push(kept),
                }
            }
        }
    }
}
