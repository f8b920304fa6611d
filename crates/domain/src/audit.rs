//! Use case: look for audio that has no recording.
//!
//! It walks through all audio there is, so it is done now and then, by an operator. What it finds is not removed at once: rows
//! may be missing for reasons that nobody knows yet. It is noted, and a sweep asks for its recording again a week later.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    history::DueAudio,
    ports::{BlobError, BlobStore, Clock, DeletedStore, Ports, StoreError},
    witnesses::{Kept, ORPHANS_STAY, Suspects, Witnesses},
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
    /// Those that are nobody's, whosever they say they are.
    pub nobodys: Vec<DueAudio>,
    /// Those that may be somebody's, and stay.
    pub kept: Vec<Kept>,
}

impl Orphans {
    /// Refuses suspiciously many.
    fn admit(&self) -> Result<(), AuditError> {
        let (orphans, looked_at) = (self.nobodys.len() as u64, self.looked_at);
        if are_too_many(orphans, looked_at) { Err(AuditError::TooMany { orphans, looked_at }) } else { Ok(()) }
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
    /// So much audio without a recording is suspect: it stays as it is until somebody has looked at it.
    #[error(
        "{orphans} of {looked_at} pieces of audio have no recording: so many are suspect, perhaps the rows were put back \
         to an earlier moment"
    )]
    TooMany {
        /// How many have none.
        orphans: u64,
        /// How many there are.
        looked_at: u64,
    },
}

/// Looks for audio without a recording; safe to run while uploads go on.
#[derive(Clone)]
pub struct Audit {
    blobs: Arc<dyn BlobStore>,
    deleted: Arc<dyn DeletedStore>,
    witnesses: Witnesses,
    clock: Arc<dyn Clock>,
    grace: TimeDelta,
    has_brake: bool,
}

impl Audit {
    /// How long audio without a recording stays from when it was found so.
    pub const STAY: TimeDelta = ORPHANS_STAY;

    /// Wires the use case. Blobs younger than `grace` are left alone: their upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta) -> Self {
        let Ports { blobs, deleted, clock, .. } = ports.clone();
        Self { blobs, deleted, witnesses: Witnesses::new(ports), clock, grace, has_brake: true }
    }

    /// However much audio has no recording: somebody has looked at it.
    #[must_use]
    pub fn without_brake(self) -> Self {
        Self { has_brake: false, ..self }
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
            let Suspects { nobodys, kept } = self.witnesses.ask(blobs.collect()).await?;
            orphans.nobodys.extend(nobodys);
            orphans.kept.extend(kept);
        }
    }

    /// Has such audio be removed once it has stayed for [`Self::STAY`].
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn note(&self, orphans: &Orphans) -> Result<(), AuditError> {
        self.admit(orphans)?;
        let due_at = self.clock.now() + Self::STAY;
        for audio in &orphans.nobodys {
            self.deleted.note_audio(audio, due_at).await?;
        }
        Ok(())
    }

    /// Removes such audio now; how much was removed, and how much resists.
    ///
    /// # Errors
    /// [`AuditError::TooMany`]; nothing is removed then.
    pub async fn drop_now(&self, orphans: &Orphans) -> Result<(u64, u64), AuditError> {
        self.admit(orphans)?;
        let (mut removed, mut failed) = (0, 0);
        for orphan in &orphans.nobodys {
            match self.blobs.delete(&orphan.blob).await {
                Ok(()) => removed += 1,
                // One that resists must not keep the others.
                Err(_) => failed += 1,
            }
        }
        Ok((removed, failed))
    }

    fn admit(&self, orphans: &Orphans) -> Result<(), AuditError> {
        if self.has_brake { orphans.admit() } else { Ok(()) }
    }
}
