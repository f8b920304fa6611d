//! `UploadStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use tapebase_domain::{
    history::DueAudio,
    id::{RecordingId, UserId},
    page::Limit,
    pending::PendingUpload,
    ports::{ReserveError, SettleError, StoreError, UploadStore},
    quota::Quota,
    recording::Recording,
    time::Timestamp,
};

use super::{
    Outcome, Sqlite,
    commit::{self, Change, Delta},
    counting,
    due::{self, Kind},
    records, rows,
};

/// How many expired uploads are listed at once.
const PAGE: usize = 100;

#[async_trait]
impl UploadStore for Sqlite {
    async fn reserve(&self, upload: PendingUpload, quota: Quota) -> Result<(), ReserveError> {
        let reserved = self.writer.write(move |connection| {
            if let Some(existing) = find(connection, upload.owner, &upload.id)? {
                return Ok(Outcome::Undo(Err(ReserveError::Taken(existing.into()))));
            }
            insert(connection, &upload)?;
            let delta = Delta { reserved_bytes: commit::bytes_of(upload.size), uploads: 1, ..Delta::default() };
            if commit::count(connection, upload.owner, delta, Some(quota))?.is_some() {
                return Ok(Outcome::Keep(Ok(())));
            }
            let has = counting::counters(connection, upload.owner)?;
            let excess = records::over_quota(quota.admit_upload(&has, upload.size));
            Ok(Outcome::Undo(Err(ReserveError::OverQuota(excess))))
        });
        reserved.await?
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        self.readers.look_up(|connection| find(connection, owner, id))
    }

    async fn uploads(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<Vec<PendingUpload>, StoreError> {
        self.readers
            .read(move |connection| {
                let query =
                    format!("SELECT {} FROM uploads WHERE owner = ?1 AND id > ?2 ORDER BY id", rows::UPLOAD.join(", "));
                // No id is empty.
                let after = after.as_ref().map_or("", RecordingId::as_str);
                let mut statement = connection.prepare_cached(&query)?;
                let found = statement.query_map(params![owner.to_string(), after], rows::upload)?;
                rows::readable(found, "uploads", limit.get() + 1)
            })
            .await
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError> {
        let upload = upload.clone();
        let settled = self.writer.write(move |connection| {
            if !take_out(connection, &upload)? {
                return Ok(Outcome::Undo(Err(SettleError::Gone)));
            }
            let (owner, id, again) = (upload.owner, &upload.id, upload.again);
            if let Some(deleted) = records::refused_tombstone(connection, owner, id, again)? {
                return Ok(Outcome::Undo(Err(SettleError::Deleted(deleted))));
            }
            if let Some(settled) = commit::change(connection, Change::Settle { recording, again })? {
                return Ok(Outcome::Keep(Ok(settled)));
            }
            let existing = records::find(connection, owner, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            Ok(Outcome::Undo(Err(SettleError::Taken(existing.into()))))
        });
        settled.await?
    }

    async fn release(&self, upload: &PendingUpload, left: Option<(DueAudio, Timestamp)>) -> Result<bool, StoreError> {
        let upload = upload.clone();
        self.writer
            .write(move |connection| {
                let is_there = take_out(connection, &upload)?;
                if is_there {
                    let delta =
                        Delta { reserved_bytes: -commit::bytes_of(upload.size), uploads: -1, ..Delta::default() };
                    commit::count(connection, upload.owner, delta, None)?;
                    if let Some((audio, due_at)) = left {
                        let reference = rows::audio_reference(&audio);
                        due::schedule(connection, audio.owner, Kind::Audio, &reference, due_at)?;
                    }
                }
                Ok(Outcome::Keep(is_there))
            })
            .await
    }

    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        let (expired, damaged) = self.readers.read(move |connection| expired(connection, now)).await?;
        if !damaged.is_empty() {
            tracing::error!(uploads = damaged.len(), "damaged rows of uploads whose time is over are removed");
            self.writer.write(move |connection| forget(connection, &damaged).map(Outcome::Keep)).await?;
        }
        Ok(expired)
    }
}

/// An owner and an id, which nothing but the index says.
type Key = (UserId, String);

/// Some expired uploads, and the owners and ids of those whose rows cannot be read.
fn expired(connection: &Connection, now: Timestamp) -> rusqlite::Result<(Vec<PendingUpload>, Vec<Key>)> {
    let columns = rows::UPLOAD.join(", uploads.");
    let query = format!(
        "SELECT uploads.{columns} FROM due JOIN uploads ON uploads.owner = due.owner AND uploads.id = due.reference \
         WHERE due.kind = ?1 AND due.due_at < ?2"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let mut due = statement.query(params![Kind::Upload.as_str(), rows::micros(&now)])?;
    let (mut expired, mut damaged) = (Vec::new(), Vec::new());
    while expired.len() + damaged.len() < PAGE
        && let Some(row) = due.next()?
    {
        match rows::upload(row) {
            Ok(upload) => expired.push(upload),
            Err(error) if rows::is_damage(&error) => damaged.push((rows::owner(row, 0)?, row.get(1)?)),
            Err(error) => return Err(error),
        }
    }
    Ok((expired, damaged))
}

/// Takes out uploads that nobody can read, and so nobody complete or abort, or they would have their part of the quota for
/// ever. Their parts go by their age, and `tapebase verify` finds what was made of them.
fn forget(connection: &Connection, damaged: &[Key]) -> rusqlite::Result<()> {
    // One that is sound by now stays.
    let columns: Vec<_> = rows::UPLOAD.iter().copied().filter(|column| *column != "checksum").collect();
    let columns = columns.join(", ");
    let delete = format!("DELETE FROM uploads WHERE owner = ?1 AND id = ?2 AND checksum <> row_checksum({columns})");
    for (owner, id) in damaged {
        if connection.prepare_cached(&delete)?.execute(params![owner.to_string(), id])? == 1 {
            due::cancel(connection, *owner, Kind::Upload, id)?;
            counting::recount(connection, *owner)?;
        }
    }
    Ok(())
}

fn insert(connection: &Connection, upload: &PendingUpload) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&rows::INSERT_UPLOAD)?;
    rows::bind_upload(upload, |values| statement.execute(params_from_iter(values.iter())))?;
    due::schedule(connection, upload.owner, Kind::Upload, upload.id.as_str(), upload.expires_at)
}

fn find(connection: &Connection, owner: UserId, id: &RecordingId) -> rusqlite::Result<Option<PendingUpload>> {
    let mut statement = connection.prepare_cached(&rows::FIND_UPLOAD)?;
    statement.query_row(params![owner.to_string(), id.as_str()], rows::upload).optional()
}

/// `false` if this very upload is not there.
fn take_out(connection: &Connection, upload: &PendingUpload) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM uploads WHERE owner = ?1 AND id = ?2 AND staged = ?3")?
        .execute(params![upload.owner.to_string(), upload.id.as_str(), upload.staged.as_str()])?;
    if removed == 1 {
        due::cancel(connection, upload.owner, Kind::Upload, upload.id.as_str())?;
    }
    Ok(removed == 1)
}
