//! Use case: take in a recording that comes in parts, past the server where the blob store allows it.
//!
//! An upload reserves the quota and says where to send the parts; completing it verifies what arrived and
//! makes the recording. An upload that is not completed in time is swept.

mod locks;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use chrono::{SubsecRound as _, TimeDelta};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::locks::UploadLocks;
use crate::{
    blob::{BlobRef, BodyError, ByteStream, Provenance, StoredBlob},
    changes::Waiters,
    damage::Damage,
    details::NewDetails,
    digest::Sha256,
    history::{ChangeNumber, Entry},
    id::{RecordingId, UserId},
    look,
    media_type::Recognised,
    page::Limit,
    pending::{LinkKey, PartTicket, Parts, PendingUpload},
    ports::{
        Assembled, BlobError, BlobStore, Clock, PartAccess, Ports, PresignedRequest, RecordStore, ReserveError,
        SettleError, Staging, StoreError, Timestamp, UploadStore,
    },
    quota::Quota,
    recording::{DigestOrigin, Recording, Revision},
    upload::{Allowance, Limits, Stored, UploadError, metered},
};

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

/// What is there of an id before it is announced.
enum Known {
    /// Nothing that is in the way.
    Nothing,
    /// The very same recording, whose audio is damaged.
    Damaged,
    /// The answer.
    Answer(Box<Begun>),
}

/// An upload under way, and the numbers of the parts that are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The upload.
    pub upload: PendingUpload,
    /// Which parts are here, in order.
    pub sent: Vec<u32>,
}

