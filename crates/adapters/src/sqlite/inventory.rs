//! `Inventory` in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Inventory, Miscount, StoreError},
    recording::Recording,
};

use super::{
    Outcome, Sqlite,
    commit::{self, Change},
    counting, records, rows,
};

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
                    "SELECT {} FROM recordings WHERE (owner, id) > (?1, ?2) ORDER BY owner, id LIMIT ?3",
                    *rows::RECORDING_COLUMNS
                );
                let mut statement = connection.prepare_cached(&query)?;
                statement.query_map(params![owner, id, PAGE], rows::recording)?.collect()
            })
            .await
    }

    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        self.readers.read(counting::miscounted).await
    }

    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError> {
        let id = id.clone();
        self.writer
            .write(move |connection| {
                let Some(found) = records::find(connection, owner, &id)? else { return Ok(Outcome::Undo(false)) };
                commit::change(connection, Change::Forget(found))?;
                Ok(Outcome::Keep(true))
            })
            .await
    }
}
