//! `PlaybackKeyStore` in SQLite, and the epochs of links.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    id::UserId,
    playback::{LinkEpoch, PlaybackKey, PlaybackKeys},
    ports::{PlaybackKeyStore, StoreError},
};

use super::{Outcome, Sqlite, feed::history, rows};

/// How many keys there are: the one that signs, and the one before.
const MOST_KEYS: usize = 2;

#[async_trait]
impl PlaybackKeyStore for Sqlite {
    async fn playback_keys(&self) -> Result<PlaybackKeys, StoreError> {
        if let Some(found) = self.readers.look_up(keys)? {
            return Ok(found);
        }
        self.writer
            .write(|connection| {
                // Somebody else may have been first. Damaged keys are as good as none.
                if let Some(found) = keys(connection)? {
                    return Ok(Outcome::Keep(found));
                }
                add(connection)?;
                keys(connection)?.map(Outcome::Keep).ok_or(rusqlite::Error::QueryReturnedNoRows)
            })
            .await
    }

    async fn rotate_playback_keys(&self) -> Result<(), StoreError> {
        self.playback_keys().await?;
        self.writer.write(|connection| add(connection).map(Outcome::Keep)).await
    }
}

/// The keys that can be read; `None` if there are none.
fn keys(connection: &Connection) -> rusqlite::Result<Option<PlaybackKeys>> {
    let query = format!("SELECT {} FROM playback_keys ORDER BY number DESC", rows::PLAYBACK_KEY.join(", "));
    let mut statement = connection.prepare_cached(&query)?;
    let found = rows::readable(statement.query_map([], rows::playback_key)?, "playback keys", MOST_KEYS)?;
    let mut keys = found.into_iter();
    let Some(current) = keys.next() else { return Ok(None) };
    Ok(Some(PlaybackKeys { history: history(connection)?, current, previous: keys.next() }))
}

/// Draws a key, and forgets all but the one before, and what is damaged.
fn add(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM playback_keys WHERE checksum <> row_checksum(number, key)", [])?;
    let last: Option<i64> = connection.query_row("SELECT max(number) FROM playback_keys", [], |row| row.get(0))?;
    let number = last.unwrap_or_default().saturating_add(1);
    let key = PlaybackKey::generate();
    connection
        .prepare_cached("INSERT INTO playback_keys (number, key, checksum) VALUES (?1, ?2, row_checksum(?1, ?2))")?
        .execute(params![number, key.0])?;
    connection.execute(
        "DELETE FROM playback_keys WHERE number NOT IN (SELECT number FROM playback_keys ORDER BY number DESC LIMIT 2)",
        [],
    )?;
    Ok(())
}

/// Which links of an owner count.
pub fn link_epoch(connection: &Connection, owner: UserId) -> rusqlite::Result<LinkEpoch> {
    let mut statement = connection.prepare_cached("SELECT link_epoch FROM counters WHERE owner = ?1")?;
    let epoch = statement.query_row([owner.to_string()], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten();
    Ok(epoch.map_or_else(LinkEpoch::default, |epoch| LinkEpoch(epoch.cast_unsigned())))
}

/// Has no link of an owner count that was made before.
pub fn end_links(connection: &Connection, owner: UserId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counters (owner, link_epoch) VALUES (?1, ?2) ON CONFLICT (owner) DO UPDATE SET link_epoch = ?2",
        )?
        .execute(params![owner.to_string(), LinkEpoch::generate().0.cast_signed()])?;
    Ok(())
}
