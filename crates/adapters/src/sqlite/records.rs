//! `RecordStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, StoreId, UserId},
    page::{Order, PageRequest, TimeField},
    ports::{InsertError, RecordStore, StoreError},
    recording::{Recording, RecordingName, Revision},
};

use super::{Change, Sqlite, rows};

const INSERT: &str = "INSERT INTO recordings (owner, id, name, media_type, size, sha256, recorded_at, \
                      recorded_offset, received_at, revision, blob) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (owner, id) DO NOTHING";

/// Adds to what an owner uses, unless that would exceed the quota.
const USE_BYTES: &str = "INSERT INTO usage (owner, bytes) SELECT ?1, ?2 WHERE ?2 <= ?3 \
                         ON CONFLICT (owner) DO UPDATE SET bytes = bytes + ?2 WHERE bytes + ?2 <= ?3";

#[async_trait]
impl RecordStore for Sqlite {
    async fn insert(&self, recording: Recording, quota: u64) -> Result<(), InsertError> {
        let inserted = self.writer.write(move |connection| {
            if !insert_row(connection, &recording)? {
                let existing = find(connection, recording.owner, &recording.id)?;
                let existing = existing.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                return Ok(Change::Undo(Err(InsertError::Taken(Box::new(existing)))));
            }
            if !use_bytes(connection, recording.owner, recording.size, quota)? {
                return Ok(Change::Undo(Err(InsertError::OverQuota)));
            }
            Ok(Change::Keep(Ok(())))
        });
        inserted.await?
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        self.readers.look_up(|connection| find(connection, owner, id))
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        self.readers.look_up(|connection| list(connection, owner, &page))
    }

    async fn rename(
        &self,
        owner: UserId,
        id: &RecordingId,
        name: RecordingName,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let id = id.clone();
        let renamed = self.writer.write(move |connection| {
            let found = match find_expected(connection, owner, &id, expected)? {
                Ok(Some(found)) => found,
                refusal => return Ok(Change::Undo(refusal)),
            };
            let renamed = Recording { name, revision: Revision(found.revision.0 + 1), ..found };
            connection
                .prepare_cached("UPDATE recordings SET name = ?3, revision = ?4 WHERE owner = ?1 AND id = ?2")?
                .execute(params![owner.to_string(), id.as_str(), renamed.name.as_str(), renamed.revision.0])?;
            Ok(Change::Keep(Ok(Some(renamed))))
        });
        renamed.await?
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let id = id.clone();
        let removed = self.writer.write(move |connection| {
            let found = match find_expected(connection, owner, &id, expected)? {
                Ok(Some(found)) => found,
                refusal => return Ok(Change::Undo(refusal)),
            };
            connection
                .prepare_cached("DELETE FROM recordings WHERE owner = ?1 AND id = ?2")?
                .execute(params![owner.to_string(), id.as_str()])?;
            give_back(connection, owner, found.size)?;
            Ok(Change::Keep(Ok(Some(found))))
        });
        removed.await?
    }

    async fn used_bytes(&self, owner: UserId) -> Result<u64, StoreError> {
        let used = self.readers.look_up(|connection| {
            connection
                .prepare_cached("SELECT bytes FROM usage WHERE owner = ?1")?
                .query_row([owner.to_string()], |row| row.get(0))
                .optional()
        });
        Ok(used?.unwrap_or(0))
    }

    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.readers
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT 1 FROM recordings WHERE blob = ?1")?;
                let mut orphans = Vec::new();
                for blob in blobs {
                    if !statement.exists([blob.as_str()])? {
                        orphans.push(blob);
                    }
                }
                Ok(orphans)
            })
            .await
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        self.readers.look_up(|connection| connection.query_row("SELECT id FROM store", [], rows::store_id))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        const NOTHING: &str = "SELECT NOT EXISTS (SELECT 1 FROM recordings) AND NOT EXISTS (SELECT 1 FROM plans)";
        self.readers.look_up(|connection| connection.query_row(NOTHING, [], |row| row.get(0)))
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        let adopted = self.writer.write(move |connection| {
            connection.execute("UPDATE store SET id = ?1", [id.to_string()])?;
            Ok(Change::Keep(()))
        });
        adopted.await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

