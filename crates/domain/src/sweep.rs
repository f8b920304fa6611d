//! Use case: remove what crashes, failed deletes and expiry left behind.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    blob::BlobRef,
    history::Retention,
    ports::{
        BlobError, BlobStore, Clock, DeletedStore, Ports, RecordStore, StagedBlobs, StoreError, Timestamp, UploadStore,
        UserStore,
    },
};

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs that no recording referred to.
    pub blobs: u64,
    /// Such blobs that could not be removed.
    pub failed: u64,
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
}

/// Cleans up; safe to run while uploads go on, and twice at once.
#[derive(Clone)]
pub struct Sweep {
    records: Arc<dyn RecordStore>,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
    staged: Arc<dyn StagedBlobs>,
    users: Arc<dyn UserStore>,
    deleted: Arc<dyn DeletedStore>,
    clock: Arc<dyn Clock>,
    grace: TimeDelta,
    retention: Retention,
}

impl Sweep {
    /// How long a delete may take until it is finished for whoever has begun it.
    const DELETING: TimeDelta = TimeDelta::minutes(5);

    /// Wires the use case. Blobs younger than `grace` are left alone: their upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta, retention: Retention) -> Self {
        let Ports { records, uploads, blobs, staging, users, deleted, clock, .. } = ports.clone();
        Self { records, uploads, blobs, staged: staging.blobs, users, deleted, clock, grace, retention }
    }

    /// Goes once through everything that may be left over.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn run(&self) -> Result<Swept, SweepError> {
        let now = self.clock.now();
        let uploads = self.forget_uploads(now).await;
        let staged = self.staged.abort_begun_before(now - self.grace).await;
        let deleted = self.remove_deleted(now).await;
        let tombstones = self.forget_deleted(now).await;
        let orphans = self.remove_orphans(now).await;
        let sessions = self.users.remove_expired_sessions(now).await;
        // What fails keeps nothing else from being swept.
        let ((blobs, failed), (deleted, resisting)) = (orphans?, deleted?);
        Ok(Swept {
            blobs,
            failed: failed + resisting,
            uploads: uploads?,
            staged: staged?,
            sessions: sessions?,
            deleted,
            tombstones: tombstones?,
        })
    }

    /// Removes audio whose recording is deleted; how much was removed, and how much resists.
    ///
    /// Whoever deletes does so at once: what was deleted a moment ago is theirs. Audio that a recording refers to stays,
    /// whatever is due: a bit may have turned over in what is.
    async fn remove_deleted(&self, now: Timestamp) -> Result<(u64, u64), SweepError> {
        let (mut removed, mut failed) = (0, 0);
        loop {
            let due = self.deleted.audio_to_remove(now - Self::DELETING).await?;
            if due.is_empty() {
                return Ok((removed, failed));
            }
            let orphans = self.records.orphans(due.iter().map(|audio| audio.blob.clone()).collect()).await?;
            for audio in &due {
                let is_orphan = orphans.contains(&audio.blob);
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
                    // What resists is swept by its age.
                    let _ = self.staged.abort(&upload.staged).await;
                }
            }
            forgotten += released;
            // A list that lags behind shows uploads that are gone, and would do so for ever.
            if released == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// Walks the blob store; how many orphans were removed, and how many resist.
    async fn remove_orphans(&self, now: Timestamp) -> Result<(u64, u64), SweepError> {
        let (mut removed, mut failed) = (0, 0);
        let mut walk = Walk::default();
        while let Some(orphans) = self.next_orphans(&mut walk, now).await? {
            for orphan in orphans {
                match self.blobs.delete(&orphan).await {
                    Ok(()) => removed += 1,
                    // One that resists must not keep the others.
                    Err(_) => failed += 1,
                }
            }
        }
        Ok((removed, failed))
    }

    /// What [`Self::run`] would remove of the blobs, without removing any.
    ///
    /// # Errors
    /// [`SweepError`].
    pub async fn orphans(&self) -> Result<Vec<BlobRef>, SweepError> {
        let (now, mut walk, mut all) = (self.clock.now(), Walk::default(), Vec::new());
        while let Some(orphans) = self.next_orphans(&mut walk, now).await? {
            all.extend(orphans);
        }
        Ok(all)
    }

    /// Some more orphans, perhaps none; `None` at the end of the walk.
    ///
    /// Blobs are listed before rows are asked: a blob that was old and without a row when it was listed
    /// does not get one afterwards, for an upload may take half the grace at most.
    async fn next_orphans(&self, walk: &mut Walk, now: Timestamp) -> Result<Option<Vec<BlobRef>>, SweepError> {
        let entries = self.blobs.list(walk.after.take()).await?;
        let Some(last) = entries.last() else { return Ok(None) };
        walk.after = Some(last.blob.clone());
        let old = entries.into_iter().filter(|entry| entry.modified_at < now - self.grace);
        Ok(Some(self.records.orphans(old.map(|entry| entry.blob).collect()).await?))
    }
}

