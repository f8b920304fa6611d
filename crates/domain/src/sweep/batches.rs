//! Batches that were left open: of each blob in them it is asked whether a recording refers to it.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{LONGEST, SweepError};
use crate::{
    blob::BlobRef,
    history::DueAudio,
    ports::{BatchRef, Batches, Clock, DeletedStore, Ports},
    time::Timestamp,
    witnesses::{Doubt, Kept, ORPHANS_STAY, Suspects, Witnesses},
};

/// What was found in batches that were left open.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Blobs that are nobody's.
    pub nobodys: Vec<DueAudio>,
    /// Blobs that may be somebody's, and stay.
    pub kept: Vec<Kept>,
    /// Whether the fate of some blob is not known yet.
    is_open: bool,
}

/// How much audio of batches came to what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// It has no recording.
    pub orphans: u64,
    /// It may have one.
    pub doubtful: u64,
}

/// Looks through batches.
#[derive(Clone)]
pub struct BatchSweep {
    batches: Arc<dyn Batches>,
    clock: Arc<dyn Clock>,
    deleted: Arc<dyn DeletedStore>,
    witnesses: Witnesses,
    grace: TimeDelta,
}

impl BatchSweep {
    /// Blobs younger than `grace` are left alone.
    pub fn new(ports: &Ports, grace: TimeDelta) -> Self {
        let Ports { batches, clock, deleted, .. } = ports.clone();
        Self { batches, clock, deleted, witnesses: Witnesses::new(ports), grace }
    }

    /// Notes what has no recording, to be looked at again in a week, and closes what was looked through. One batch that fails
    /// keeps no other from that.
    pub async fn run(&self, now: Timestamp) -> Result<Found, SweepError> {
        let (mut found, mut outcome, until) = (Found::default(), Ok(()), now + LONGEST);
        let mut after = None;
        loop {
            let batches = self.batches.open_batches(now - self.grace, after.take()).await?;
            let Some(last) = batches.last() else { return outcome.map(|()| found) };
            after = Some(last.clone());
            for batch in &batches {
                if self.clock.now() >= until {
                    return outcome.map(|()| found);
                }
                let closed = self.close(batch, now, &mut found).await;
                outcome = outcome.and(closed);
            }
        }
    }

    async fn close(&self, batch: &BatchRef, now: Timestamp, found: &mut Found) -> Result<(), SweepError> {
        let Leftovers { nobodys, kept, mut is_open } = self.look_into(batch, now).await?;
        for audio in nobodys {
            self.deleted.note_audio(&audio, now + ORPHANS_STAY).await?;
            found.orphans += 1;
        }
        for Kept { blob, of, doubt } in kept {
            match (doubt, of) {
                // It may be what the recording is missing now.
                (Doubt::Unsettled, Some(of)) => {
                    self.deleted.note_audio(&DueAudio::new(&of, blob), now + ORPHANS_STAY).await?;
                }
                (Doubt::Unknown(_), _) => is_open = true,
                _ => {}
            }
            found.doubtful += 1;
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
            let Suspects { nobodys, kept } = self.witnesses.ask(old).await?;
            found.nobodys.extend(nobodys);
            found.kept.extend(kept);
        }
    }
}
