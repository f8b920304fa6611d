//! `UploadStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    id::{RecordingId, UserId},
    pending::PendingUpload,
    ports::{ReserveError, SettleError, StoreError, Timestamp, UploadStore},
    recording::Recording,
};

use super::{
    Change, Sqlite,
    records::{self, insert_row, use_bytes},
    rows,
};

/// How many expired plans are listed at once.
const PAGE: usize = 100;

const INSERT: &str = "INSERT INTO plans (owner, id, name, media_type, size, sha256, recorded_at, recorded_offset, \
                      staged, key, expires_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (owner, id) DO NOTHING";

#[async_trait]
impl UploadStore for Sqlite {
    async fn reserve(&self, plan: PendingUpload, quota: u64) -> Result<(), ReserveError> {
        let reserved = self.writer.write(move |connection| {
            if !insert(connection, &plan)? {
                let existing = find(connection, plan.owner, &plan.id)?;
                let existing = existing.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                return Ok(Change::Undo(Err(ReserveError::Taken(Box::new(existing)))));
            }
            if !use_bytes(connection, plan.owner, plan.size, quota)? {
                return Ok(Change::Undo(Err(ReserveError::OverQuota)));
            }
            Ok(Change::Keep(Ok(())))
        });
        reserved.await?
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        self.readers.look_up(|connection| find(connection, owner, id))
    }

    async fn settle(&self, plan: &PendingUpload, recording: Recording) -> Result<(), SettleError> {
        let plan = plan.clone();
        let settled = self.writer.write(move |connection| {
            if !take_out(connection, &plan)? {
                return Ok(Change::Undo(Err(SettleError::Gone)));
            }
            if !insert_row(connection, &recording)? {
                let existing = records::find(connection, recording.owner, &recording.id)?;
                let existing = existing.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                return Ok(Change::Undo(Err(SettleError::Taken(Box::new(existing)))));
            }
            Ok(Change::Keep(Ok(())))
        });
        settled.await?
    }

    async fn release(&self, plan: &PendingUpload) -> Result<bool, StoreError> {
        let plan = plan.clone();
        self.writer
            .write(move |connection| {
                let is_there = take_out(connection, &plan)?;
                if is_there {
                    records::give_back(connection, plan.owner, plan.size)?;
                }
                Ok(Change::Keep(is_there))
            })
            .await
    }

    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        self.readers
            .read(move |connection| {
                let query = format!("SELECT {} FROM plans WHERE expires_at < ?1 LIMIT ?2", rows::PLAN);
                let mut statement = connection.prepare_cached(&query)?;
                statement.query_map(params![rows::micros(&now), PAGE], rows::plan)?.collect()
            })
            .await
    }
}

/// `false` if the id is planned.
fn insert(connection: &Connection, plan: &PendingUpload) -> rusqlite::Result<bool> {
    let added = connection.prepare_cached(INSERT)?.execute(params![
        plan.owner.to_string(),
        plan.id.as_str(),
        plan.name.as_str(),
        plan.media_type.as_str(),
        plan.size,
        plan.sha256.0,
        rows::micros(&plan.recorded_at),
        plan.recorded_at.offset().local_minus_utc(),
        plan.staged.as_str(),
        plan.key.0,
        rows::micros(&plan.expires_at),
    ])?;
    Ok(added == 1)
}

fn find(connection: &Connection, owner: UserId, id: &RecordingId) -> rusqlite::Result<Option<PendingUpload>> {
    let query = format!("SELECT {} FROM plans WHERE owner = ?1 AND id = ?2", rows::PLAN);
    let mut statement = connection.prepare_cached(&query)?;
    statement.query_row(params![owner.to_string(), id.as_str()], rows::plan).optional()
}

/// `false` if this very plan is not there.
fn take_out(connection: &Connection, plan: &PendingUpload) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM plans WHERE owner = ?1 AND id = ?2 AND staged = ?3")?
        .execute(params![plan.owner.to_string(), plan.id.as_str(), plan.staged.as_str()])?;
    Ok(removed == 1)
}
