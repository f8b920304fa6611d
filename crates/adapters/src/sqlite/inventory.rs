//! `Inventory` in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Inventory, InventoryPage, Miscount, StoreError},
    recording::Recording,
};

use super::{
    Outcome, Sqlite,
    commit::{self, Change},
    counting, faults, records, rows,
};

/// How many recordings are listed at once.
const PAGE: usize = 200;

#[async_trait]
impl Inventory for Sqlite {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        self.readers
            .read(move |connection| {
                // No owner and no id is empty.
                let (owner, id) = after.map(|(owner, id)| (owner.to_string(), id.to_string())).unwrap_or_default();
                let query = format!(
                    "SELECT {} FROM recordings WHERE (owner, id) > (?1, ?2) ORDER BY owner, id",
                    *rows::RECORDING_COLUMNS
                );
                let mut statement = connection.prepare_cached(&query)?;
                page(statement.query_map(params![owner, id], |row| Ok((rows::recording(row), rows::describe(row))))?)
            })
            .await
    }

    async fn damaged(&self, most: usize) -> Result<Vec<(UserId, RecordingId)>, StoreError> {
        self.readers
            .read(move |connection| {
                let query = format!(
                    "SELECT {} FROM recordings WHERE damaged_at IS NOT NULL LIMIT ?1",
                    *rows::RECORDING_COLUMNS
                );
                let mut statement = connection.prepare_cached(&query)?;
                let damaged = statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], rows::recording)?;
                let readable = damaged.filter(|row| !row.as_ref().is_err_and(rows::is_damage));
                readable.map(|row| row.map(|recording| (recording.owner, recording.id))).collect()
            })
            .await
    }

    async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let checked = self.readers.read(|connection| {
            // What is so broken that it cannot be looked through is found to be so.
            let mut found = faults::of_pages(connection).unwrap_or_else(|error| vec![error.to_string()]);
            found.extend(faults::of_schema(connection).unwrap_or_else(|error| vec![error.to_string()]));
            Ok(found)
        });
        checked.await
    }

    async fn unreadable(&self) -> Result<Vec<String>, StoreError> {
        self.readers.read(faults::of_rows).await
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        self.writer.write(|connection| connection.execute_batch("REINDEX").map(Outcome::Keep)).await
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

/// Some rows: what cannot be read is told of once it is known what comes behind it, or that nothing does.
fn page(
    rows: impl Iterator<Item = rusqlite::Result<(rusqlite::Result<Recording>, String)>>,
) -> rusqlite::Result<InventoryPage> {
    let (mut page, mut unreadable) = (InventoryPage::default(), Vec::new());
    for row in rows {
        match row? {
            (Ok(recording), _) => {
                page.recordings.push(recording);
                page.unreadable.append(&mut unreadable);
            }
            (Err(error), which) if rows::is_damage(&error) => unreadable.push(format!("{which}: {error}")),
            (Err(error), _) => return Err(error),
        }
        if page.recordings.len() == PAGE {
            return Ok(page);
        }
    }
    if page.recordings.is_empty() {
        page.unreadable = unreadable;
    }
    Ok(page)
}
