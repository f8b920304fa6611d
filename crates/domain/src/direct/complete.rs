//! Completing an upload: verifying what arrived, and making the recording.

use super::{Direct, DirectError, conflict, release};
use crate::{
    blob::{BlobRef, Provenance, StoredBlob},
    history::ChangeNumber,
    id::{RecordingId, UserId},
    look,
    media_type::Recognised,
    pending::PendingUpload,
    ports::{Assembled, SettleError, StoreError},
    recording::{DigestOrigin, Recording, Revision},
    upload::{Stored, UploadError},
};

impl Direct {
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
                self.blobs.settle(&blob);
                self.waiters.wake(upload.owner);
                // What resists is swept.
                let _ = self.staging.blobs.clear(&upload.staged).await;
                Ok(Stored::Created(recording))
            }
            // Completed, or aborted, by somebody else meanwhile.
            Err(SettleError::Gone) => {
                self.discard(upload, &blob).await?;
                // Whoever it was may not know: a store that repeated the write finds it done.
                let _ = self.staging.blobs.clear(&upload.staged).await;
                self.completed_otherwise(upload).await
            }
            Err(SettleError::Taken(existing)) => self.compare(upload, *existing, blob).await,
            Err(SettleError::Deleted(deleted)) => {
                self.give_up(upload).await?;
                self.discard(upload, &blob).await?;
                Err(UploadError::Deleted(deleted).into())
            }
            Err(SettleError::Store(error @ (StoreError::NotWritten(_) | StoreError::Full(_)))) => {
                // What resists is swept.
                if self.staging.blobs.take_apart(&upload.staged, &blob).await.is_ok() {
                    self.blobs.settle(&blob);
                }
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
        if !release(&*self.uploads, &*self.staging.blobs, upload, self.clock.now()).await? {
            return self.completed_otherwise(upload).await;
        }
        let is_replaced = self.damage.replace(&damaged, blob.clone()).await?;
        match self.records.find(upload.owner, &upload.id).await? {
            Some(repaired) if repaired.blob == blob => {
                let _ = self.staging.blobs.clear(&upload.staged).await;
                Ok(Stored::Repaired(repaired))
            }
            _ => {
                self.abandon(upload).await;
                // Otherwise whoever took the recording out since has its audio, too.
                if !is_replaced && self.blobs.delete(&blob).await.is_ok() {
                    self.blobs.settle(&blob);
                }
                Err(DirectError::NotFound)
            }
        }
    }
}
