//! Use case: copy all recordings to other stores, beside a running server.
//!
//! The rows are copied first, as they are at one moment, and then the audio they refer to: a recording whose audio is
//! gone by then was deleted meanwhile, and leaves the copy, too. So every row of the copy has its audio.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};

use crate::{
    blob::{BlobRef, ByteRange, Provenance},
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore, Inventory, InventoryPage, Ports, RecordStore, StoreError, UploadStore, relay},
    recording::Recording,
    time::Timestamp,
};

/// How many recordings are copied at once: they share flushes.
const AT_ONCE: usize = 32;

/// What became of a recording.
#[derive(Debug)]
pub enum Outcome {
    /// It is in the copy.
    Copied,
    /// It was deleted meanwhile, and is not in the copy.
    Deleted,
    /// It is not in the copy, because its audio is missing.
    Missing,
    /// It is not in the copy, because its audio has another digest or length.
    Damaged,
    /// It is not in the copy, because its audio cannot be read.
    Unreadable(BlobError),
}

/// Why copying stopped early.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The copy's blob store failed.
    #[error("cannot write the copy")]
    Blobs(#[from] BlobError),
}

/// Copies recordings into stores whose rows are copied already.
#[derive(Clone)]
pub struct Backup {
    source_rows: Arc<dyn RecordStore>,
    source: Arc<dyn BlobStore>,
    rows: Arc<dyn RecordStore>,
    inventory: Arc<dyn Inventory>,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
}

impl Backup {
    /// Wires the use case. The rows of `copy` are those of `source` a moment ago, and nobody else changes them.
    #[must_use]
    pub fn new(source: &Ports, copy: &Ports) -> Self {
        let Ports { records: source_rows, blobs: source, .. } = source.clone();
        let Ports { records: rows, inventory, uploads, blobs, .. } = copy.clone();
        Self { source_rows, source, rows, inventory, uploads, blobs }
    }

    /// Takes uploads that are not complete out of the copy: their parts are not copied.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn forget_uploads(&self) -> Result<(), StoreError> {
        loop {
            let uploads = self.uploads.expired_uploads(Timestamp::MAX_UTC).await?;
            if uploads.is_empty() {
                return Ok(());
            }
            for upload in uploads {
                self.uploads.release(&upload, None).await?;
            }
        }
    }

    /// Some of the copy's recordings after `after`; none at the end.
    ///
    /// # Errors
    /// A failing row store.
    pub async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        self.inventory.recordings(after).await
    }

    /// Copies the audio of some recordings, many at once, and has their rows refer to it.
    /// What cannot be copied leaves the copy.
    pub fn copy(
        &self,
        recordings: Vec<Recording>,
    ) -> impl Stream<Item = Result<(Recording, Outcome), BackupError>> + use<'_> {
        let copies = recordings.into_iter().map(move |recording| async move {
            let outcome = self.copy_one(&recording).await?;
            Ok((recording, outcome))
        });
        stream::iter(copies).buffer_unordered(AT_ONCE)
    }

    async fn copy_one(&self, recording: &Recording) -> Result<Outcome, BackupError> {
        let (owner, id) = (recording.owner, &recording.id);
        let failure = match self.copy_audio(recording).await? {
            Ok(blob) => {
                let is_moved = self.rows.move_blob(owner, id, &recording.blob, blob, None).await?;
                if !is_moved {
                    return Err(StoreError::Unavailable("somebody else changes the rows of the copy".into()).into());
                }
                return Ok(Outcome::Copied);
            }
            Err(failure) => failure,
        };
        // As if it had never been there: what is missing from a copy was not deleted.
        self.inventory.forget(owner, id).await?;
        // The row goes before the audio: if it is still there, that was no delete at work.
        match self.source_rows.find(owner, id).await? {
            Some(still) if still.blob == recording.blob => Ok(failure),
            _ => Ok(Outcome::Deleted),
        }
    }

    /// Where the copy of a recording's audio is, or why there is none.
    async fn copy_audio(&self, recording: &Recording) -> Result<Result<BlobRef, Outcome>, BlobError> {
        let body = match self.source.open(&recording.blob, ByteRange::whole(recording.size)).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(Err(Outcome::Missing)),
            Err(error) => return Ok(Err(unreadable(error))),
        };
        let (body, cause) = relay(body);
        match self.blobs.put(&Provenance::from(recording), body).await {
            Ok(copy) if copy.size == recording.size && copy.sha256 == recording.sha256 => {
                // A copy that is broken off is nothing: nobody sweeps it.
                self.blobs.settle(&copy.blob);
                Ok(Ok(copy.blob))
            }
            Ok(copy) => {
                self.blobs.delete(&copy.blob).await?;
                self.blobs.settle(&copy.blob);
                Ok(Err(Outcome::Damaged))
            }
            Err(BlobError::Body(error)) => Ok(Err(unreadable(cause.of(error)))),
            Err(error) => Err(error),
        }
    }
}

/// What becomes of a recording whose audio could not be read to its end.
fn unreadable(error: BlobError) -> Outcome {
    match error {
        BlobError::Damaged(_) => Outcome::Damaged,
        error @ (BlobError::Body(_) | BlobError::Full(_) | BlobError::Unavailable(_)) => Outcome::Unreadable(error),
    }
}
