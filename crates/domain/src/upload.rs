//! Use case: take in a recording, once, whole, and durably.

mod body;
mod repeat;
#[cfg(test)]
mod tests;

pub(crate) use self::body::{Allowance, metered};

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    blob::{BlobRef, BodyError, ByteStream, Provenance, StoredBlob},
    changes::Waiters,
    condition::Condition,
    damage::Damage,
    details::{LateDetails, NewDetails},
    digest::Sha256,
    history::{ChangeNumber, Counters, Deleted, Entry},
    id::{RecordingId, UserId},
    look,
    media_type::{MediaType, Recognised},
    ports::{BlobError, BlobStore, BoxError, Clock, InsertError, Ports, RecordStore, StoreError, Terms},
    quota::{Excess, Quota},
    recording::{DigestOrigin, Recording, Revision},
    time::Timestamp,
};

/// How much may be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one recording.
    pub recording_bytes: u64,
    /// The most that one user may have.
    pub quota: Quota,
}

impl Limits {
    /// Refuses another recording of somebody who has this much, as far as that is known before it comes.
    pub(crate) fn admit(&self, has: &Counters, size: u64) -> Result<Allowance, UploadError> {
        let left = self.quota.bytes.saturating_sub(has.used_bytes());
        let allowance = Allowance { recording: self.recording_bytes, quota: left };
        allowance.admit(size)?;
        self.quota.admit_recording(has, size).map_err(|excess| self.refuse(excess))?;
        Ok(allowance)
    }

    /// What somebody is told who may not have any more.
    pub(crate) fn refuse(&self, excess: Excess) -> UploadError {
        match excess {
            Excess::Bytes => BodyError::OverQuota.into(),
            Excess::Recordings => UploadError::TooManyRecordings { limit: self.quota.recordings },
            Excess::Uploads => UploadError::TooManyUploads { limit: self.quota.uploads },
        }
    }
}

/// What a client says about a recording it sends.
#[derive(Debug, Clone)]
pub struct NewRecording {
    /// The id the client chose; the server chooses one otherwise.
    pub id: Option<RecordingId>,
    /// What the client says of it.
    pub details: NewDetails,
    /// Whether it may take the id of a recording that was deleted.
    pub again: bool,
    /// The digest the bytes must have.
    pub sha256: Option<Sha256>,
    /// How many bytes there will be, if that is known.
    pub size: Option<u64>,
    /// Whether it is taken even if its bytes are recognised as no recording.
    pub anything: bool,
    /// What it depends on.
    pub condition: Condition,
    /// What the client says of it behind its bytes.
    pub late: LateDetails,
}

impl NewRecording {
    /// One of which nothing else is said.
    #[must_use]
    pub fn of(details: NewDetails) -> Self {
        let (condition, late) = (Condition::default(), LateDetails::default());
        Self { id: None, details, again: false, sha256: None, size: None, anything: false, condition, late }
    }
}

/// A recording that is safe now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It was added.
    Created(Recording),
    /// The very same had been added before.
    Existing(Recording),
    /// It had been added before, and its audio, which was damaged, is sound again.
    Repaired(Recording),
}

