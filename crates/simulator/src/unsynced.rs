//! Audio in memory whose deletion, as the port has it, need not survive a power cut.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tapebase_adapters::memory::Memory;
use tapebase_domain::{
    blob::{BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    id::StoreId,
    lineage::{Generation, Step},
    ports::{BlobEntry, BlobError, BlobStore},
};

use crate::dice::Dice;

/// Keeps what is deleted until it is synced.
pub struct Unsynced {
    audio: Arc<Memory>,
    deleted: Mutex<BTreeSet<BlobRef>>,
}

impl Unsynced {
    /// The audio in `audio`.
    #[must_use]
    pub fn new(audio: Arc<Memory>) -> Self {
        Self { audio, deleted: Mutex::default() }
    }

    /// What was deleted is gone for good.
    pub async fn sync(&self) {
        let deleted = std::mem::take(&mut *self.deleted());
        for blob in deleted {
            // Memory never fails.
            let _ = self.audio.delete(&blob).await;
        }
    }

    /// Some of what was deleted is there again.
    pub async fn lose_power(&self, dice: &mut Dice) {
        self.deleted().retain(|_| dice.is(50));
        self.sync().await;
    }

    fn is_deleted(&self, blob: &BlobRef) -> bool {
        self.deleted().contains(blob)
    }

    fn deleted(&self) -> MutexGuard<'_, BTreeSet<BlobRef>> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for Unsynced {
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        self.audio.put(of, body).await
    }

    fn settle(&self, blob: &BlobRef) {
        self.audio.settle(blob);
    }

    fn footprint(&self, length: Option<u64>) -> u64 {
        self.audio.footprint(length)
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        if self.is_deleted(blob) { Ok(None) } else { self.audio.open(blob, range).await }
    }

    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError> {
        if self.is_deleted(blob) { Ok(None) } else { self.audio.describe(blob).await }
    }

    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        Ok(!self.is_deleted(&stored.blob) && self.audio.is_intact(stored).await?)
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        self.deleted().insert(blob.clone());
        Ok(())
    }

    async fn list(&self, mut after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        loop {
            let mut entries = self.audio.list(after).await?;
            after = entries.last().map(|entry| entry.blob.clone());
            entries.retain(|entry| !self.is_deleted(&entry.blob));
            if after.is_none() || !entries.is_empty() {
                return Ok(entries);
            }
        }
    }

    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError> {
        self.audio.claim(rows).await
    }

    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError> {
        self.audio.claimed_by().await
    }

    async fn generation(&self) -> Result<Option<Generation>, BlobError> {
        self.audio.generation().await
    }

    async fn step(&self, step: Step) -> Result<bool, BlobError> {
        self.audio.step(step).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        self.audio.ping().await
    }
}
