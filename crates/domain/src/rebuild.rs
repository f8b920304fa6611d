//! Use case: make rows anew of what audio says of itself, after they were lost.
//!
//! The rows are made under an id of their own, to which no audio belongs, and only when all are there do they take over
//! the id that the audio was claimed by. So nobody can serve, or sweep, rows that are not all there.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    blob::{BlobDescription, BlobRef, ByteRange, Provenance},
    details::NewDetails,
    history::ChangeNumber,
    id::{RecordingId, StoreId},
    lineage::{Lineage, LineageError},
    look,
    media_type::MediaType,
    ports::{BlobError, BlobStore, BoxError, Clock, InsertError, Ports, RecordStore, StoreError, Terms, digest, relay},
    quota::Quota,
    recording::{DigestOrigin, Recording, Revision},
};

/// What became of a blob.
#[derive(Debug)]
pub enum Rebuilt {
    /// It is a recording again.
    Restored(Recording),
    /// Other audio says the same of itself and is a recording already: see [`Rebuild::renumber`].
    Conflicting(Recording),
    /// The same audio is a recording already; this blob is nobody's.
    Duplicate(Provenance),
    /// It does not say whose it is; it is left alone.
    Anonymous,
    /// It is damaged, or what it says is; it is left alone.
    Unreadable(BlobError),
    /// It went while it was looked at.
    Gone,
}

/// Why rows cannot be made, or not all.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// There is nothing to make anew: the audio belongs to these rows.
    #[error("the audio belongs to these rows: nothing is lost")]
    NotLost,
    /// They would be mixed with others.
    #[error("there are recordings in these rows already: start with none")]
    NotEmpty,
    /// Other rows have taken the audio meanwhile.
    #[error("other rows have taken the audio meanwhile")]
    Claimed,
    /// The rows cannot be noted to be those of the audio.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// The row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Makes rows of audio; nothing else may use either store meanwhile.
#[derive(Clone)]
pub struct Rebuild {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    lineage: Lineage,
    clock: Arc<dyn Clock>,
}