/// Some uploads under way, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWayPage {
    /// By their ids.
    pub items: Vec<UnderWay>,
    /// After which there was more when this page was read.
    pub next: Option<RecordingId>,
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
    /// Of how many uploads the parts are asked for at once.
    const ASKED_AT_ONCE: usize = 8;

    /// Wires the use case. An upload may take as long as `patience`.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters, damage: Damage, limits: Limits, patience: TimeDelta) -> Self {
        let Ports { records, uploads, blobs, staging, clock, .. } = ports.clone();
        let locks = UploadLocks::default();
        Self { records, uploads, blobs, staging, clock, waiters, damage, limits, patience, locks }
    }

    /// Plans the upload of a recording of `owner`, and reserves the quota for it.
    ///
    /// Announcing the same again answers the same upload.
    ///
    /// # Errors
    /// [`DirectError::Upload`]; nothing is reserved then.
    pub async fn create(&self, owner: UserId, new: NewUpload) -> Result<Begun, DirectError> {
        if !new.details.media_type.is_recording() {
            return Err(UploadError::UnsupportedType(new.details.media_type).into());
        }
        let known = match &new.id {
            Some(id) => self.known(owner, id, &new).await?,
            None => Known::Nothing,
        };
        let quota = match known {
            Known::Answer(begun) => return Ok(*begun),
            Known::Nothing => self.limits.quota,
            // It is counted already.
            Known::Damaged => Quota { uploads: self.limits.quota.uploads, ..Quota::UNLIMITED },
        };
        let has = self.records.counters(owner).await?;
        Limits { quota, ..self.limits }.admit(&has, new.size)?;
        quota.admit_upload(&has, new.size).map_err(|excess| self.limits.refuse(excess))?;

        let upload = self.draw_up(owner, new).await?;
        match self.uploads.reserve(upload.clone(), quota).await {
            Ok(()) => Ok(Begun::Created(upload)),
            // A store that repeated the write, for the reply was lost, finds its own upload.
            Err(ReserveError::Taken(there)) if there.staged == upload.staged => Ok(Begun::Created(*there)),
            // Whether the upload is there is unknown; the sweeper looks after both.
            Err(ReserveError::Store(error @ StoreError::Unavailable(_))) => Err(error.into()),
            Err(refused) => {
                self.abandon(&upload).await;
                self.begun_by_another(&upload, refused)
            }
        }
    }

    /// What an upload comes to that was not written down.
    fn begun_by_another(&self, upload: &PendingUpload, refused: ReserveError) -> Result<Begun, DirectError> {
        match refused {
            ReserveError::Taken(there) if there.is_of(upload.size, upload.sha256) => Ok(Begun::Resumed(*there)),
            ReserveError::Taken(there) => Err(conflict(&there.id)),
            ReserveError::OverQuota(excess) => Err(self.limits.refuse(excess).into()),
            ReserveError::Store(error) => Err(error.into()),
        }
    }

    /// What is there already of the id a client chose. An upload that nobody can complete is cleared away.
    async fn known(&self, owner: UserId, id: &RecordingId, new: &NewUpload) -> Result<Known, DirectError> {
        let (mut is_deleted, mut without_upload) = (false, Known::Nothing);
        match self.records.look_up(owner, id).await? {
            Some(Entry::Recording(recording)) => {
                if recording.size != new.size || recording.sha256 != new.sha256 {
                    return Err(conflict(id));
                }
                if self.damage.is_intact(&recording).await? {
                    return Ok(Known::Answer(Begun::Stored(*recording).into()));
                }
                self.damage.note(*recording).await;
                without_upload = Known::Damaged;
            }
            Some(Entry::Deleted(deleted)) if !new.again => return Err(UploadError::Deleted(deleted).into()),
            Some(Entry::Deleted(_)) => is_deleted = true,
            None => {}
        }
        match self.uploads.upload(owner, id).await? {
            // One that is older than the deletion would be refused in the end, after all its bytes were sent.
            Some(upload) if self.has_expired(&upload) || (is_deleted && !upload.again) => {
                self.give_up(&upload).await?;
                Ok(without_upload)
            }
            Some(upload) if upload.is_of(new.size, new.sha256) => Ok(Known::Answer(Begun::Resumed(upload).into())),
            Some(_) => Err(conflict(id)),
            None => Ok(without_upload),
        }
    }

    async fn draw_up(&self, owner: UserId, new: NewUpload) -> Result<PendingUpload, DirectError> {
        let now = self.clock.now();
        let declared = new.details.media_type.canonical();
        let id = new.id.unwrap_or_else(|| RecordingId::generate(now));
        let of = Provenance { owner, recording: id.clone() };
        Ok(PendingUpload {
            id,
            owner,
            details: new.details.complete(now, &declared),
            size: new.size,
            sha256: new.sha256,
            again: new.again,
            staged: self.staging.blobs.begin(Parts::of(new.size), &of, new.sha256).await?,
            key: LinkKey::generate(),
            expires_at: now + self.patience,
        })
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

    /// Some uploads of `owner` that are under way: until they have expired and are swept, they take up the quota.
    ///
    /// # Errors
    /// [`DirectError::Upload`] if a store fails.
    pub async fn under_way(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<UnderWayPage, DirectError> {
        let mut uploads = self.uploads.uploads(owner, limit, after).await?;
        let has_more = uploads.len() > limit.get();
        uploads.truncate(limit.get());
        let next = uploads.last().map(|last| last.id.clone()).filter(|_| has_more);
        let items = stream::iter(uploads).map(|upload| self.progress(upload)).buffered(Self::ASKED_AT_ONCE);
        Ok(UnderWayPage { items: items.try_collect().await?, next })
    }

    /// One upload of `owner` that is under way.
    ///
    /// # Errors
    /// [`DirectError::NotFound`], or [`DirectError::Upload`] if a store fails.
    pub async fn find(&self, owner: UserId, id: &RecordingId) -> Result<UnderWay, DirectError> {
        let upload = self.uploads.upload(owner, id).await?.ok_or(DirectError::NotFound)?;
        self.progress(upload).await
    }

    async fn progress(&self, upload: PendingUpload) -> Result<UnderWay, DirectError> {
        let sent = self.staging.blobs.sent(&upload.staged, upload.parts()).await?;
        Ok(UnderWay { upload, sent })
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

    /// Makes the recording, once all parts are there; repeating it answers the same recording.
    ///
    /// # Errors
    /// [`DirectError`]. After a `DigestMismatch` the upload is gone, for it is not known which part is wrong.
    pub async fn complete(&self, owner: UserId, id: &RecordingId) -> Result<Stored, DirectError> {
        let lock = self.locks.of(owner, id);
        let _guard = lock.lock().await;
        let Some(upload) = self.uploads.upload(owner, id).await? else {
            return self.completed_before(owner, id).await;
        };
        if self.has_expired(&upload) {
            return self.expire(&upload).await;
        }
        let of = Provenance::from(&upload);
        let blob = match self.staging.blobs.assemble(&upload.staged, upload.parts(), &of).await? {
            Assembled::Whole(blob) => blob,
            Assembled::MissingPart(number) => return self.missing_part(&upload, number).await,
        };
        if !upload.is_of(blob.size, blob.sha256) {
            self.give_up(&upload).await?;
            self.discard(&upload, &blob.blob).await?;
            return Err(UploadError::DigestMismatch { received: blob.sha256 }.into());
        }
        let recognised = self.look_at(&blob).await?;
        if let Recognised::Foreign(what) = recognised {
            self.give_up(&upload).await?;
            self.discard(&upload, &blob.blob).await?;
            return Err(UploadError::Foreign(what).into());
        }
        let recording = self.describe(&upload, blob, &recognised);
        // It took a while, and a blob must have its recording before the sweeper might take it for an orphan.
        if self.has_expired(&upload) {
            let answer = self.expire(&upload).await;
            self.discard(&upload, &recording.blob).await?;
            return answer;
        }
        self.settle(&upload, recording).await
    }

    async fn completed_before(&self, owner: UserId, id: &RecordingId) -> Result<Stored, DirectError> {
        let recording = self.records.find(owner, id).await?.ok_or(DirectError::NotFound)?;
        self.still_there(recording).await
    }

    /// A part was never sent, or has gone since, for somebody else completed or aborted the upload.
    async fn missing_part(&self, upload: &PendingUpload, number: u32) -> Result<Stored, DirectError> {
        match self.uploads.upload(upload.owner, &upload.id).await? {
            Some(still) if still.staged == upload.staged => {
                Err(DirectError::MissingPart { number, count: upload.parts().count() })
            }
            _ => self.completed_otherwise(upload).await,
        }
    }

    fn has_expired(&self, upload: &PendingUpload) -> bool {
        upload.expires_at <= self.clock.now()
    }

    /// Takes back an upload whose time is over; what its id has come to by other means is the answer.
    async fn expire(&self, upload: &PendingUpload) -> Result<Stored, DirectError> {
        self.give_up(upload).await?;
        self.completed_otherwise(upload).await
    }

    /// What an upload's id has come to by other means: whoever sent other bytes must not take them for stored.
    async fn completed_otherwise(&self, upload: &PendingUpload) -> Result<Stored, DirectError> {
        let recording = self.records.find(upload.owner, &upload.id).await?.ok_or(DirectError::NotFound)?;
        if upload.is_of(recording.size, recording.sha256) {
            self.still_there(recording).await
        } else {
            Err(conflict(&upload.id))
        }
    }

    /// Says that a recording is safe, unless its audio is damaged: then it is to be announced and sent again.
    async fn still_there(&self, recording: Recording) -> Result<Stored, DirectError> {
        if self.damage.is_intact(&recording).await? {
            return Ok(Stored::Existing(recording));
        }
        self.damage.note(recording).await;
        Err(DirectError::NotFound)
    }

    fn describe(&self, upload: &PendingUpload, blob: StoredBlob, recognised: &Recognised) -> Recording {
        Recording {
            id: upload.id.clone(),
            owner: upload.owner,
            details: upload.details.clone(),
            media_type: upload.details.media_type.or_recognised(recognised),
            size: blob.size,
            sha256: blob.sha256,
            digest: DigestOrigin::Computed,
            received_at: self.clock.now(),
            revision: Revision(1),
            changed: ChangeNumber::default(),
            verified_at: None,
            damaged_at: None,
            blob: blob.blob,
        }
    }

    /// What the bytes are: nobody has seen them on their way.
    async fn look_at(&self, blob: &StoredBlob) -> Result<Recognised, DirectError> {
        let recognised = look::recognise(&*self.blobs, &blob.blob, blob.size).await?;
        Ok(recognised.unwrap_or(Recognised::Nothing))
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Stored, DirectError> {
        let blob = recording.blob.clone();
        match self.uploads.settle(upload, recording).await {
            Ok(recording) => {
                self.waiters.wake(upload.owner);
                // What resists is swept by its age.
                let _ = self.staging.blobs.clear(&upload.staged).await;
                Ok(Stored::Created(recording))
            }
            // Completed, or aborted, by somebody else meanwhile.
            Err(SettleError::Gone) => {
                self.discard(upload, &blob).await?;
                self.completed_otherwise(upload).await
            }
            Err(SettleError::Taken(existing)) => self.compare(upload, *existing, blob).await,
            Err(SettleError::Deleted(deleted)) => {
                self.give_up(upload).await?;
                self.discard(upload, &blob).await?;
                Err(UploadError::Deleted(deleted).into())
            }
            Err(SettleError::Store(error @ (StoreError::NotWritten(_) | StoreError::Full(_)))) => {
                // What resists is swept by its age.
                let _ = self.staging.blobs.take_apart(&upload.staged, &blob).await;
                Err(error.into())
            }
            Err(SettleError::Store(error)) => Err(error.into()),
        }
    }

    /// Another recording has the id: what was sent takes the place of its audio if that is the same and damaged.
    async fn compare(&self, upload: &PendingUpload, existing: Recording, blob: BlobRef) -> Result<Stored, DirectError> {
        let is_same = upload.is_of(existing.size, existing.sha256);
        if !is_same || self.damage.is_intact(&existing).await? {
            self.give_up(upload).await?;
            self.discard(upload, &blob).await?;
            return if is_same { Ok(Stored::Existing(existing)) } else { Err(conflict(&upload.id)) };
        }
        let damaged = self.damage.note(existing).await;
        // First the upload, so that nobody who ends it takes away what is the recording's by then.
        if !self.uploads.release(upload).await? {
            return self.completed_otherwise(upload).await;
        }
        self.damage.replace(&damaged, blob.clone()).await?;
        match self.records.find(upload.owner, &upload.id).await? {
            Some(repaired) if repaired.blob == blob => {
                let _ = self.staging.blobs.clear(&upload.staged).await;
                Ok(Stored::Repaired(repaired))
            }
            _ => {
                self.abandon(upload).await;
                let _ = self.blobs.delete(&blob).await;
                Err(DirectError::NotFound)
            }
        }
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
        let is_released = self.uploads.release(upload).await?;
        if is_released {
            self.abandon(upload).await;
        }
        Ok(is_released)
    }

    /// Removes what was sent for an upload nobody can complete. What resists is swept by its age.
    async fn abandon(&self, upload: &PendingUpload) {
        let _ = self.staging.blobs.abort(&upload.staged).await;
    }

    /// Removes a blob, unless it is that of the recording the upload has become.
    async fn discard(&self, upload: &PendingUpload, blob: &BlobRef) -> Result<(), DirectError> {
        let recording = self.records.find(upload.owner, &upload.id).await?;
        if recording.is_none_or(|recording| recording.blob != *blob) {
            let _ = self.blobs.delete(blob).await;
        }
        Ok(())
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
