//! Use case: remove what crashes, failed deletes and expiry left behind.

mod orphans;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::TimeDelta;

pub use self::orphans::{Doubt, Kept, Orphans, are_too_many};
pub(crate) use self::orphans::{Judgement, Witnesses};
use crate::{
    blob::{BlobRef, Provenance},
    erasure::{Erased, Erasure},
    history::{DeletedAudio, Retention},
    lineage::{Lineage, LineageError},
    ports::{
        AttemptStore, BlobError, BlobStore, Clock, DeletedStore, Ports, SingleUse, StagedBlobs, StoreError, TokenStore,
        UploadStore, UserStore,
    },
    time::Timestamp,
};

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs that no recording referred to.
    pub blobs: u64,
    /// Such blobs that could not be removed.
    pub failed: u64,
    /// Blobs that the index says nobody refers to, and that stay: what else there is says otherwise, or nothing.
    pub doubtful: u64,
    /// Uploads that were never completed.
    pub uploads: u64,
    /// Blobs whose parts were never put together.
    pub staged: u64,
    /// Sessions past their expiry.
    pub sessions: u64,
    /// Audio of deleted recordings that was not removed at once.
    pub deleted: u64,
    /// Deleted recordings that need not be remembered any more.
    pub tombstones: u64,
    /// Users of whom nothing is left.
    pub erased: u64,
    /// Users of whom something is left that should be gone.
    pub unerased: u64,
}

/// Why a sweep stopped early; what it did stays done.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// Rows and audio have different histories, or it cannot be told; no audio was removed.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// So much audio without a recording is suspect: it stays until somebody has looked at it.
    #[error(
        "{orphans} of {looked_at} pieces of audio have no recording: so many are not removed unless that is confirmed; \
         perhaps the rows were put back to an earlier moment"
    )]
    TooMany {
        /// How many pieces of audio no recording refers to.
        orphans: u64,
        /// How many pieces of audio there are.
        looked_at: u64,
    },
}

/// Cleans up; safe to run while uploads go on, and twice at once.
#[derive(Clone)]
pub struct Sweep {
    lineage: Lineage,
    erasure: Erasure,
    witnesses: Witnesses,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
    staged: Arc<dyn StagedBlobs>,
    users: Arc<dyn UserStore>,
    tokens: Arc<dyn TokenStore>,
    single_use: Arc<dyn SingleUse>,
    attempts: Arc<dyn AttemptStore>,
    deleted: Arc<dyn DeletedStore>,
    clock: Arc<dyn Clock>,
    grace: TimeDelta,
    retention: Retention,
    has_brake: bool,
}

impl Sweep {
    /// How long a delete may take until it is finished for whoever has begun it.
    const DELETING: TimeDelta = TimeDelta::minutes(5);

