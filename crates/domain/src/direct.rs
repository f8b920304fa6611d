//! Use case: take in a recording that comes in parts, past the server where the blob store allows it.
//!
//! An upload reserves the quota and says where to send the parts; completing it verifies what arrived and
//! makes the recording. An upload that is not completed in time is swept.

mod complete;
mod create;
mod locks;
#[cfg(test)]
mod tests;
mod under_way;

use std::{sync::Arc, time::Duration};

use chrono::{SubsecRound as _, TimeDelta};

use self::locks::UploadLocks;
pub use self::under_way::{UnderWay, UnderWayPage};
use crate::{
    blob::{BlobRef, BodyError, ByteStream, Provenance},
    changes::Waiters,
    damage::Damage,
    details::NewDetails,
    digest::Sha256,
    history::DueAudio,
    id::{RecordingId, UserId},
    pending::{PartTicket, PendingUpload},
    ports::{
        BlobError, BlobStore, Clock, PartAccess, Ports, PresignedRequest, RecordStore, StagedBlobs, Staging,
        StoreError, UploadStore,
    },
    recording::Recording,
    time::Timestamp,
    upload::{Allowance, Limits, UploadError, metered},
    witnesses::ORPHANS_STAY,
};

/// After how long nothing comes any more by the links of an upload that has ended: a store looks at a link when a request
/// begins, and a part may take its time.
const LINKS_END: TimeDelta = TimeDelta::hours(24);

/// What a client says about a recording it is going to send.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The id the client chose; the server chooses one otherwise.
    pub id: Option<RecordingId>,
    /// What the client says of it.
    pub details: NewDetails,
    /// Whether it may take the id of a recording that was deleted.
    pub again: bool,
    /// How many bytes there will be.
    pub size: u64,
    /// The digest they will have.
    pub sha256: Sha256,
}

/// What is to be done about an announced recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Send its parts: it is new.
    Created(PendingUpload),
    /// Send its parts, as far as that is not done: it was begun before.
    Resumed(PendingUpload),
    /// Nothing: the very same is stored.
    Stored(Recording),
}

/// How a client sends one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartLink {
    /// To this server, with a ticket and its signature.
    Server(PartTicket, String),
    /// To the blob store itself.
    Store(PresignedRequest),
}

/// Why a direct upload does not go on.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// For a reason any upload may fail for.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The user has no upload of this id under way, nor a recording.
    #[error("no such upload")]
    NotFound,
    /// A part was never sent.
    #[error("part {number} of {count} is missing")]
    MissingPart {
        /// The first part that is missing.
        number: u32,
        /// How many there must be.
        count: u32,
    },
    /// The link is not one of this server's, has expired, or its upload is over.
    #[error("the link is not valid, or no longer")]
    InvalidLink,
}

/// Takes in recordings part by part.
#[derive(Clone)]
pub struct Direct {
    records: Arc<dyn RecordStore>,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
    staging: Staging,
    clock: Arc<dyn Clock>,
    waiters: Waiters,
    damage: Damage,
    limits: Limits,
    patience: TimeDelta,
    locks: UploadLocks,
}

impl Direct {
    /// How long a link is good for; announcing the recording again gives fresh ones.
    pub const LINK_LIFETIME: Duration = Duration::from_hours(1);