/// `false` if the quota does not allow it.
pub fn use_bytes(connection: &Connection, owner: UserId, bytes: u64, quota: u64) -> rusqlite::Result<bool> {
    let quota = i64::try_from(quota).unwrap_or(i64::MAX);
    let changed = connection.prepare_cached(USE_BYTES)?.execute(params![owner.to_string(), bytes, quota])?;
    Ok(changed == 1)
}

pub fn give_back(connection: &Connection, owner: UserId, bytes: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE usage SET bytes = bytes - ?2 WHERE owner = ?1")?
        .execute(params![owner.to_string(), bytes])?;
    Ok(())
}

/// `false` if the id is taken.
pub fn insert_row(connection: &Connection, recording: &Recording) -> rusqlite::Result<bool> {
    let added = connection.prepare_cached(INSERT)?.execute(params![
        recording.owner.to_string(),
        recording.id.as_str(),
        recording.name.as_str(),
        recording.media_type.as_str(),
        recording.size,
        recording.sha256.0,
        rows::micros(&recording.recorded_at),
        recording.recorded_at.offset().local_minus_utc(),
        rows::micros(&recording.received_at),
        recording.revision.0,
        recording.blob.as_str(),
    ])?;
    Ok(added == 1)
}

pub fn find(connection: &Connection, owner: UserId, id: &RecordingId) -> rusqlite::Result<Option<Recording>> {
    let query = format!("SELECT {} FROM recordings WHERE owner = ?1 AND id = ?2", rows::RECORDING);
    let mut statement = connection.prepare_cached(&query)?;
    statement.query_row(params![owner.to_string(), id.as_str()], |row| rows::recording(owner, row)).optional()
}

/// `Conflict` if the recording has another revision than expected.
fn find_expected(
    connection: &Connection,
    owner: UserId,
    id: &RecordingId,
    expected: Option<Revision>,
) -> rusqlite::Result<Result<Option<Recording>, StoreError>> {
    Ok(match find(connection, owner, id)? {
        Some(found) if expected.is_some_and(|expected| expected != found.revision) => Err(StoreError::Conflict),
        found => Ok(found),
    })
}

fn list(connection: &Connection, owner: UserId, page: &PageRequest) -> rusqlite::Result<Vec<Recording>> {
    let time = match page.by {
        TimeField::Received => "received_at",
        TimeField::Recorded => "recorded_at",
    };
    // The cursor and the bound it starts from are one bound on `(time, id)`, which the index can seek:
    // two bounds on the time would have SQLite walk from the one to the other. No id is empty, so that
    // `(from, "")` comes before everything of that time.
    let from = page.from.map_or((i64::MIN, ""), |from| (rows::micros(&from), ""));
    let to = page.to.map_or((i64::MAX, ""), |to| (rows::micros(&to), ""));
    let after = page.after.as_ref().map(|position| (rows::micros(&position.time), position.id.as_str()));
    let (begins, ends, direction, beginning, (end, _)) = match page.order {
        Order::Newest => ("<", ">=", "DESC", after.map_or(to, |after| after.min(to)), from),
        Order::Oldest => (">", "<", "ASC", after.map_or(from, |after| after.max(from)), to),
    };
    let query = format!(
        "SELECT {columns} FROM recordings \
         WHERE owner = ?1 AND ({time}, id) {begins} (?2, ?3) AND {time} {ends} ?4 \
         ORDER BY {time} {direction}, id {direction} LIMIT ?5",
        columns = rows::RECORDING,
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_map(params![owner.to_string(), beginning.0, beginning.1, end, page.limit.get() + 1], |row| {
            rows::recording(owner, row)
        })?;
    found.collect()
}
