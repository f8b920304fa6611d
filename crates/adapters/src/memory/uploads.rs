//! Plans of uploads, and their parts, in memory.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::{BodyError, ByteStream, Provenance},
    digest::Sha256,
    id::{RecordingId, UserId},
    pending::{Parts, PendingUpload, StagedRef},
    ports::{
        Assembled, BlobError, Clock as _, PartStore, ReserveError, SettleError, StagedBlobs, StoreError, SystemClock,
        Timestamp, UploadStore,
    },
    recording::Recording,
};

use super::{Memory, Staged, State};

impl State {
    /// Whether this very plan is there, not another of its id.
    fn has(&self, plan: &PendingUpload) -> bool {
        let found = self.uploads.get(&(plan.owner, plan.id.clone()));
        found.is_some_and(|found| found.staged == plan.staged)
    }
}

#[async_trait]
impl UploadStore for Memory {
    async fn reserve(&self, plan: PendingUpload, quota: u64) -> Result<(), ReserveError> {
        let mut state = self.state();
        let key = (plan.owner, plan.id.clone());
        if let Some(existing) = state.uploads.get(&key) {
            return Err(ReserveError::Taken(Box::new(existing.clone())));
        }
        if state.used_bytes(plan.owner).saturating_add(plan.size) > quota {
            return Err(ReserveError::OverQuota);
        }
        state.uploads.insert(key, plan);
        Ok(())
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        Ok(self.state().uploads.get(&(owner, id.clone())).cloned())
    }

    async fn settle(&self, plan: &PendingUpload, recording: Recording) -> Result<(), SettleError> {
        let mut state = self.state();
        if !state.has(plan) {
            return Err(SettleError::Gone);
        }
        let key = (plan.owner, plan.id.clone());
        if let Some(existing) = state.recordings.get(&key) {
            return Err(SettleError::Taken(Box::new(existing.clone())));
        }
        state.uploads.remove(&key);
        state.recordings.insert(key, recording);
        Ok(())
    }

    async fn release(&self, plan: &PendingUpload) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_there = state.has(plan);
        if is_there {
            state.uploads.remove(&(plan.owner, plan.id.clone()));
        }
        Ok(is_there)
    }

    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        Ok(self.state().uploads.values().filter(|plan| plan.expires_at < now).cloned().collect())
    }
}

#[async_trait]
impl StagedBlobs for Memory {
    async fn begin(&self, _parts: Parts, _of: &Provenance, _sha256: Sha256) -> Result<StagedRef, BlobError> {
        let mut state = self.state();
        let staged = StagedRef::new(state.fresh_name());
        let empty = Staged { begun_at: SystemClock.now(), parts: [].into() };
        state.staged.insert(staged.clone(), empty);
        Ok(staged)
    }

    async fn assemble(&self, staged: &StagedRef, parts: Parts, of: &Provenance) -> Result<Assembled, BlobError> {
        let mut state = self.state();
        let Some(Staged { parts: sent, .. }) = state.staged.get(staged) else { return Ok(Assembled::MissingPart(1)) };
        if let Some(missing) = parts.numbers().find(|number| !sent.contains_key(number)) {
            return Ok(Assembled::MissingPart(missing));
        }
        let whole: Vec<Bytes> = sent.values().cloned().collect();
        Ok(Assembled::Whole(state.keep(of, whole.concat().into())))
    }

    async fn clear(&self, staged: &StagedRef) -> Result<(), BlobError> {
        self.state().staged.remove(staged);
        Ok(())
    }

    async fn abort(&self, staged: &StagedRef) -> Result<(), BlobError> {
        self.clear(staged).await
    }

    async fn abort_begun_before(&self, then: Timestamp) -> Result<u64, BlobError> {
        let mut state = self.state();
        let before = state.staged.len();
        state.staged.retain(|_, staged| staged.begun_at >= then);
        Ok((before - state.staged.len()) as u64)
    }
}

#[async_trait]
impl PartStore for Memory {
    async fn put_part(&self, staged: &StagedRef, number: u32, body: ByteStream<BodyError>) -> Result<(), BlobError> {
        let bytes = Bytes::from(body.try_collect::<Vec<Bytes>>().await?.concat());
        match self.state().staged.get_mut(staged) {
            Some(staged) => staged.parts.insert(number, bytes),
            None => return Err(BlobError::Unavailable("the upload is over".into())),
        };
        Ok(())
    }
}