    /// Wires the use case. An upload may take as long as `patience`.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters, damage: Damage, limits: Limits, patience: TimeDelta) -> Self {
        let Ports { records, uploads, blobs, staging, clock, .. } = ports.clone();
        let locks = UploadLocks::default();
        Self { records, uploads, blobs, staging, clock, waiters, damage, limits, patience, locks }
    }

    /// Where to send the parts of an upload, in their order, and until when that is possible.
    ///
    /// # Errors
    /// [`DirectError::Upload`] if the blob store fails.
    pub async fn links(&self, upload: &PendingUpload) -> Result<(Vec<PartLink>, Timestamp), DirectError> {
        let now = self.clock.now();
        // To the second, as links have it.
        let expires_at = (now + Self::LINK_LIFETIME).min(upload.expires_at).trunc_subsecs(0);
        // No signature is good for less than a second.
        let lifetime = (expires_at - now).to_std().unwrap_or_default().max(Duration::from_secs(1));
        let of = Provenance::from(upload);
        let mut links = Vec::new();
        for number in upload.parts().numbers() {
            links.push(match &self.staging.parts {
                PartAccess::Server(_) => {
                    let ticket = PartTicket { owner: upload.owner, id: upload.id.clone(), number, expires_at };
                    let signature = ticket.sign(&upload.key);
                    PartLink::Server(ticket, signature)
                }
                PartAccess::Presigned(store) => PartLink::Store(
                    store.presign_part(&upload.staged, upload.parts(), number, &of, upload.sha256, lifetime).await?,
                ),
            });
        }
        Ok((links, expires_at))
    }

    /// Keeps one part, from whoever has a ticket for it.
    ///
    /// # Errors
    /// [`DirectError::InvalidLink`], [`DirectError::Upload`]; what was sent before is kept then.
    pub async fn put_part(
        &self,
        ticket: &PartTicket,
        signature: &str,
        length: Option<u64>,
        body: ByteStream<BodyError>,
    ) -> Result<(), DirectError> {
        let PartAccess::Server(store) = &self.staging.parts else { return Err(DirectError::InvalidLink) };
        let upload = self.uploads.upload(ticket.owner, &ticket.id).await?.ok_or(DirectError::InvalidLink)?;
        let is_valid = ticket.is_signed(signature, &upload.key) && self.clock.now() < ticket.expires_at;
        let range = upload.parts().range(ticket.number).filter(|_| is_valid).ok_or(DirectError::InvalidLink)?;
        let allowance = Allowance { recording: range.length, quota: u64::MAX };
        allowance.admit(length.unwrap_or_default()).map_err(UploadError::from)?;
        let body = metered(body, allowance, Some(range.length));
        let kept = store.put_part(&upload.staged, ticket.number, body).await;
        // Its place is gone when the upload is over: that is no failure of the store.
        if matches!(kept, Err(BlobError::Unavailable(_)))
            && self.uploads.upload(upload.owner, &upload.id).await?.is_none()
        {
            return Err(DirectError::InvalidLink);
        }
        Ok(kept?)
    }

    fn has_expired(&self, upload: &PendingUpload) -> bool {
        upload.expires_at <= self.clock.now()
    }

    /// Ends an upload that is under way.
    ///
    /// # Errors
    /// [`DirectError::NotFound`], or [`DirectError::Upload`] if a store fails.
    pub async fn abort(&self, owner: UserId, id: &RecordingId) -> Result<(), DirectError> {
        let upload = self.uploads.upload(owner, id).await?.ok_or(DirectError::NotFound)?;
        if self.give_up(&upload).await? { Ok(()) } else { Err(DirectError::NotFound) }
    }

    /// Takes an upload back, and what was sent for it; `false` if somebody else completed or aborted it first.
    async fn give_up(&self, upload: &PendingUpload) -> Result<bool, DirectError> {
        let is_released = release(&*self.uploads, &*self.staging.blobs, upload, self.clock.now()).await?;
        if is_released {
            self.abandon(upload).await;
        }
        Ok(is_released)
    }

    /// Removes what was sent for an upload nobody can complete. What resists is swept.
    async fn abandon(&self, upload: &PendingUpload) {
        // Of one that has expired, the parts alone: where rows were put back to an earlier moment, it may be a recording's
        // by now.
        let _ = if self.has_expired(upload) {
            self.staging.blobs.clear(&upload.staged).await
        } else {
            self.staging.blobs.abort(&upload.staged).await
        };
    }

    /// Removes a blob, unless it is that of the recording the upload has become.
    async fn discard(&self, upload: &PendingUpload, blob: &BlobRef) -> Result<(), DirectError> {
        let recording = self.records.find(upload.owner, &upload.id).await?;
        if recording.is_some_and(|recording| recording.blob == *blob) || self.blobs.delete(blob).await.is_ok() {
            self.blobs.settle(blob);
        }
        Ok(())
    }
}

/// Takes an upload out, and notes what may be left of it, or arrive yet: nobody knows whether its links are used.
///
/// If it has expired, that is looked at as late as audio without a recording that was found: where rows were put back to an
/// earlier moment, it may be a recording's by now, which these rows have lost.
pub(crate) async fn release(
    uploads: &dyn UploadStore,
    staged: &dyn StagedBlobs,
    upload: &PendingUpload,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let left = staged.destination(&upload.staged).map(|blob| DueAudio::new(&Provenance::from(upload), blob));
    let due_at = now + if upload.expires_at <= now { ORPHANS_STAY } else { LINKS_END };
    uploads.release(upload, left.map(|audio| (audio, due_at))).await
}

fn conflict(id: &RecordingId) -> DirectError {
    UploadError::Conflict(id.clone()).into()
}

impl From<StoreError> for DirectError {
    fn from(error: StoreError) -> Self {
        UploadError::from(error).into()
    }
}

impl From<BlobError> for DirectError {
    fn from(error: BlobError) -> Self {
        UploadError::from(error).into()
    }
}
