//! Audio that is missing, short or damaged: noticed, written down, counted, and mended by whoever still has it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    blob::{BlobRef, StoredBlob},
    changes::Waiters,
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore, Clock, DeletedStore, Inventory, Ports, RecordStore, StoreError, digest},
    recording::Recording,
    time::Timestamp,
};

/// What is known of damaged audio.
#[derive(Clone)]
pub struct Damage {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    deleted: Arc<dyn DeletedStore>,
    inventory: Arc<dyn Inventory>,
    clock: Arc<dyn Clock>,
    waiters: Waiters,
    noted: Arc<Mutex<HashSet<(UserId, RecordingId)>>>,
}

impl Damage {
    /// How many damaged recordings are told apart; more are no more.
    const MOST: usize = 10_000;

    /// Nothing is known yet.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters) -> Self {
        let Ports { records, blobs, deleted, inventory, clock, .. } = ports.clone();
        Self { records, blobs, deleted, inventory, clock, waiters, noted: Arc::default() }
    }

    /// Asks the rows what is damaged, where that is found without reading all of them; elsewhere it is known once it is met.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn recall(&self) -> Result<(), StoreError> {
        let damaged = self.inventory.damaged(Self::MOST).await?;
        self.noted().extend(damaged);
        Ok(())
    }

    /// How many recordings are known to be damaged, as far as they are told apart.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.noted().len() as u64
    }

    /// A recording that is damaged is gone.
    pub(crate) fn forget(&self, owner: UserId, id: &RecordingId) {
        self.noted().remove(&(owner, id.clone()));
    }

    fn remember(&self, owner: UserId, id: &RecordingId) {
        let mut noted = self.noted();
        if noted.len() < Self::MOST {
            noted.insert((owner, id.clone()));
        }
    }

    fn noted(&self) -> MutexGuard<'_, HashSet<(UserId, RecordingId)>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a recording's audio is there, by its size: nothing of it is read.
    ///
    /// # Errors
    /// A failing blob store.
    pub async fn is_there(&self, recording: &Recording) -> Result<bool, BlobError> {
        if recording.damaged_at.is_some() {
            self.remember(recording.owner, &recording.id);
            return Ok(false);
        }
        match self.blobs.describe(&recording.blob).await {
            Ok(Some(described)) if described.size == recording.size => Ok(true),
            Ok(_) | Err(BlobError::Damaged(_)) => self.blobs.ping().await.map(|()| false),
            Err(error) => Err(error),
        }
    }

    /// Whether a recording's audio is what was uploaded, as far as its store can tell.
    ///
    /// # Errors
    /// A failing blob store.
    pub async fn is_intact(&self, recording: &Recording) -> Result<bool, BlobError> {
        if recording.damaged_at.is_some() {
            return self.has_recovered(recording).await;
        }
        let Recording { blob, size, sha256, .. } = recording.clone();
        if self.blobs.is_intact(&StoredBlob { blob, size, sha256 }).await? {
            return Ok(true);
        }
        // A folder that is away is no damage.
        self.blobs.ping().await.map(|()| false)
    }

    /// Whether audio that was noted as damaged reads right after all, and notes that: a disk was put right, or the row is
    /// older than what was mended since.
    async fn has_recovered(&self, recording: &Recording) -> Result<bool, BlobError> {
        self.remember(recording.owner, &recording.id);
        match digest(&*self.blobs, &recording.blob, recording.size).await {
            Ok(Some(found)) if found == recording.sha256 => {}
            Ok(_) | Err(BlobError::Damaged(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        if let Ok(true) = self.records.mark_damaged(recording.owner, &recording.id, &recording.blob, None).await {
            self.waiters.wake(recording.owner);
        }
        self.forget(recording.owner, &recording.id);
        Ok(true)
    }

    /// Notes that a recording's audio is damaged, which it says of itself from then on.
    pub async fn note(&self, mut recording: Recording) -> Recording {
        let now = self.mark(recording.owner, &recording.id, &recording.blob).await;
        recording.damaged_at.get_or_insert(now);
        recording
    }

    /// Notes that the recording that has this audio is damaged, from this moment on. What cannot be noted is noticed
    /// again.
    pub async fn mark(&self, owner: UserId, id: &RecordingId, blob: &BlobRef) -> Timestamp {
        let now = self.clock.now();
        if let Ok(true) = self.records.mark_damaged(owner, id, blob, Some(now)).await {
            self.remember(owner, id);
            self.waiters.wake(owner);
        }
        now
    }

    /// Puts sound audio in the place of a recording's own; `false` if that is another by now, or is gone.
    ///
    /// # Errors
    /// [`StoreError`]; if it is `Unavailable`, whether the audio was replaced is unknown.
    pub async fn replace(&self, damaged: &Recording, blob: BlobRef) -> Result<bool, StoreError> {
        let Recording { owner, id, .. } = damaged;
        let now = self.clock.now();
        let is_replaced = self.records.move_blob(*owner, id, &damaged.blob, blob.clone(), Some(now)).await?;
        if is_replaced {
            self.blobs.settle(&blob);
            self.forget(*owner, id);
            self.waiters.wake(*owner);
            // Nothing refers to it any more. If it resists, the sweeper comes by.
            if self.blobs.delete(&damaged.blob).await.is_ok() {
                let _ = self.deleted.audio_removed(&damaged.into(), now).await;
            }
        }
        Ok(is_replaced)
    }
}
