//! Use case: find out whether every recording still has its audio, byte for byte, and put right what can be.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    blob::{BlobRef, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::{
        BlobError, BlobStore, Clock, Inventory, InventoryPage, Miscount, Ports, RecordStore, Salvage, StoreError,
        TornWrite, digest,
    },
    recording::Recording,
    witnesses::{Judgement, Witnesses},
};

/// What became of a recording's audio.
#[derive(Debug)]
pub enum Verdict {
    /// It is what was uploaded.
    Sound,
    /// The recording was deleted while it was read.
    Gone,
    /// There is none.
    Missing,
    /// It cannot be read, or not to its end.
    Unreadable(BlobError),
    /// It has other bytes.
    Damaged {
        /// What they hash to, if they could be read to their end.
        found: Option<Sha256>,
    },
    /// It is all there, but what the blob store says of it is wrong.
    BadHeader,
}

/// Why verifying stopped early.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Compares recordings with their audio; safe to run while the server serves.
#[derive(Clone)]
pub struct Verify {
    inventory: Arc<dyn Inventory>,
    witnesses: Witnesses,
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    salvage: Option<Arc<dyn Salvage>>,
    clock: Arc<dyn Clock>,
    grace: TimeDelta,
}

impl Verify {
    /// Wires the use case. What is younger than `grace` and has no recording is left alone: its upload may still go on.
    #[must_use]
    pub fn new(ports: &Ports, grace: TimeDelta) -> Self {
        let witnesses = Witnesses::new(ports);
        let Ports { records, blobs, inventory, salvage, clock, .. } = ports.clone();
        Self { inventory, witnesses, records, blobs, salvage, clock, grace }
    }

    /// What is wrong with how the rows are kept.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        self.inventory.faults().await
    }

    /// Which rows of users, sessions, uploads and tombstones are damaged.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn unreadable(&self) -> Result<Vec<String>, StoreError> {
        self.inventory.unreadable().await
    }

    /// Makes anew what rows are found by; what is wrong then, still.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn rebuild_indexes(&self) -> Result<Vec<String>, StoreError> {
        self.inventory.rebuild_indexes().await?;
        self.inventory.faults().await
    }

    /// Some recordings after `after`; none at the end.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        self.inventory.recordings(after).await
    }

    /// Reads all of a recording's audio, unless its store guards its bytes itself: that is asked whether it has them.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn check(&self, recording: &Recording) -> Result<Verdict, StoreError> {
        let verdict = self.examine(recording).await;
        if matches!(verdict, Verdict::Sound) {
            return Ok(verdict);
        }
        // The row goes before the audio: if it is still there, that is no delete at work.
        match self.records.find(recording.owner, &recording.id).await? {
            Some(still) if still.blob == recording.blob => Ok(verdict),
            _ => Ok(Verdict::Gone),
        }
    }

    /// Notes in a recording's row what was found of its audio: that it is damaged from now on, or is sound again. `false` if
    /// the row says so already or has other audio by now, or nothing is known for sure.
    ///
    /// # Errors
    /// [`VerifyError`]; among it that the blob store is away, which is no damage.
    pub async fn note(&self, recording: &Recording, verdict: &Verdict) -> Result<bool, VerifyError> {
        let since = match verdict {
            Verdict::Sound => None,
            Verdict::Missing | Verdict::Damaged { .. } => Some(self.clock.now()),
            Verdict::Gone | Verdict::Unreadable(_) | Verdict::BadHeader => return Ok(false),
        };
        let Recording { owner, id, blob, .. } = recording;
        if !recording.can_be_marked(blob, since) {
            return Ok(false);
        }
        self.blobs.ping().await?;
        Ok(self.records.mark_damaged(*owner, id, blob, since).await?)
    }

    /// Has the blob store write a bad header anew, by what the recording says; `false` if it cannot.
    ///
    /// # Errors
    /// A failing blob store.
    pub async fn rewrite_header(&self, recording: &Recording) -> Result<bool, BlobError> {
        match &self.salvage {
            Some(salvage) => salvage.rewrite_header(&stored(recording), &recording.into(), recording.received_at).await,
            None => Ok(false),
        }
    }

    /// What is left of audio that no recording can be missing.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn remains(&self) -> Result<Vec<TornWrite>, VerifyError> {
        let Some(salvage) = &self.salvage else { return Ok(Vec::new()) };
        let young = self.clock.now() - self.grace;
        let mut nobodys = Vec::new();
        // Storage is listed before rows are asked: what is old and has no row by then will not get one.
        for remains in salvage.remains().await?.into_iter().filter(|remains| remains.modified_at < young) {
            if self.witnesses.unreferred(remains.blobs.clone()).await?.len() == remains.blobs.len() {
                nobodys.push(remains);
            }
        }
        // An index alone is not believed: what the rows themselves refer to stays.
        let all: Vec<BlobRef> = nobodys.iter().flat_map(|remains| remains.blobs.clone()).collect();
        let walked = self.witnesses.walk(&all).await?;
        nobodys.retain(|remains| remains.blobs.iter().all(|blob| matches!(walked.judge(blob), Judgement::Nobodys)));
        Ok(nobodys)
    }

    /// Removes such remains; `false` if they turned out to be somebody's.
    ///
    /// # Errors
    /// A failing blob store.
    pub async fn clear(&self, remains: &TornWrite) -> Result<bool, BlobError> {
        match &self.salvage {
            Some(salvage) => salvage.clear(remains).await,
            None => Ok(false),
        }
    }

    /// Everybody whose counters are wrong.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        self.inventory.miscounted().await
    }

    /// Counts anew what somebody has.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn recount(&self, owner: UserId) -> Result<(), StoreError> {
        self.records.recount(owner).await.map(|_| ())
    }

    /// How many recordings may be checked at once: one, where all of each is read.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        if self.salvage.is_some() { 1 } else { 16 }
    }

    async fn examine(&self, recording: &Recording) -> Verdict {
        let Some(salvage) = &self.salvage else { return self.ask(recording).await };
        let verdict = match digest(&*self.blobs, &recording.blob, recording.size).await {
            Ok(Some(found)) if found == recording.sha256 => Verdict::Sound,
            Ok(Some(found)) => return Verdict::Damaged { found: Some(found) },
            Ok(None) => Verdict::Missing,
            // Its checksums are wrong, or the bytes they are of.
            Err(BlobError::Damaged(_)) => Verdict::Damaged { found: None },
            Err(error) => Verdict::Unreadable(error),
        };
        match salvage.has_bad_header(&stored(recording), &Provenance::from(recording)).await {
            Ok(true) => Verdict::BadHeader,
            Ok(false) => verdict,
            Err(error) => Verdict::Unreadable(error),
        }
    }
}

impl Verify {
    /// Asks a store that guards its bytes itself.
    async fn ask(&self, recording: &Recording) -> Verdict {
        match self.blobs.is_intact(&stored(recording)).await {
            Ok(true) => return Verdict::Sound,
            Ok(false) | Err(BlobError::Damaged(_)) => {}
            Err(error) => return Verdict::Unreadable(error),
        }
        match self.blobs.describe(&recording.blob).await {
            Ok(None) => Verdict::Missing,
            Ok(Some(_)) | Err(BlobError::Damaged(_)) => Verdict::Damaged { found: None },
            Err(error) => Verdict::Unreadable(error),
        }
    }
}

/// What the blob store should have of a recording.
fn stored(recording: &Recording) -> StoredBlob {
    StoredBlob { blob: recording.blob.clone(), size: recording.size, sha256: recording.sha256 }
}
