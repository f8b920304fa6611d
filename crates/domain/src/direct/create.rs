//! Announcing a recording: planning its upload, and reserving the quota for it.

use super::{Begun, Direct, DirectError, NewUpload, conflict};
use crate::{
    blob::Provenance,
    history::Entry,
    id::{RecordingId, UserId},
    pending::{LinkKey, Parts, PendingUpload},
    ports::{ReserveError, StoreError},
    quota::Quota,
    upload::{Limits, UploadError},
};

/// What is there of an id before it is announced.
enum Known {
    /// Nothing that is in the way.
    Nothing,
    /// The very same recording, whose audio is damaged.
    Damaged,
    /// The answer.
    Answer(Box<Begun>),
}

impl Direct {
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
}
