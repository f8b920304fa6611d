//! `ChangeFeed` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    history::{ChangeNumber, Entry, HistoryId},
    id::UserId,
    ports::{ChangeFeed, Changes, ChangesRequest, StoreError},
};

use super::{Outcome, Sqlite, rows};

#[async_trait]
impl ChangeFeed for Sqlite {
    async fn changes(&self, owner: UserId, request: ChangesRequest) -> Result<Changes, StoreError> {
        self.readers.look_up(|connection| {
            // One transaction: the numbers are of the same moment as the entries.
            let snapshot = connection.unchecked_transaction()?;
            changes(&snapshot, owner, request)
        })
    }

    async fn latest_change(&self, owner: UserId) -> Result<ChangeNumber, StoreError> {
        self.readers.look_up(|connection| numbers(connection, owner).map(|(latest, _)| latest))
    }

    async fn history(&self) -> Result<HistoryId, StoreError> {
        self.readers.look_up(history)
    }

    async fn renew_history(&self) -> Result<HistoryId, StoreError> {
        self.writer.write(|connection| renew_history(connection).map(Outcome::Keep)).await
    }
}

/// Draws another history.
pub fn renew_history(connection: &Connection) -> rusqlite::Result<HistoryId> {
    let fresh = HistoryId::generate();
    connection.execute(rows::SET_HISTORY, [fresh.to_string()])?;
    Ok(fresh)
}

/// Which history the rows are of.
pub fn history(connection: &Connection) -> rusqlite::Result<HistoryId> {
    connection.prepare_cached("SELECT id, history, checksum FROM store")?.query_row([], rows::history)
}

/// The number of the owner's last change, and up to which tombstones may be forgotten.
fn numbers(connection: &Connection, owner: UserId) -> rusqlite::Result<(ChangeNumber, ChangeNumber)> {
    let found = connection
        .prepare_cached("SELECT changed, owner, forgotten, checksum FROM counters WHERE owner = ?1")?
        .query_row([owner.to_string()], |row| Ok((ChangeNumber(row.get(0)?), rows::forgotten(row, 1)?)));
    Ok(found.optional()?.unwrap_or_default())
}

fn changes(connection: &Connection, owner: UserId, request: ChangesRequest) -> rusqlite::Result<Changes> {
    let ChangesRequest { after, no_deleted_up_to, limit } = request;
    let (latest, forgotten) = numbers(connection, owner)?;
    let mut entries = recordings(connection, owner, after, limit + 1)?;
    entries.extend(deleted(connection, owner, after.max(no_deleted_up_to), limit + 1)?);
    entries.sort_unstable_by_key(Entry::changed);
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let reached = if has_more { entries.last().map_or(after, Entry::changed) } else { latest.max(after) };
    Ok(Changes { entries, reached, has_more, forgotten, latest, history: history(connection)? })
}

fn recordings(
    connection: &Connection,
    owner: UserId,
    after: ChangeNumber,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let query = format!(
        "SELECT {} FROM recordings WHERE owner = ?1 AND changed > ?2 ORDER BY changed",
        *rows::RECORDING_COLUMNS
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map(params![owner.to_string(), after.0], rows::recording)?;
    let found = rows::readable(found, "recordings", limit)?;
    Ok(found.into_iter().map(|recording| Entry::Recording(recording.into())).collect())
}

fn deleted(connection: &Connection, owner: UserId, after: ChangeNumber, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    let query =
        format!("SELECT {} FROM deleted WHERE owner = ?1 AND changed > ?2 ORDER BY changed", *rows::DELETED_COLUMNS);
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map(params![owner.to_string(), after.0], rows::deleted)?;
    let found = rows::readable(found, "tombstones", limit)?;
    Ok(found.into_iter().map(Entry::Deleted).collect())
}