/// How far a walk through the blobs has come.
#[derive(Default)]
struct Walk {
    after: Option<BlobRef>,
}

#[cfg(test)]
mod tests {
    use mockall::{Sequence, predicate::eq};

    use super::*;
    use crate::{
        history::DeletedAudio,
        id::{RecordingId, UserId},
        pending::{LinkKey, PendingUpload, StagedRef},
        ports::BlobEntry,
        recording::Recording,
        testing::{TestPorts, recording, timestamp},
    };

    const NOW: &str = "2026-11-23T12:00:00Z";

    #[tokio::test]
    async fn only_old_blobs_without_a_recording_are_removed() {
        let mut ports = TestPorts::at(NOW);
        let now = ports.now();
        let blob = |name: &str| BlobRef::new(name.to_owned());
        let entry = move |name: &str, hours| BlobEntry { blob: blob(name), modified_at: now - TimeDelta::hours(hours) };
        ports.uploads.expect_expired_uploads().with(eq(now)).returning(|_| Ok(Vec::new()));
        ports.staged.expect_abort_begun_before().with(eq(now - TimeDelta::hours(24))).returning(|_| Ok(2));
        ports.users.expect_remove_expired_sessions().with(eq(now)).returning(|_| Ok(3));
        nothing_deleted(&mut ports);
        ports
            .blobs
            .expect_list()
            .with(eq(None))
            .returning(move |_| Ok(vec![entry("kept", 30), entry("stuck", 30), entry("orphan", 30)]));
        ports.blobs.expect_list().with(eq(Some(blob("orphan")))).returning(move |_| Ok(vec![entry("young", 1)]));
        ports.blobs.expect_list().with(eq(Some(blob("young")))).returning(|_| Ok(Vec::new()));
        ports.records.expect_orphans().returning(move |blobs| {
            assert!(!blobs.contains(&blob("young")), "it may still be uploading");
            Ok(blobs.into_iter().filter(|found| *found != blob("kept")).collect())
        });
        ports.blobs.expect_delete().times(2).returning(move |found| {
            if *found == blob("stuck") { Err(BlobError::Unavailable("it resists".into())) } else { Ok(()) }
        });

        let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

        assert_eq!(
            swept.expect("stores answer"),
            Swept { blobs: 1, failed: 1, staged: 2, sessions: 3, ..Swept::default() }
        );
    }

    #[tokio::test]
    async fn an_expired_plan_goes_before_what_was_sent_for_it() {
        let mut ports = nothing_else_to_sweep();
        let mut order = Sequence::new();
        expect_expired(&mut ports, &mut order, vec![plan("first"), plan("stuck")]);
        for (name, aborted) in [("first", Ok(())), ("stuck", Err(BlobError::Unavailable("it resists".into())))] {
            ports
                .uploads
                .expect_release()
                .with(eq(plan(name)))
                .times(1)
                .in_sequence(&mut order)
                .returning(|_| Ok(true));
            let staged = plan(name).staged;
            ports.staged.expect_abort().with(eq(staged)).times(1).in_sequence(&mut order).return_once(|_| aborted);
        }
        // As many as suit the store, until there are none.
        expect_expired(&mut ports, &mut order, vec![plan("last")]);
        ports.uploads.expect_release().with(eq(plan("last"))).times(1).in_sequence(&mut order).returning(|_| Ok(true));
        ports.staged.expect_abort().times(1).in_sequence(&mut order).returning(|_| Ok(()));
        expect_expired(&mut ports, &mut order, Vec::new());

        let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

        assert_eq!(swept.expect("stores answer"), Swept { uploads: 3, ..Swept::default() });
    }

