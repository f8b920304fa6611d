//! `Inventory` in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    ports::{Inventory, Miscount, StoreError},
    recording::Recording,
};

use super::{Change, Sqlite, rows};

/// How many recordings are listed at once.
const PAGE: usize = 200;

/// Everybody, what is counted and what is so, where the two differ.
const MISCOUNTED: &str = "WITH sums AS (SELECT owner, sum(size) AS bytes FROM \
                          (SELECT owner, size FROM recordings UNION ALL SELECT owner, size FROM plans) GROUP BY owner) \
                          SELECT owner, max(coalesce(usage.bytes, 0), 0), coalesce(sums.bytes, 0) \
                          FROM usage FULL JOIN sums USING (owner) \
                          WHERE coalesce(usage.bytes, 0) <> coalesce(sums.bytes, 0) ORDER BY owner";

const RECOUNT: &str = "INSERT INTO usage (owner, bytes) SELECT ?1, \
                       (SELECT coalesce(sum(size), 0) FROM recordings WHERE owner = ?1) + \
                       (SELECT coalesce(sum(size), 0) FROM plans WHERE owner = ?1) WHERE TRUE \
                       ON CONFLICT (owner) DO UPDATE SET bytes = excluded.bytes";

#[async_trait]
impl Inventory for Sqlite {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError> {
        self.readers
            .read(move |connection| {
                // No owner and no id is empty.
                let (owner, id) = after.map(|(owner, id)| (owner.to_string(), id.to_string())).unwrap_or_default();
                let query = format!(
                    "SELECT {}, owner FROM recordings WHERE (owner, id) > (?1, ?2) ORDER BY owner, id LIMIT ?3",
                    rows::RECORDING
                );
                let mut statement = connection.prepare_cached(&query)?;
                let found =
                    statement.query_map(params![owner, id, PAGE], |row| rows::recording(rows::owner(row)?, row))?;
                found.collect()
            })
            .await
    }

    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        self.readers
            .read(|connection| {
                let mut statement = connection.prepare_cached(MISCOUNTED)?;
                statement.query_map([], rows::miscount)?.collect()
            })
            .await
    }

    async fn recount(&self, owner: UserId) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection.prepare_cached(RECOUNT)?.execute([owner.to_string()])?;
                Ok(Change::Keep(()))
            })
            .await
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
    ) -> Result<bool, StoreError> {
        let (id, from) = (id.clone(), from.clone());
        self.writer
            .write(move |connection| {
                let moved = connection
                    .prepare_cached("UPDATE recordings SET blob = ?4 WHERE owner = ?1 AND id = ?2 AND blob = ?3")?
                    .execute(params![owner.to_string(), id.as_str(), from.as_str(), to.as_str()])?;
                Ok(Change::Keep(moved == 1))
            })
            .await
    }
}
