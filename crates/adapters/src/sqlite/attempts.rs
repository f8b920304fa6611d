//! `AttemptStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    ports::{AttemptStore, StoreError},
    time::Timestamp,
};

use super::{Outcome, Sqlite, rows};

#[async_trait]
impl AttemptStore for Sqlite {
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError> {
        self.readers.look_up(|connection| attempts(connection, key))
    }

    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                if attempts(connection, key)? != from {
                    return Ok(Outcome::Keep(false));
                }
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO attempts (key, state, expires_at, checksum) \
                         VALUES (?1, ?2, ?3, row_checksum(?1, ?2, ?3))",
                    )?
                    .execute(params![key.0.0, to.to_bytes(), rows::micros(&to.expires_at())])?;
                Ok(Outcome::Keep(true))
            })
            .await
    }

    /// What is damaged is known to nobody, and goes as well.
    async fn forget_attempts(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.delete_expired(
            "DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE expires_at < ?1 LIMIT ?2)",
            now,
        )
        .await
    }
}

/// A damaged row is as good as none: it keeps nobody out.
fn attempts(connection: &Connection, key: AttemptKey) -> rusqlite::Result<Option<Attempts>> {
    let query = format!("SELECT {} FROM attempts WHERE key = ?1", rows::ATTEMPTS.join(", "));
    let mut statement = connection.prepare_cached(&query)?;
    let found = rows::readable(statement.query_map([key.0.0], rows::attempts)?, "attempts", 1)?;
    Ok(found.into_iter().next())
}
