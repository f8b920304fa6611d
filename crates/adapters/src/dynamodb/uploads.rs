//! `UploadStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    id::{RecordingId, UserId},
    pending::PendingUpload,
    ports::{InsertError, ReserveError, SettleError, StoreError, Timestamp, UploadStore},
    recording::Recording,
};

use super::{
    DynamoDb,
    commit::{Change, Refused},
    counting::{Check, Delta},
    due::{Due, Kind},
    errors::Backoff,
    items::{self, Item, text},
    keys, records,
};

#[async_trait]
impl UploadStore for DynamoDb {
    async fn reserve(&self, upload: PendingUpload, quota: u64) -> Result<(), ReserveError> {
        let Some(room) = quota.checked_sub(upload.size) else {
            let existing = self.upload(upload.owner, &upload.id).await?;
            return Err(existing.map_or(ReserveError::OverQuota, taken));
        };
        let mut reserve = self.transaction();
        reserve.add(items::of_upload(&upload))?;
        let size = i128::from(upload.size);
        let delta = Delta { used: size, reserved: size, uploads: 1, ..Delta::default() };
        reserve.count(upload.owner, &delta, &Check { room: Some(room), ..Check::default() })?;
        Due::upload(upload.owner, &upload.id).schedule(&mut reserve, upload.expires_at)?;
        match reserve.commit().await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.action == 0 => Err(taken(items::upload(&refusal.item()?)?)),
            Err(_) => Err(ReserveError::OverQuota),
        }
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        let item = self.get(keys::upload(owner, id)).await?;
        item.as_ref().map(items::upload).transpose()
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError> {
        let (mut over, mut backoff) = (None, Backoff::default());
        loop {
            let staged = upload.staged.as_str().to_owned();
            let settle = Change::Settle { recording: recording.clone(), over: over.clone(), staged };
            let there = match self.turn(recording.owner).await.change(settle).await? {
                Ok(recording) => return Ok(recording),
                Err(Refused::OverQuota | Refused::Upload) => return Err(SettleError::Gone),
                Err(Refused::Row(there)) => there,
            };
            over = records::over_tombstone(there, upload.again).map_err(settle_error)?;
            backoff.wait("the recording comes and goes all the time").await?;
        }
    }

    async fn release(&self, upload: &PendingUpload) -> Result<bool, StoreError> {
        let mut release = self.transaction();
        let values = Item::from([(":staged".to_owned(), text(upload.staged.as_str()))]);
        release.bury(keys::upload(upload.owner, &upload.id), "staged = :staged", values)?;
        let size = i128::from(upload.size);
        let delta = Delta { used: -size, reserved: -size, uploads: -1, ..Delta::default() };
        release.count(upload.owner, &delta, &Check::default())?;
        Due::upload(upload.owner, &upload.id).cancel(&mut release)?;
        Ok(release.commit().await?.is_ok())
    }

    /// The index is a little behind the table: an upload that has just expired may be listed by the next sweep.
    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        let mut expired = Vec::new();
        for due in self.due_before(Kind::Upload, now).await? {
            // The table knows best what has become of it.
            let item = self.get(keys::upload_of_due(&due)).await?;
            let upload = item.as_ref().map(items::upload).transpose()?;
            expired.extend(upload.filter(|upload| upload.expires_at < now));
        }
        Ok(expired)
    }
}

fn taken(existing: PendingUpload) -> ReserveError {
    ReserveError::Taken(Box::new(existing))
}

fn settle_error(refusal: InsertError) -> SettleError {
    match refusal {
        InsertError::Taken(existing) => SettleError::Taken(existing),
        InsertError::Deleted(deleted) => SettleError::Deleted(deleted),
        InsertError::OverQuota => SettleError::Gone,
        InsertError::Store(error) => SettleError::Store(error),
    }
}
