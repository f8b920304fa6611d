//! Plans of uploads, and their parts, in memory.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::{BlobRef, BodyError, ByteStream, Provenance},
    digest::Sha256,
    history::DueAudio,
    id::{RecordingId, UserId},
    page::Limit,
    pending::{Parts, PendingUpload, StagedRef},
    ports::{
        Assembled, BlobError, BlobStore as _, InsertError, PartStore, ReserveError, SettleError, StagedBlobs,
        StoreError, UploadStore,
    },
    quota::{Quota, weight},
    recording::Recording,
    time::Timestamp,
};

use super::{Memory, Staged, State, fresh_name};

impl State {
    /// Whether this very upload is there, not another of its id.
    fn has(&self, upload: &PendingUpload) -> bool {
        let found = self.uploads.get(&(upload.owner, upload.id.clone()));
        found.is_some_and(|found| found.staged == upload.staged)
    }

    /// `false` if this very upload is not there.
    fn take_out(&mut self, upload: &PendingUpload) -> bool {
        let is_there = self.has(upload);
        if is_there {
            self.uploads.remove(&(upload.owner, upload.id.clone()));
            let counters = self.counters(upload.owner);
            counters.reserved_bytes -= weight(upload.size);
            counters.uploads -= 1;
        }
        is_there
    }
}

#[async_trait]
impl UploadStore for Memory {
    async fn reserve(&self, upload: PendingUpload, quota: Quota) -> Result<(), ReserveError> {
        let mut state = self.state();
        let key = (upload.owner, upload.id.clone());
        if let Some(existing) = state.uploads.get(&key) {
            return Err(ReserveError::Taken(Box::new(existing.clone())));
        }
        let counters = state.counters(upload.owner);
        quota.admit_upload(counters, upload.size).map_err(ReserveError::OverQuota)?;
        counters.reserved_bytes += weight(upload.size);
        counters.uploads += 1;
        state.uploads.insert(key, upload);
        Ok(())
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        Ok(self.state().uploads.get(&(owner, id.clone())).cloned())
    }

    async fn uploads(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<Vec<PendingUpload>, StoreError> {
        let state = self.state();
        let own = state.uploads.values().filter(|upload| upload.owner == owner);
        let behind = own.filter(|upload| after.as_ref().is_none_or(|after| upload.id > *after));
        Ok(behind.take(limit.get() + 1).cloned().collect())
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError> {
        let mut state = self.state();
        if !state.has(upload) {
            return Err(SettleError::Gone);
        }
        match state.refusal(upload.owner, &upload.id, upload.again) {
            Some(InsertError::Taken(existing)) => return Err(SettleError::Taken(existing)),
            Some(InsertError::Deleted(deleted)) => return Err(SettleError::Deleted(deleted)),
            _ => {}
        }
        state.take_out(upload);
        Ok(state.keep_recording(recording))
    }

    async fn release(&self, upload: &PendingUpload, left: Option<(DueAudio, Timestamp)>) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_there = state.take_out(upload);
        if let (true, Some((audio, due_at))) = (is_there, left) {
            state.remove_at(audio, due_at);
        }
        Ok(is_there)
    }

    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        Ok(self.state().uploads.values().filter(|upload| upload.expires_at < now).cloned().collect())
    }
}

#[async_trait]
impl StagedBlobs for Memory {
    async fn begin(&self, _parts: Parts, _of: &Provenance, _sha256: Sha256) -> Result<StagedRef, BlobError> {
        let mut state = self.state();
        let staged = StagedRef::new(fresh_name());
        let empty = Staged { begun_at: self.clock.now(), parts: [].into() };
        state.staged.insert(staged.clone(), empty);
        Ok(staged)
    }

    fn destination(&self, _: &StagedRef) -> Option<BlobRef> {
        None
    }

    async fn sent(&self, staged: &StagedRef, _parts: Parts) -> Result<Vec<u32>, BlobError> {
        let state = self.state();
        Ok(state.staged.get(staged).map(|staged| staged.parts.keys().copied().collect()).unwrap_or_default())
    }

    async fn assemble(&self, staged: &StagedRef, parts: Parts, of: &Provenance) -> Result<Assembled, BlobError> {
        let mut state = self.state();
        let Some(Staged { parts: sent, .. }) = state.staged.get(staged) else { return Ok(Assembled::MissingPart(1)) };
        if let Some(missing) = parts.numbers().find(|number| !sent.contains_key(number)) {
            return Ok(Assembled::MissingPart(missing));
        }
        let whole: Vec<Bytes> = sent.values().cloned().collect();
        Ok(Assembled::Whole(state.keep(of, whole.concat().into(), self.clock.now())))
    }

    async fn take_apart(&self, _staged: &StagedRef, blob: &BlobRef) -> Result<(), BlobError> {
        self.delete(blob).await
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
