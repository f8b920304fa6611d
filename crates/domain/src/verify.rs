//! Use case: find out whether every recording still has its audio, byte for byte.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::TryStreamExt as _;

use crate::{
    blob::ByteRange,
    digest::{Hasher, Sha256},
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore, Inventory, Ports, RecordStore, StoreError},
    recording::Recording,
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
        /// What they hash to.
        found: Sha256,
    },
}

/// Compares recordings with their audio; safe to run while the server serves.
#[derive(Clone)]
pub struct Verify {
    inventory: Arc<dyn Inventory>,
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
}

impl Verify {
    /// Wires the use case; `None` where the row store cannot list everybody's recordings.
    #[must_use]
    pub fn new(ports: &Ports) -> Option<Self> {
        let Ports { records, blobs, inventory, .. } = ports.clone();
        Some(Self { inventory: inventory?, records, blobs })
    }

    /// Some recordings after `after`; none at the end.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError> {
        self.inventory.recordings(after).await
    }

    /// Reads all of a recording's audio.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn check(&self, recording: &Recording) -> Result<Verdict, StoreError> {
        let verdict = match self.digest(recording).await {
            Ok(Some(found)) if found == recording.sha256 => return Ok(Verdict::Sound),
            Ok(Some(found)) => Verdict::Damaged { found },
            Ok(None) => Verdict::Missing,
            Err(error) => Verdict::Unreadable(error),
        };
        // The row goes before the audio: if it is still there, that is no delete at work.
        match self.records.find(recording.owner, &recording.id).await? {
            Some(still) if still.blob == recording.blob => Ok(verdict),
            _ => Ok(Verdict::Gone),
        }
    }

    async fn digest(&self, recording: &Recording) -> Result<Option<Sha256>, BlobError> {
        let whole = ByteRange::whole(recording.size);
        let Some(mut body) = self.blobs.open(&recording.blob, whole).await? else { return Ok(None) };
        let mut hasher = Hasher::default();
        while let Some(piece) = body.try_next().await? {
            hasher.update(&piece);
        }
        Ok(Some(hasher.finish().1))
    }
}
