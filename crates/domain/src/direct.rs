//! Use case: take in a recording that comes in parts, past the server where the blob store allows it.
//!
//! A plan reserves the quota and says where to send the parts; completing it verifies what arrived and
//! makes the recording. A plan that is not completed in time is swept.

mod locks;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use chrono::{DateTime, FixedOffset, SubsecRound as _, TimeDelta};
use futures_util::TryStreamExt as _;

use self::locks::UploadLocks;
use crate::{
    blob::{BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, UserId},
    media_type::MediaType,
    pending::{LinkKey, PartTicket, Parts, PendingUpload},
    ports::{
        Assembled, BlobError, BlobStore, Clock, PartAccess, Ports, PresignedRequest, RecordStore, ReserveError,
        SettleError, Staging, StoreError, Timestamp, UploadStore,
    },
    recording::{Recording, RecordingName, Revision},
    upload::{Allowance, Limits, Stored, UploadError, metered, to_microseconds},
};

/// What a client says about a recording it is going to send.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The id the client chose; the server chooses one otherwise.
    pub id: Option<RecordingId>,
    /// Its name; made from the time otherwise.
    pub name: Option<RecordingName>,
    /// Its declared type.
    pub media_type: MediaType,
    /// When it was recorded; now otherwise.
    pub recorded_at: Option<DateTime<FixedOffset>>,
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
    limits: Limits,
    patience: TimeDelta,
    locks: UploadLocks,
}

impl Direct {
    /// How long a link is good for; announcing the recording again gives fresh ones.
    pub const LINK_LIFETIME: Duration = Duration::from_hours(1);

    /// Wires the use case. An upload may take as long as `patience`.
    #[must_use]
    pub fn new(ports: &Ports, limits: Limits, patience: TimeDelta) -> Self {
        let Ports { records, uploads, blobs, staging, clock, .. } = ports.clone();
        Self { records, uploads, blobs, staging, clock, limits, patience, locks: UploadLocks::default() }
    }

    /// Plans the upload of a recording of `owner`, and reserves the quota for it.
    ///
    /// Announcing the same again answers the same plan.
    ///
    /// # Errors
    /// [`DirectError::Upload`]; nothing is reserved then.
    pub async fn create(&self, owner: UserId, new: NewUpload) -> Result<Begun, DirectError> {
        if !new.media_type.is_recording() {
            return Err(UploadError::UnsupportedType(new.media_type).into());
        }
        if let Some(id) = &new.id
            && let Some(known) = self.known(owner, id, &new).await?
        {
            return Ok(known);
        }
        let left = self.limits.quota_bytes.saturating_sub(self.records.used_bytes(owner).await?);
        let allowance = Allowance { recording: self.limits.recording_bytes, quota: left };
        allowance.admit(new.size).map_err(UploadError::from)?;

        let plan = self.draw_up(owner, new).await?;
        match self.uploads.reserve(plan.clone(), self.limits.quota_bytes).await {
            Ok(()) => Ok(Begun::Created(plan)),
            // A store that repeated the write, for the reply was lost, finds its own plan.
            Err(ReserveError::Taken(there)) if there.staged == plan.staged => Ok(Begun::Created(*there)),
            // Whether the plan is there is unknown; the sweeper looks after both.
            Err(ReserveError::Store(error @ StoreError::Unavailable(_))) => Err(error.into()),
            Err(refused) => {
                self.abandon(&plan).await;
                planned_by_another(&plan, refused)
            }
        }
    }

    /// What is there already of the id a client chose. A plan that has expired is cleared away.
    async fn known(&self, owner: UserId, id: &RecordingId, new: &NewUpload) -> Result<Option<Begun>, DirectError> {
        if let Some(recording) = self.records.find(owner, id).await? {
            let is_same = recording.size == new.size && recording.sha256 == new.sha256;
            return if is_same { Ok(Some(Begun::Stored(recording))) } else { Err(conflict(id)) };
        }
        match self.uploads.upload(owner, id).await? {
            Some(plan) if self.has_expired(&plan) => {
                self.give_up(&plan).await?;
                Ok(None)
            }
            Some(plan) if plan.is_of(new.size, new.sha256) => Ok(Some(Begun::Resumed(plan))),
            Some(_) => Err(conflict(id)),
            None => Ok(None),
        }
    }