    /// Wires the use case. Blobs younger than `grace` are left alone: their upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta, retention: Retention) -> Self {
        let lineage = Lineage::new(ports);
        let (erasure, witnesses) = (Erasure::new(ports, grace), Witnesses::new(ports));
        let Ports { uploads, blobs, staging, users, tokens, single_use, attempts, deleted, clock, .. } = ports.clone();
        let (staged, has_brake) = (staging.blobs, true);
        Self {
            lineage,
            erasure,
            witnesses,
            uploads,
            blobs,
            staged,
            users,
            tokens,
            single_use,
            attempts,
            deleted,
            clock,
            grace,
            retention,
            has_brake,
        }
    }

    /// Removes audio without a recording however much there is of it: somebody has looked at it.
    #[must_use]
    pub fn without_brake(self) -> Self {
        Self { has_brake: false, ..self }
    }

    /// Goes once through everything that may be left over. Nothing is removed on the word of rows that have another history
    /// than the audio.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn run(&self) -> Result<Swept, SweepError> {
        let now = self.clock.now();
        let uploads = self.forget_uploads(now).await;
        let staged = self.staged.abort_begun_before(now - self.grace).await;
        let sessions = self.users.remove_expired_sessions(now).await;
        let tokens = self.tokens.forget_tokens(now).await;
        let used = self.single_use.forget_used(now).await;
        let attempts = self.attempts.forget_attempts(now).await;
        let removed = self.remove(now).await;
        // What fails keeps nothing else from being swept.
        used.and(attempts).and(tokens)?;
        Ok(Swept { uploads: uploads?, staged: staged?, sessions: sessions?, ..removed? })
    }

    /// Removes audio, and what knows of it.
    async fn remove(&self, now: Timestamp) -> Result<Swept, SweepError> {
        self.go_on_together().await?;
        let deleted = self.remove_deleted(now).await;
        let tombstones = self.forget_deleted(now).await;
        // Nobody is gone before audio that resisted their deletion is, and audio that only their rows spoke for goes after them.
        let erased = self.erasure.run().await;
        let orphans = self.sweep_orphans().await;
        let ((blobs, resisting, doubtful), (deleted, failed)) = (orphans?, deleted?);
        let Erased { gone: erased, late: unerased } = erased?;
        let (failed, tombstones) = (failed + resisting, tombstones?);
        Ok(Swept { blobs, failed, doubtful, deleted, tombstones, erased, unerased, ..Swept::default() })
    }

    /// Begins another generation, so that copies are told from now on; a full disk, for instance, on which that cannot be
    /// noted, is swept all the same.
    async fn go_on_together(&self) -> Result<(), LineageError> {
        match self.lineage.advance().await {
            Err(LineageError::Rows(_) | LineageError::Blobs(_)) => self.lineage.check().await,
            outcome => outcome,
        }
    }

    /// Removes audio whose recording is deleted; how much was removed, and how much resists.
    ///
    /// Whoever deletes does so at once: what was deleted a moment ago is theirs. Audio that a recording refers to stays,
    /// and audio that says it is of another, whatever is due: a bit may have turned over in what is.
    async fn remove_deleted(&self, now: Timestamp) -> Result<(u64, u64), SweepError> {
        let (mut removed, mut failed) = (0, 0);
        loop {
            let due = self.deleted.audio_to_remove(now - Self::DELETING).await?;
            if due.is_empty() {
                return Ok((removed, failed));
            }
            let unreferred = self.witnesses.unreferred(due.iter().map(|audio| audio.blob.clone()).collect()).await?;
            for audio in &due {
                let Some(is_orphan) = self.is_orphan(audio, &unreferred).await else {
                    failed += 1;
                    continue;
                };
                if is_orphan && self.blobs.delete(&audio.blob).await.is_err() {
                    failed += 1;
                    continue;
                }
                self.deleted.audio_removed(audio, now + self.retention.lifetime).await?;
                removed += u64::from(is_orphan);
            }
            // The next list would begin with what resists.
            if failed > 0 {
                return Ok((removed, failed));
            }
        }
    }

    /// Whether audio that is to be removed is nobody's, besides what the index says; `None` if that cannot be told.
    async fn is_orphan(&self, audio: &DeletedAudio, unreferred: &[BlobRef]) -> Option<bool> {
        let DeletedAudio { owner, id, blob } = audio;
        if !unreferred.contains(blob) {
            return Some(false);
        }
        match self.blobs.provenance(blob).await {
            Ok(Some(of)) if of != (Provenance { owner: *owner, recording: id.clone() }) => None,
            Ok(Some(of)) => match self.witnesses.judge(blob, &of).await {
                // Whoever deleted it has said so: nothing depends on what its id has come to since.
                Judgement::Nobodys | Judgement::Doubtful(Doubt::Unsettled) => Some(true),
                Judgement::Doubtful(Doubt::Referred) => Some(false),
                Judgement::Doubtful(Doubt::Unknown(_)) => None,
            },
            // Older audio does not say; what was noted when it was deleted does.
            Ok(None) => Some(true),
            Err(_) => None,
        }
    }

    /// Some of the audio of deleted recordings that is to be removed.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn deleted(&self) -> Result<Vec<DeletedAudio>, SweepError> {
        Ok(self.deleted.audio_to_remove(self.clock.now() - Self::DELETING).await?)
    }

    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, SweepError> {
        let mut forgotten = 0;
        loop {
            match self.deleted.forget_deleted(now).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
        }
    }

    /// The row goes first: whoever completes the upload at this moment finds it gone, or made it a recording.
    async fn forget_uploads(&self, now: Timestamp) -> Result<u64, SweepError> {
        let mut forgotten = 0;
        loop {
            let mut released = 0;
            for upload in self.uploads.expired_uploads(now).await? {
                if self.uploads.release(&upload).await? {
                    released += 1;
                    // The parts alone: if these rows are older than the store, a recording was made of them since. Whatever
                    // else there is, and what resists, is swept by its age, as all audio without a recording.
                    let _ = self.staged.clear(&upload.staged).await;
                }
            }
            forgotten += released;
            // A list that lags behind shows uploads that are gone, and would do so for ever.
            if released == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// Walks through the blob store; how many orphans were removed, how many resist, and how many stay in doubt.
    async fn sweep_orphans(&self) -> Result<(u64, u64, u64), SweepError> {
        let orphans = self.orphans().await?;
        let (removed, failed) = self.remove_orphans(&orphans).await?;
        Ok((removed, failed, orphans.kept.len() as u64))
    }

    /// Audio that no recording refers to, of which nothing is removed yet.
    ///
    /// Blobs are listed before rows are asked: a blob that was old and without a row when it was listed
    /// does not get one afterwards, for an upload may take half the grace at most.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn orphans(&self) -> Result<Orphans, SweepError> {
        let old = self.clock.now() - self.grace;
        let (mut suspects, mut looked_at, mut after) = (Vec::new(), 0, None);
        loop {
            let entries = self.blobs.list(after.take()).await?;
            let Some(last) = entries.last() else { break };
            after = Some(last.blob.clone());
            looked_at += entries.len() as u64;
            let blobs = entries.into_iter().filter(|entry| entry.modified_at < old).map(|entry| entry.blob);
            suspects.extend(self.witnesses.unreferred(blobs.collect()).await?);
        }
        Ok(self.witnesses.examine(suspects, looked_at).await?)
    }

    /// Removes such audio, unless there is suspiciously much of it; how much was removed, and how much resists.
    ///
    /// # Errors
    /// [`SweepError::TooMany`]; nothing is removed then.
    pub async fn remove_orphans(&self, orphans: &Orphans) -> Result<(u64, u64), SweepError> {
        if self.has_brake && orphans.are_too_many() {
            let Orphans { nobodys, looked_at, .. } = orphans;
            return Err(SweepError::TooMany { orphans: nobodys.len() as u64, looked_at: *looked_at });
        }
        let (mut removed, mut failed) = (0, 0);
        for orphan in &orphans.nobodys {
            match self.blobs.delete(orphan).await {
                Ok(()) => removed += 1,
                // One that resists must not keep the others.
                Err(_) => failed += 1,
            }
        }
        Ok((removed, failed))
    }
}