    #[tokio::test]
    async fn a_plan_that_is_completed_meanwhile_keeps_its_blob() {
        let mut ports = nothing_else_to_sweep();
        let mut order = Sequence::new();
        expect_expired(&mut ports, &mut order, vec![plan("completed")]);
        ports.uploads.expect_release().times(1).returning(|_| Ok(false));
        ports.staged.expect_abort().never();

        let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

        assert_eq!(swept.expect("stores answer"), Swept::default());
    }

    #[tokio::test]
    async fn what_was_sent_stays_when_the_fate_of_its_plan_is_unknown() {
        let mut ports = nothing_else_to_sweep();
        ports.uploads.expect_expired_uploads().returning(|_| Ok(vec![plan("expired")]));
        ports.uploads.expect_release().returning(|_| Err(StoreError::Unavailable("timed out".into())));
        ports.staged.expect_abort().never();

        let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

        assert!(matches!(swept, Err(SweepError::Rows(_))), "{swept:?}");
    }

    #[tokio::test]
    async fn audio_of_what_was_deleted_is_removed_and_noted() {
        let mut ports = TestPorts::at(NOW);
        let now = ports.now();
        ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
        ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
        ports.blobs.expect_list().returning(|_| Ok(Vec::new()));
        ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
        let mut order = Sequence::new();
        let audio = |blob: &str| {
            let Recording { owner, id, .. } = recording(UserId::generate(timestamp(NOW)), b"speech");
            DeletedAudio { owner, id, blob: BlobRef::new(blob.to_owned()) }
        };
        let (first, stuck, referred_to) = (audio("first"), audio("stuck"), audio("referred to"));
        let listed = vec![first.clone(), stuck.clone(), referred_to.clone()];
        let then = now - TimeDelta::minutes(5);
        ports
            .deleted
            .expect_audio_to_remove()
            .with(eq(then))
            .times(1)
            .in_sequence(&mut order)
            .return_once(|_| Ok(listed));
        let orphans = [first.blob.clone(), stuck.blob.clone()];
        ports.records.expect_orphans().returning(move |_| Ok(orphans.to_vec()));
        ports
            .deleted
            .expect_audio_removed()
            .with(eq(referred_to.clone()), eq(now + TimeDelta::days(180)))
            .times(1)
            .returning(|_, _| Ok(()));
        ports.blobs.expect_delete().with(eq(first.blob.clone())).times(1).returning(|_| Ok(()));
        let resists = |_: &BlobRef| Err(BlobError::Unavailable("it resists".into()));
        ports.blobs.expect_delete().with(eq(stuck.blob)).times(1).returning(resists);
        ports
            .deleted
            .expect_audio_removed()
            .with(eq(first), eq(now + TimeDelta::days(180)))
            .times(1)
            .returning(|_, _| Ok(()));
        ports.deleted.expect_forget_deleted().times(1).in_sequence(&mut order).returning(|_| Ok(7));
        ports.deleted.expect_forget_deleted().times(1).in_sequence(&mut order).returning(|_| Ok(0));

        let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

        let expected = Swept { deleted: 1, failed: 1, tombstones: 7, ..Swept::default() };
        assert_eq!(swept.expect("stores answer"), expected);
    }

    /// Stores with no leftovers but plans.
    fn nothing_else_to_sweep() -> TestPorts {
        let mut ports = TestPorts::at(NOW);
        ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
        ports.blobs.expect_list().returning(|_| Ok(Vec::new()));
        ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
        nothing_deleted(&mut ports);
        ports
    }

    fn nothing_deleted(ports: &mut TestPorts) {
        ports.deleted.expect_audio_to_remove().returning(|_| Ok(Vec::new()));
        ports.deleted.expect_forget_deleted().returning(|_| Ok(0));
    }

    fn expect_expired(ports: &mut TestPorts, order: &mut Sequence, plans: Vec<PendingUpload>) {
        let now = ports.now();
        ports.uploads.expect_expired_uploads().with(eq(now)).times(1).in_sequence(order).return_once(|_| Ok(plans));
    }

    /// A plan whose parts are in a place of this name.
    fn plan(staged: &str) -> PendingUpload {
        let recorded = recording(UserId::generate(timestamp(NOW)), b"speech");
        PendingUpload {
            id: RecordingId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARF").expect("a ULID"),
            owner: UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID"),
            details: recorded.details,
            size: recorded.size,
            sha256: recorded.sha256,
            again: false,
            staged: StagedRef::new(staged.to_owned()),
            key: LinkKey([7; 32]),
            expires_at: timestamp(NOW),
        }
    }
}