    async fn draw_up(&self, owner: UserId, new: NewUpload) -> Result<PendingUpload, DirectError> {
        let now = self.clock.now();
        let recorded_at = new.recorded_at.map_or_else(|| now.fixed_offset(), to_microseconds);
        let id = new.id.unwrap_or_else(|| RecordingId::generate(now));
        let of = Provenance { owner, recording: id.clone() };
        Ok(PendingUpload {
            id,
            owner,
            name: new.name.unwrap_or_else(|| RecordingName::from_time(recorded_at, &new.media_type)),
            media_type: new.media_type,
            size: new.size,
            sha256: new.sha256,
            recorded_at,
            staged: self.staging.blobs.begin(Parts::of(new.size), &of, new.sha256).await?,
            key: LinkKey::generate(),
            expires_at: now + self.patience,
        })
    }

    /// Where to send the parts of a plan, in their order, and until when that is possible.
    ///
    /// # Errors
    /// [`DirectError::Upload`] if the blob store fails.
    pub async fn links(&self, plan: &PendingUpload) -> Result<(Vec<PartLink>, Timestamp), DirectError> {
        let now = self.clock.now();
        // To the second, as links have it.
        let expires_at = (now + Self::LINK_LIFETIME).min(plan.expires_at).trunc_subsecs(0);
        // No signature is good for less than a second.
        let lifetime = (expires_at - now).to_std().unwrap_or_default().max(Duration::from_secs(1));
        let of = Provenance::from(plan);
        let mut links = Vec::new();
        for number in plan.parts().numbers() {
            links.push(match &self.staging.parts {
                PartAccess::Server(_) => {
                    let ticket = PartTicket { owner: plan.owner, id: plan.id.clone(), number, expires_at };
                    let signature = ticket.sign(&plan.key);
                    PartLink::Server(ticket, signature)
                }
                PartAccess::Presigned(store) => PartLink::Store(
                    store.presign_part(&plan.staged, plan.parts(), number, &of, plan.sha256, lifetime).await?,
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
        let plan = self.uploads.upload(ticket.owner, &ticket.id).await?.ok_or(DirectError::InvalidLink)?;
        let is_valid = ticket.is_signed(signature, &plan.key) && self.clock.now() < ticket.expires_at;
        let range = plan.parts().range(ticket.number).filter(|_| is_valid).ok_or(DirectError::InvalidLink)?;
        let allowance = Allowance { recording: range.length, quota: u64::MAX };
        allowance.admit(length.unwrap_or_default()).map_err(UploadError::from)?;
        let body = metered(body, allowance, Some(range.length));
        let kept = store.put_part(&plan.staged, ticket.number, body).await;
        // Its place is gone when the upload is over: that is no failure of the store.
        if matches!(kept, Err(BlobError::Unavailable(_))) && self.uploads.upload(plan.owner, &plan.id).await?.is_none()
        {
            return Err(DirectError::InvalidLink);
        }
        Ok(kept?)
    }

    /// Makes the recording, once all parts are there; repeating it answers the same recording.
    ///
    /// # Errors
    /// [`DirectError`]. After a `DigestMismatch` the plan is gone, for it is not known which part is wrong.
    pub async fn complete(&self, owner: UserId, id: &RecordingId) -> Result<Stored, DirectError> {
        let lock = self.locks.of(owner, id);
        let _guard = lock.lock().await;
        let Some(plan) = self.uploads.upload(owner, id).await? else {
            return self.completed_before(owner, id).await;
        };
        if self.has_expired(&plan) {
            return self.expire(&plan).await;
        }
        let blob = match self.staging.blobs.assemble(&plan.staged, plan.parts(), &Provenance::from(&plan)).await? {
            Assembled::Whole(blob) => blob,
            Assembled::MissingPart(number) => return self.missing_part(&plan, number).await,
        };
        if !plan.is_of(blob.size, blob.sha256) {
            self.give_up(&plan).await?;
            self.discard(&plan, &blob.blob).await?;
            return Err(UploadError::DigestMismatch { received: blob.sha256 }.into());
        }
        let recording = self.describe(&plan, blob).await?;
        // It took a while, and a blob must have its recording before the sweeper might take it for an orphan.
        if self.has_expired(&plan) {
            let answer = self.expire(&plan).await;
            self.discard(&plan, &recording.blob).await?;
            return answer;
        }
        self.settle(&plan, recording).await
    }

    async fn completed_before(&self, owner: UserId, id: &RecordingId) -> Result<Stored, DirectError> {
        let recording = self.records.find(owner, id).await?.ok_or(DirectError::NotFound)?;
        Ok(Stored::Existing(recording))
    }

    /// A part was never sent, or has gone since, for somebody else completed or aborted the upload.
    async fn missing_part(&self, plan: &PendingUpload, number: u32) -> Result<Stored, DirectError> {
        match self.uploads.upload(plan.owner, &plan.id).await? {
            Some(still) if still.staged == plan.staged => {
                Err(DirectError::MissingPart { number, count: plan.parts().count() })
            }
            _ => self.completed_before(plan.owner, &plan.id).await,
        }
    }

    fn has_expired(&self, plan: &PendingUpload) -> bool {
        plan.expires_at <= self.clock.now()
    }

    /// Takes back a plan whose time is over, unless somebody else completed it in time.
    async fn expire(&self, plan: &PendingUpload) -> Result<Stored, DirectError> {
        if self.give_up(plan).await? {
            return Err(DirectError::NotFound);
        }
        self.completed_before(plan.owner, &plan.id).await
    }

    async fn describe(&self, plan: &PendingUpload, blob: StoredBlob) -> Result<Recording, DirectError> {
        Ok(Recording {
            id: plan.id.clone(),
            owner: plan.owner,
            name: plan.name.clone(),
            media_type: self.sniff(plan, &blob).await?,
            size: blob.size,
            sha256: blob.sha256,
            recorded_at: plan.recorded_at,
            received_at: self.clock.now(),
            revision: Revision(1),
            blob: blob.blob,
        })
    }

    /// The declared type, or what the first bytes say where it says nothing.
    async fn sniff(&self, plan: &PendingUpload, blob: &StoredBlob) -> Result<MediaType, DirectError> {
        if plan.media_type != MediaType::octet_stream() {
            return Ok(plan.media_type.clone());
        }
        let range = ByteRange::whole(blob.size.min(MediaType::SNIFFED_BYTES as u64));
        let head = match self.blobs.open(&blob.blob, range).await? {
            Some(bytes) => bytes.try_collect::<BytesMut>().await?,
            None => BytesMut::new(),
        };
        Ok(plan.media_type.clone().or_sniffed(&head))
    }

    async fn settle(&self, plan: &PendingUpload, recording: Recording) -> Result<Stored, DirectError> {
        match self.uploads.settle(plan, recording.clone()).await {
            Ok(()) => {
                // What resists is swept by its age.
                let _ = self.staging.blobs.clear(&plan.staged).await;
                Ok(Stored::Created(recording))
            }
            // Completed, or aborted, by somebody else meanwhile.
            Err(SettleError::Gone) => {
                self.discard(plan, &recording.blob).await?;
                self.completed_before(plan.owner, &plan.id).await
            }
            Err(SettleError::Taken(existing)) => {
                self.give_up(plan).await?;
                self.discard(plan, &recording.blob).await?;
                if existing.sha256 == plan.sha256 { Ok(Stored::Existing(*existing)) } else { Err(conflict(&plan.id)) }
            }
            Err(SettleError::Store(error)) => Err(error.into()),
        }
    }

    /// Ends an upload that is under way.
    ///
    /// # Errors
    /// [`DirectError::NotFound`], or [`DirectError::Upload`] if a store fails.
    pub async fn abort(&self, owner: UserId, id: &RecordingId) -> Result<(), DirectError> {
        let plan = self.uploads.upload(owner, id).await?.ok_or(DirectError::NotFound)?;
        if self.give_up(&plan).await? { Ok(()) } else { Err(DirectError::NotFound) }
    }

    /// Takes a plan back, and what was sent for it; `false` if somebody else completed or aborted it first.
    async fn give_up(&self, plan: &PendingUpload) -> Result<bool, DirectError> {
        let is_released = self.uploads.release(plan).await?;
        if is_released {
            self.abandon(plan).await;
        }
        Ok(is_released)
    }

    /// Removes what was sent for a plan nobody can complete. What resists is swept by its age.
    async fn abandon(&self, plan: &PendingUpload) {
        let _ = self.staging.blobs.abort(&plan.staged).await;
    }

    /// Removes a blob, unless it is that of the recording the plan has become.
    async fn discard(&self, plan: &PendingUpload, blob: &BlobRef) -> Result<(), DirectError> {
        let recording = self.records.find(plan.owner, &plan.id).await?;
        if recording.is_none_or(|recording| recording.blob != *blob) {
            let _ = self.blobs.delete(blob).await;
        }
        Ok(())
    }
}

/// What a plan comes to that was not written down.
fn planned_by_another(plan: &PendingUpload, refused: ReserveError) -> Result<Begun, DirectError> {
    match refused {
        ReserveError::Taken(there) if there.is_of(plan.size, plan.sha256) => Ok(Begun::Resumed(*there)),
        ReserveError::Taken(there) => Err(conflict(&there.id)),
        ReserveError::OverQuota => Err(UploadError::from(BodyError::OverQuota).into()),
        ReserveError::Store(error) => Err(error.into()),
    }
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
