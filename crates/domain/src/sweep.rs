//! Use case: remove what crashes, failed deletes and expiry left behind.
//!
//! All of it was written down when it might come to be left behind: a sweep reads what is due, and costs the same however
//! many recordings there are. What nobody wrote down is found by [`Audit`](crate::audit::Audit).

mod batches;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::TimeDelta;

use self::batches::BatchSweep;
pub use self::batches::Leftovers;
use crate::{
    digest::Sha256,
    direct::release,
    erasure::{Erased, Erasure},
    history::{DueAudio, Retention},
    lineage::{Lineage, LineageError},
    ports::{
        AttemptStore, BlobError, BlobStore, Clock, DeletedStore, Ports, SingleUse, StagedBlobs, StoreError, TokenStore,
        UploadStore, UserStore,
    },
    time::Timestamp,
    witnesses::{Doubt, Judgement, Witnesses},
};

/// How long one of the two that go through audio may take: what is left then is taken up the next time, and a Lambda function
/// ends.
const LONGEST: TimeDelta = TimeDelta::minutes(4);

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs of uploads that were broken off before they had a recording: noted, and removed in a week if they have none then.
    pub orphans: u64,
    /// Blobs that are nobody's and could not be removed.
    pub failed: u64,
    /// Blobs that the index says nobody refers to, and that stay: what else there is says otherwise, or nothing.
    pub doubtful: u64,
    /// Uploads that were never completed.
    pub uploads: u64,
    /// Blobs whose parts were never put together.
    pub staged: u64,
    /// Sessions past their expiry.
    pub sessions: u64,
    /// Audio that was due: of deleted recordings, or replaced, or found without a recording a week ago.
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
}

/// Cleans up; safe to run while uploads go on, and twice at once.
#[derive(Clone)]
pub struct Sweep {
    lineage: Lineage,
    erasure: Erasure,
    batches: BatchSweep,
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
}

impl Sweep {
    /// How long a delete may take until it is finished for whoever has begun it.
    const DELETING: TimeDelta = TimeDelta::minutes(5);
    /// When audio that resists is tried again.
    const RETRY: TimeDelta = TimeDelta::hours(1);

    /// Wires the use case. Blobs younger than `grace` are left alone: their upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta, retention: Retention) -> Self {
        let (lineage, erasure) = (Lineage::new(ports), Erasure::new(ports, grace));
        let (batches, witnesses) = (BatchSweep::new(ports, grace), Witnesses::new(ports));
        let Ports { uploads, blobs, staging, users, tokens, single_use, attempts, deleted, clock, .. } = ports.clone();
        let staged = staging.blobs;
        Self {
            lineage,
            erasure,
            batches,
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
        }
    }

    /// Whether it is this process that sweeps: of all on the same stores that ask in one period of `every`, the first does.
    /// Whoever fails does not ask in the next period, so that others go on.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn is_first(&self, every: Duration) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let since_1970 = (now - Timestamp::UNIX_EPOCH).to_std().unwrap_or_default();
        let period = since_1970.as_nanos() / every.as_nanos().max(1);
        let turn = Sha256::of(format!("sweep {period} of {every:?}").as_bytes());
        self.single_use.use_up(turn, now + 2 * every).await
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
        let due = self.remove_due(now).await;
        let tombstones = self.forget_deleted(now).await;
        // Nobody is gone before audio that resisted their deletion is, and audio that only their rows spoke for goes after them.
        let erased = self.erasure.run().await;
        let left = self.batches.run(now).await;
        let (due, left, Erased { gone: erased, late: unerased }) = (due?, left?, erased?);
        Ok(Swept {
            orphans: left.orphans,
            failed: due.failed,
            doubtful: due.doubtful + left.doubtful,
            deleted: due.removed,
            tombstones: tombstones?,
            erased,
            unerased,
            ..Swept::default()
        })
    }

    /// Begins another generation, so that copies are told from now on; a full disk, for instance, on which that cannot be
    /// noted, is swept all the same.
    async fn go_on_together(&self) -> Result<(), LineageError> {
        match self.lineage.advance().await {
            Err(LineageError::Rows(_) | LineageError::Blobs(_)) => self.lineage.check().await,
            outcome => outcome,
        }
    }

    /// Removes audio that is due.
    ///
    /// Whoever deletes does so at once: what was deleted a moment ago is theirs. Audio that a recording refers to stays,
    /// and audio that says it is of another, whatever is due: a bit may have turned over in what is.
    async fn remove_due(&self, now: Timestamp) -> Result<Tally, SweepError> {
        let (mut count, mut seen, until) = (Tally::default(), HashSet::new(), now + LONGEST);
        loop {
            let due = self.deleted.audio_to_remove(now - Self::DELETING).await?;
            // A list that lags behind shows what it has shown, and would do so for ever.
            let due: Vec<_> = due.into_iter().filter(|audio| seen.insert(audio.blob.clone())).collect();
            if due.is_empty() || self.clock.now() >= until {
                return Ok(count);
            }
            for audio in &due {
                self.remove_one(audio, now, &mut count).await?;
            }
        }
    }

    async fn remove_one(&self, audio: &DueAudio, now: Timestamp, count: &mut Tally) -> Result<(), SweepError> {
        let (judgement, was_deleted) = self.witnesses.ask_due(audio).await?;
        let is_settled = match judgement {
            Judgement::Nobodys if self.blobs.delete(&audio.blob).await.is_err() => {
                count.failed += 1;
                false
            }
            Judgement::Nobodys => {
                count.removed += 1;
                true
            }
            Judgement::Doubtful(Doubt::Referred) => true,
            Judgement::Doubtful(_) => {
                count.doubtful += 1;
                false
            }
        };
        if is_settled {
            // Where nothing was deleted, there is nothing to remember.
            let forget_at = if was_deleted { now + self.retention.lifetime } else { now };
            self.deleted.audio_removed(audio, forget_at).await?;
        } else {
            self.deleted.put_off_audio(audio, now + Self::RETRY).await?;
        }
        Ok(())
    }

    /// Some of the audio that is due.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn due(&self) -> Result<Vec<DueAudio>, SweepError> {
        Ok(self.deleted.audio_to_remove(self.clock.now() - Self::DELETING).await?)
    }

    /// What was left behind by uploads that were broken off, of which nothing is removed.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn leftovers(&self) -> Result<Leftovers, SweepError> {
        self.batches.look(self.clock.now()).await
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
                if release(&*self.uploads, &*self.staged, &upload, now).await? {
                    released += 1;
                    // The parts alone: what else may be left of it is noted, and looked at when it is due.
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
}

/// How much audio came to what.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    removed: u64,
    failed: u64,
    doubtful: u64,
}
