//! Use case: look for audio that has no recording, and that nobody has written down to be removed.
//!
//! It walks through all audio there is, so it is done now and then, by an operator. What it finds is not removed at once: rows
//! may be missing for reasons that nobody knows yet. It is noted, and a sweep asks for its recording again a week later.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    blob::{BlobRef, Provenance},
    history::DueAudio,
    ports::{BlobError, BlobStore, Clock, DeletedStore, Ports, StoreError},
    witnesses::{Kept, ORPHANS_STAY, Suspect, Witnesses},
};

/// So much is removed however little there is.
const UNSUSPICIOUS: u64 = 100;
/// Of so many, one may be removed.
const ONE_OF: u64 = 1_000;

/// What was found without a recording.
#[derive(Debug, Default)]
pub struct Orphans {
    /// How many blobs there are.
    pub looked_at: u64,
    /// Those that are nobody's, and whose they say they are.
    pub nobodys: Vec<(BlobRef, Provenance)>,
    /// Those that may be somebody's, and stay.
    pub kept: Vec<Kept>,
}

impl Orphans {
    /// Whether so many are suspect.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        are_too_many(self.nobodys.len() as u64, self.looked_at)
    }
}

/// Whether it is suspect to find so many leftovers of so many.
#[must_use]
pub fn are_too_many(found: u64, looked_at: u64) -> bool {
    found > UNSUSPICIOUS.max(looked_at / ONE_OF)
}

/// Why an audit stopped early.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Looks for audio without a recording; safe to run while uploads go on.
#[derive(Clone)]
pub struct Audit {
    blobs: Arc<dyn BlobStore>,
    deleted: Arc<dyn DeletedStore>,
    witnesses: Witnesses,
    clock: Arc<dyn Clock>,
    grace: TimeDelta,
}

impl Audit {
    /// How long audio without a recording stays from when it was found so.
    pub const STAY: TimeDelta = ORPHANS_STAY;

    /// Wires the use case. Blobs younger than `grace` are left alone: their upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta) -> Self {
        let Ports { blobs, deleted, clock, .. } = ports.clone();
        Self { blobs, deleted, witnesses: Witnesses::new(ports), clock, grace }
    }

    /// Audio that no recording refers to.
    ///
    /// Blobs are listed before rows are asked: a blob that was old and without a row when it was listed
    /// does not get one afterwards, for an upload may take half the grace at most.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn orphans(&self) -> Result<Orphans, AuditError> {
        let old = self.clock.now() - self.grace;
        let (mut orphans, mut after) = (Orphans::default(), None);
        loop {
            let entries = self.blobs.list(after.take()).await?;
            let Some(last) = entries.last() else { return Ok(orphans) };
            after = Some(last.blob.clone());
            orphans.looked_at += entries.len() as u64;
            let blobs = entries.into_iter().filter(|entry| entry.modified_at < old).map(|entry| entry.blob);
            for blob in self.witnesses.unreferred(blobs.collect()).await? {
                match self.witnesses.ask(blob).await {
                    Suspect::Nobodys(blob, of) => orphans.nobodys.push((blob, of)),
                    Suspect::Kept(kept) => orphans.kept.push(kept),
                }
            }
        }
    }

    /// Has such audio be removed once it has stayed for [`Self::STAY`].
    ///
    /// # Errors
    /// A failing row store.
    pub async fn note(&self, orphans: &Orphans) -> Result<(), StoreError> {
        let due_at = self.clock.now() + Self::STAY;
        for (blob, Provenance { owner, recording }) in &orphans.nobodys {
            let audio = DueAudio { owner: *owner, id: recording.clone(), blob: blob.clone() };
            self.deleted.note_audio(&audio, due_at).await?;
        }
        Ok(())
    }

    /// Removes such audio now; how much was removed, and how much resists.
    pub async fn drop_now(&self, orphans: &Orphans) -> (u64, u64) {
        let (mut removed, mut failed) = (0, 0);
        for (orphan, _) in &orphans.nobodys {
            match self.blobs.delete(orphan).await {
                Ok(()) => removed += 1,
                // One that resists must not keep the others.
                Err(_) => failed += 1,
            }
        }
        (removed, failed)
    }
}
