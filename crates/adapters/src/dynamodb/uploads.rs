//! `UploadStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    history::{Counters, DueAudio},
    id::{RecordingId, UserId},
    page::Limit,
    pending::PendingUpload,
    ports::{InsertError, ReserveError, SettleError, StoreError, UploadStore},
    quota::{Excess, Quota, weight},
    recording::Recording,
    time::Timestamp,
};

use super::{
    DynamoDb,
    commit::{Change, Refused},
    counting::{Check, Delta},
    due::{Due, Kind},
    errors::Backoff,
    items::{self, Item, text},
    keys, query, records,
};

#[async_trait]
impl UploadStore for DynamoDb {
    async fn reserve(&self, upload: PendingUpload, quota: Quota) -> Result<(), ReserveError> {
        let excess = |has: &Counters| quota.admit_upload(has, upload.size).err().unwrap_or(Excess::Bytes);
        let Some(check) = Check::for_upload(quota, upload.size) else {
            let existing = self.upload(upload.owner, &upload.id).await?;
            return Err(existing.map_or(ReserveError::OverQuota(excess(&Counters::default())), taken));
        };
        let mut reserve = self.transaction();
        reserve.add(items::of_upload(&upload))?;
        reserve.count(upload.owner, &one_upload(&upload, 1), &check)?;
        Due::upload(upload.owner, &upload.id).schedule(&mut reserve, upload.expires_at)?;
        match reserve.commit().await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.action == 0 => Err(taken(items::upload(&refusal.item()?)?)),
            Err(refusal) => Err(ReserveError::OverQuota(excess(&items::counters(&refusal.item()?)?.0))),
        }
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        let item = self.get(keys::upload(owner, id)).await?;
        item.as_ref().map(items::upload).transpose()
    }

    async fn uploads(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<Vec<PendingUpload>, StoreError> {
        let (first, last) = keys::upload_bounds(after.as_ref());
        let query = query::between(self.query(), ("pk", keys::of_user(owner)), ("sk", first, last))
            .consistent_read(true)
            // Tombstones are in between, for a day.
            .filter_expression("attribute_not_exists(gone)");
        query::first(query, limit.get() + 1).await?.iter().map(items::upload).collect()
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError> {
        let (mut over, mut backoff) = (None, Backoff::default());
        loop {
            let staged = upload.staged.as_str().to_owned();
            let settle = Change::Settle { recording: recording.clone(), over: over.clone(), staged };
            let there = match self.turn(recording.owner).await.change(settle).await? {
                Ok(recording) => return Ok(recording),
                Err(Refused::OverQuota(_) | Refused::Upload) => return Err(SettleError::Gone),
                Err(Refused::Row(there)) => there,
            };
            over = records::over_tombstone(there, upload.again).map_err(settle_error)?;
            backoff.wait("the recording comes and goes all the time").await?;
        }
    }

    async fn release(&self, upload: &PendingUpload, left: Option<(DueAudio, Timestamp)>) -> Result<bool, StoreError> {
        let mut release = self.transaction();
        let values = Item::from([(":staged".to_owned(), text(upload.staged.as_str()))]);
        release.bury(keys::upload(upload.owner, &upload.id), "staged = :staged", values)?;
        release.count(upload.owner, &one_upload(upload, -1), &Check::default())?;
        Due::upload(upload.owner, &upload.id).cancel(&mut release)?;
        if let Some((audio, due_at)) = left {
            Due::audio(&audio).schedule(&mut release, due_at)?;
        }
        Ok(release.commit().await?.is_ok())
    }

    /// The index is a little behind the table: an upload that has just expired may be listed by the next sweep.
    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        let mut expired = Vec::new();
        for due in self.due_before(Kind::Upload, now).await? {
            // The table knows best what has become of it.
            let item = self.get(keys::upload_of_due(&due)).await?;
            let upload = item.as_ref().and_then(|item| query::readable(items::upload(item)));
            expired.extend(upload.filter(|upload| upload.expires_at < now));
        }
        Ok(expired)
    }
}

/// That there is an upload more, or one less.
fn one_upload(upload: &PendingUpload, more: i128) -> Delta {
    let bytes = more * i128::from(weight(upload.size));
    Delta { used: bytes, reserved: bytes, held: more, uploads: more, ..Delta::default() }
}

fn taken(existing: PendingUpload) -> ReserveError {
    ReserveError::Taken(Box::new(existing))
}

fn settle_error(refusal: InsertError) -> SettleError {
    match refusal {
        InsertError::Taken(existing) => SettleError::Taken(existing),
        InsertError::Deleted(deleted) => SettleError::Deleted(deleted),
        InsertError::OverQuota(_) => SettleError::Gone,
        InsertError::Store(error) => SettleError::Store(error),
    }
}