impl Rebuild {
    /// Wires the use case. The stores need not belong together yet.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        let (lineage, Ports { records, blobs, clock, .. }) = (Lineage::new(ports), ports.clone());
        Self { records, blobs, lineage, clock }
    }

    /// Makes sure that the rows may be made, and tells whose id they are to have in the end.
    ///
    /// # Errors
    /// [`RebuildError`].
    pub async fn begin(&self) -> Result<StoreId, RebuildError> {
        let own = self.records.id().await?;
        let lost = self.blobs.claimed_by().await?;
        if lost == Some(own) {
            return Err(RebuildError::NotLost);
        }
        if !self.records.is_empty().await? {
            return Err(RebuildError::NotEmpty);
        }
        Ok(lost.unwrap_or(own))
    }

    /// Some blobs after `after`; none at the end.
    ///
    /// # Errors
    /// A failing blob store.
    pub async fn blobs(&self, after: Option<BlobRef>) -> Result<Vec<BlobRef>, BlobError> {
        Ok(self.blobs.list(after).await?.into_iter().map(|entry| entry.blob).collect())
    }

    /// Whether a blob does not say whose it is: it gets no recording.
    ///
    /// # Errors
    /// A failing blob store; damage is none.
    pub async fn is_anonymous(&self, blob: &BlobRef) -> Result<bool, BlobError> {
        match self.blobs.describe(blob).await {
            Ok(described) => Ok(described.is_some_and(|described| described.provenance.is_none())),
            Err(BlobError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a blob a recording, if it says of whom.
    ///
    /// # Errors
    /// A failing store; damaged audio is no failure.
    pub async fn restore(&self, blob: &BlobRef) -> Result<Rebuilt, RebuildError> {
        let (of, described) = match self.blobs.describe(blob).await {
            Ok(Some(described)) => match described.provenance.clone() {
                Some(of) => (of, described),
                None => return Ok(Rebuilt::Anonymous),
            },
            Ok(None) => return Ok(Rebuilt::Gone),
            Err(error) => return unreadable(error),
        };
        let recording = match self.describe(blob, &of, &described).await {
            Ok(Some(recording)) => recording,
            Ok(None) => return Ok(Rebuilt::Gone),
            Err(error) => return unreadable(error),
        };
        match self.insert(recording.clone()).await? {
            Inserted::New(recording) => Ok(Rebuilt::Restored(recording)),
            Inserted::Taken(there) if there.size == recording.size && there.sha256 == recording.sha256 => {
                self.prefer_the_sound_one(&there, &recording).await?;
                Ok(Rebuilt::Duplicate(of))
            }
            Inserted::Taken(_) => Ok(Rebuilt::Conflicting(recording)),
        }
    }

    /// Of two that say the same, the row leads to one that is what both say.
    async fn prefer_the_sound_one(&self, there: &Recording, other: &Recording) -> Result<(), RebuildError> {
        if !self.is_sound(there).await? && self.is_sound(other).await? {
            self.records.move_blob(there.owner, &there.id, &there.blob, other.blob.clone(), None).await?;
        }
        Ok(())
    }

    /// Whether the audio is what its row says.
    async fn is_sound(&self, recording: &Recording) -> Result<bool, BlobError> {
        match digest(&*self.blobs, &recording.blob, recording.size).await {
            Ok(found) => Ok(found == Some(recording.sha256)),
            Err(BlobError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the rows the id that the audio belongs to: from then on it is served with them, and swept.
    ///
    /// # Errors
    /// A failing store.
    pub async fn finish(&self, id: StoreId) -> Result<(), RebuildError> {
        if !self.blobs.claim(id).await? {
            return Err(RebuildError::Claimed);
        }
        self.lineage.renew().await?;
        Ok(self.records.adopt(id).await?)
    }

    /// The row of a blob; its name and the times of its recording are lost.
    async fn describe(
        &self,
        blob: &BlobRef,
        of: &Provenance,
        described: &BlobDescription,
    ) -> Result<Option<Recording>, BlobError> {
        let Some(recognised) = look::recognise(&*self.blobs, blob, described.size).await? else { return Ok(None) };
        let media_type = MediaType::octet_stream().or_recognised(&recognised);
        let (sha256, digest) = match described.sha256 {
            Some(said) => said,
            None => match digest(&*self.blobs, blob, described.size).await? {
                Some(sha256) => (sha256, DigestOrigin::Computed),
                None => return Ok(None),
            },
        };
        let nothing_said = NewDetails::of_type(MediaType::octet_stream());
        Ok(Some(Recording {
            id: of.recording.clone(),
            owner: of.owner,
            details: nothing_said.complete(described.written_at, &media_type),
            media_type,
            size: described.size,
            sha256,
            digest,
            received_at: described.written_at,
            revision: Revision(1),
            changed: ChangeNumber::default(),
            verified_at: None,
            damaged_at: None,
            blob: blob.clone(),
        }))
    }

    async fn insert(&self, recording: Recording) -> Result<Inserted, RebuildError> {
        let blob = recording.blob.clone();
        match self.records.insert(recording, Terms { quota: Quota::UNLIMITED, again: false }).await {
            Ok(recording) => Ok(Inserted::New(recording)),
            // A store that repeated the write, for the reply was lost, finds its own row.
            Err(InsertError::Taken(there)) if there.blob == blob => Ok(Inserted::New(*there)),
            Err(InsertError::Taken(there)) => Ok(Inserted::Taken(*there)),
            Err(InsertError::Store(error)) => Err(error.into()),
            // There is no quota here, and nobody deletes from rows that began with nothing.
            Err(error @ (InsertError::OverQuota(_) | InsertError::Deleted(_))) => Err(elsewhere(error).into()),
        }
    }

    /// Makes conflicting audio a recording under a fresh id: as a copy that says so, instead of the blob that was found.
    ///
    /// # Errors
    /// A failing store; damaged audio is no failure.
    pub async fn renumber(&self, recording: Recording) -> Result<Rebuilt, RebuildError> {
        let of = Provenance { owner: recording.owner, recording: RecordingId::generate(self.clock.now()) };
        let body = match self.blobs.open(&recording.blob, ByteRange::whole(recording.size)).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(Rebuilt::Gone),
            Err(error) => return unreadable(error),
        };
        let (body, cause) = relay(body);
        let copy = match self.blobs.put(&of, body).await {
            Err(BlobError::Body(error)) => return unreadable(cause.of(error)),
            copy => copy?,
        };
        let (original, sha256) = (recording.blob.clone(), copy.sha256);
        let digest = DigestOrigin::Computed;
        let recording = Recording { id: of.recording, blob: copy.blob, sha256, digest, ..recording };
        let recording = match self.insert(recording).await? {
            Inserted::New(recording) => {
                self.blobs.settle(&recording.blob);
                recording
            }
            Inserted::Taken(_) => return Err(elsewhere("a fresh id is taken").into()),
        };
        self.blobs.delete(&original).await?;
        Ok(Rebuilt::Restored(recording))
    }
}

/// Somebody else is at work on these rows.
fn elsewhere(cause: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

/// Damaged audio stays as damaged as it is; a store that does not answer may have what is sound.
fn unreadable(error: BlobError) -> Result<Rebuilt, RebuildError> {
    match error {
        BlobError::Damaged(_) => Ok(Rebuilt::Unreadable(error)),
        error => Err(error.into()),
    }
}

/// What became of a row.
enum Inserted {
    /// It is there, as this.
    New(Recording),
    /// Another recording has its id: this one.
    Taken(Recording),
}