/// Why a recording was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The body did not arrive whole, or is too large.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The type is not one of recordings.
    #[error("{0} is not a type of recordings")]
    UnsupportedType(MediaType),
    /// The bytes are something else.
    #[error("the bytes are {0}")]
    Foreign(&'static str),
    /// What it depends on is not so.
    #[error("the upload depends on what is not so")]
    Unmet,
    /// The user has another recording of this id.
    #[error("recording {0} exists with other content")]
    Conflict(RecordingId),
    /// The user has deleted the recording of this id.
    #[error("recording {} was deleted", .0.id)]
    Deleted(Deleted),
    /// What is there is damaged, and was only now found to be: sent once more, it is stored anew.
    #[error("the audio of recording {0} is damaged")]
    SendAgain(RecordingId),
    /// The bytes do not have the digest they should have.
    #[error("the body has another digest than expected")]
    DigestMismatch {
        /// What arrived.
        received: Sha256,
    },
    /// The user has as many recordings as anybody may have.
    #[error("the user has {limit} recordings")]
    TooManyRecordings {
        /// How many that is.
        limit: u64,
    },
    /// The user has as many uploads under way as anybody may have.
    #[error("the user has {limit} uploads under way")]
    TooManyUploads {
        /// How many that is.
        limit: u64,
    },
    /// There is no room left.
    #[error("no space left")]
    Full(#[source] BoxError),
    /// A store failed.
    #[error("a store is unavailable")]
    Unavailable(#[source] BoxError),
}

/// Takes in recordings.
#[derive(Clone)]
pub struct Upload {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    waiters: Waiters,
    damage: Damage,
    limits: Limits,
    patience: TimeDelta,
}

impl Upload {
    /// Wires the use case. An upload may take as long as `patience`.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters, damage: Damage, limits: Limits, patience: TimeDelta) -> Self {
        let Ports { records, blobs, clock, .. } = ports.clone();
        Self { records, blobs, clock, waiters, damage, limits, patience }
    }

    /// Stores what `body` yields as a recording of `owner`.
    ///
    /// Sending the same content under the same id again changes nothing and answers the same recording.
    /// What its head alone rules out is refused before the body is read.
    ///
    /// # Errors
    /// [`UploadError`]; nothing is kept then, unless a store was `Unavailable`: that leaves it unknown.
    pub async fn store(
        &self,
        owner: UserId,
        new: NewRecording,
        body: ByteStream<BodyError>,
    ) -> Result<Stored, UploadError> {
        if !new.details.media_type.is_recording() {
            return Err(UploadError::UnsupportedType(new.details.media_type));
        }
        if let Some(id) = &new.id {
            let there = self.records.look_up(owner, id).await?;
            let revision = there.as_ref().and_then(Entry::revision);
            if !new.condition.admits(revision) {
                return Err(UploadError::Unmet);
            }
            match there {
                Some(Entry::Recording(existing)) => return self.repeat(*existing, &new, body).await,
                Some(Entry::Deleted(deleted)) if !new.again => return Err(UploadError::Deleted(deleted)),
                Some(Entry::Deleted(_)) | None => {}
            }
        }
        let allowance = self.limits.admit(&self.records.counters(owner).await?, new.size.unwrap_or_default())?;

        let begun_at = self.clock.now();
        let (head, body) = body::peek(body).await;
        let recognised = Recognised::in_head(&head);
        if let Recognised::Foreign(what) = recognised
            && !new.anything
        {
            return Err(UploadError::Foreign(what));
        }
        // The audio says whose it is, so its id is chosen before it is stored.
        let id = new.id.clone().unwrap_or_else(|| RecordingId::generate(begun_at));
        let of = Provenance { owner, recording: id };
        let blob = self.blobs.put(&of, metered(body, allowance, new.size)).await?;
        if let Err(refusal) = self.check(&new, &blob, begun_at) {
            self.discard(&blob.blob).await;
            return Err(refusal);
        }
        let recognised = look::go_on(&*self.blobs, &blob.blob, blob.size, recognised).await;
        let recording = self.describe(of, &new, blob, &recognised);
        self.insert(recording, &new).await
    }

    /// Refuses other bytes than expected, and a blob so old that the sweeper might take it for an orphan.
    fn check(&self, new: &NewRecording, blob: &StoredBlob, begun_at: Timestamp) -> Result<(), UploadError> {
        check_digest(new.sha256, blob.sha256)?;
        if self.clock.now() - begun_at > self.patience {
            return Err(BodyError::Stalled.into());
        }
        Ok(())
    }

    fn describe(&self, of: Provenance, new: &NewRecording, blob: StoredBlob, recognised: &Recognised) -> Recording {
        let now = self.clock.now();
        let details = new.late.said().unwrap_or_else(|| new.details.clone());
        let media_type = details.media_type.clone().or_recognised(recognised);
        Recording {
            id: of.recording,
            owner: of.owner,
            details: details.complete(now, &media_type),
            media_type,
            size: blob.size,
            sha256: blob.sha256,
            digest: DigestOrigin::Computed,
            received_at: now,
            revision: Revision(1),
            changed: ChangeNumber::default(),
            verified_at: None,
            damaged_at: None,
            blob: blob.blob,
        }
    }

    /// The row makes the recording: only now, with its bytes safe, does it come to be.
    async fn insert(&self, recording: Recording, new: &NewRecording) -> Result<Stored, UploadError> {
        let (owner, blob, sha256) = (recording.owner, recording.blob.clone(), recording.sha256);
        let terms = Terms { quota: self.limits.quota, again: new.again };
        let refused = match self.records.insert(recording, terms).await {
            Ok(recording) => {
                self.blobs.settle(&blob);
                self.waiters.wake(owner);
                return Ok(Stored::Created(recording));
            }
            // A store that repeated the write, for the reply was lost, finds its own row.
            Err(InsertError::Taken(existing)) if existing.blob == blob => {
                self.blobs.settle(&blob);
                return Ok(Stored::Created(*existing));
            }
            Err(InsertError::Taken(existing))
                if existing.sha256 == sha256
                    && new.condition.admits(Some(existing.revision))
                    && !self.damage.is_intact(&existing).await? =>
            {
                let damaged = self.damage.note(*existing).await;
                return self.put_in_place(&damaged, blob, new).await;
            }
            // Whether the row is there is unknown. Its bytes must stay; the sweeper takes them if it is not.
            Err(InsertError::Store(error @ StoreError::Unavailable(_))) => return Err(error.into()),
            Err(refused) => refused,
        };
        self.discard(&blob).await;
        match refused {
            InsertError::Taken(existing) if !new.condition.admits(Some(existing.revision)) => Err(UploadError::Unmet),
            InsertError::Taken(existing) if existing.sha256 == sha256 => Ok(Stored::Existing(*existing)),
            InsertError::Taken(existing) => Err(UploadError::Conflict(existing.id)),
            InsertError::Deleted(deleted) => Err(UploadError::Deleted(deleted)),
            InsertError::OverQuota(excess) => Err(self.limits.refuse(excess)),
            InsertError::Store(error) => Err(error.into()),
        }
    }

    /// Removes bytes no recording refers to. A failure is not the client's concern: the sweeper comes by.
    async fn discard(&self, blob: &BlobRef) {
        if self.blobs.delete(blob).await.is_ok() {
            self.blobs.settle(blob);
        }
    }
}

fn check_digest(expected: Option<Sha256>, received: Sha256) -> Result<(), UploadError> {
    match expected {
        Some(expected) if expected != received => Err(UploadError::DigestMismatch { received }),
        _ => Ok(()),
    }
}

impl From<BlobError> for UploadError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Body(error) => Self::Body(error),
            BlobError::Full(source) => Self::Full(source),
            BlobError::Damaged(source) | BlobError::Unavailable(source) => Self::Unavailable(source),
        }
    }
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(source) => Self::Full(source),
            StoreError::NotWritten(source) | StoreError::Unavailable(source) => Self::Unavailable(source),
        }
    }
}
