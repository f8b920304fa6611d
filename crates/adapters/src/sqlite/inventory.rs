//! `Inventory` in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Inventory, StoreError},
    recording::Recording,
};

use super::{Sqlite, rows};

/// How many recordings are listed at once.
const PAGE: usize = 200;

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
}
