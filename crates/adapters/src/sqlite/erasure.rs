//! `ErasureStore` in SQLite: what is deleted here is overwritten with zeros.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tapebase_domain::{
    attempts::AttemptKey,
    id::UserId,
    ports::{ErasureStore, StoreError},
    time::Timestamp,
};

use super::{
    Outcome, Sqlite,
    due::{self, Kind},
    rows,
};

/// How many users are listed, and rows deleted, in one transaction.
const AT_ONCE: usize = 1_000;

/// Deletes some rows of a user, [`AT_ONCE`] at most, and says how many.
type Delete = fn(&Connection, UserId) -> rusqlite::Result<usize>;

/// What nobody needs of a user who has left.
const TRACES: [Delete; 2] = [tombstones, notes];
/// All there may be but the account, when nothing is to be left.
const ALL: [Delete; 4] = [tombstones, recordings, uploads, everything_due];

#[async_trait]
impl ErasureStore for Sqlite {
    async fn to_erase(&self, now: Timestamp) -> Result<Vec<UserId>, StoreError> {
        self.readers
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT owner FROM due WHERE kind = ?1 AND due_at < ?2 ORDER BY due_at")?;
                let found = statement.query_map(params![Kind::Erasure.as_str(), rows::micros(&now)], rows::user_id)?;
                rows::readable(found, "users to erase", AT_ONCE)
            })
            .await
    }

    async fn put_off(&self, user: UserId, until: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                // Whose erasure was taken back, or is done, has nothing due.
                if due::cancel(connection, user, Kind::Erasure, "")? {
                    due::schedule(connection, user, Kind::Erasure, "", until)?;
                }
                Ok(Outcome::Keep(()))
            })
            .await
    }

    async fn forget_tries(&self, key: AttemptKey) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection.prepare_cached("DELETE FROM attempts WHERE key = ?1")?.execute([key.0.0])?;
                Ok(Outcome::Keep(()))
            })
            .await
    }

    async fn forget_rest(&self, user: UserId) -> Result<bool, StoreError> {
        self.delete_all_of(user, &TRACES).await?;
        self.writer
            .write(move |connection| {
                let is_empty = is_empty(connection, user)?;
                if is_empty {
                    counters(connection, user)?;
                }
                Ok(Outcome::Keep(is_empty))
            })
            .await
    }

    async fn forget_account(&self, user: UserId) -> Result<(), StoreError> {
        let stays = |connection: &Connection| {
            connection
                .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND erase_at IS NULL")?
                .exists([user.to_string()])
        };
        if self.readers.look_up(stays)? {
            return Ok(());
        }
        self.delete_all_of(user, &ALL).await?;
        // Whoever is listed as to be erased is so until nothing is left.
        self.change_sessions(user, move |connection| {
            account(connection, user)?;
            counters(connection, user)?;
            due::cancel(connection, user, Kind::Erasure, "").map(|_| Outcome::Keep(()))
        })
        .await
    }
}

impl Sqlite {
    /// A few at a time: whoever writes meanwhile is held up by no more than that.
    async fn delete_all_of(&self, user: UserId, deletes: &[Delete]) -> Result<(), StoreError> {
        for delete in deletes.iter().copied() {
            while self.change_sessions(user, move |connection| delete(connection, user).map(Outcome::Keep)).await? > 0 {
            }
        }
        Ok(())
    }
}

fn tombstones(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    let gone = delete_some(
        connection,
        user,
        "DELETE FROM deleted WHERE owner = ?1 AND id IN (SELECT id FROM deleted WHERE owner = ?1 LIMIT ?2)",
    )?;
    connection
        .prepare_cached("UPDATE counters SET tombstones = tombstones - ?2 WHERE owner = ?1")?
        .execute(params![user.to_string(), gone])?;
    Ok(gone)
}

/// When sessions and tombstones were to go.
fn notes(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    delete_some(
        connection,
        user,
        "DELETE FROM due WHERE owner = ?1 AND (kind, reference) IN (SELECT kind, reference FROM due \
         WHERE owner = ?1 AND kind IN ('session', 'tombstone') LIMIT ?2)",
    )
}

fn recordings(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    delete_some(
        connection,
        user,
        "DELETE FROM recordings WHERE owner = ?1 AND id IN (SELECT id FROM recordings WHERE owner = ?1 LIMIT ?2)",
    )
}

fn uploads(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    delete_some(
        connection,
        user,
        "DELETE FROM uploads WHERE owner = ?1 AND id IN (SELECT id FROM uploads WHERE owner = ?1 LIMIT ?2)",
    )
}

fn everything_due(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    delete_some(
        connection,
        user,
        "DELETE FROM due WHERE owner = ?1 AND (kind, reference) IN \
         (SELECT kind, reference FROM due WHERE owner = ?1 AND kind <> 'erasure' LIMIT ?2)",
    )
}

fn delete_some(connection: &Connection, user: UserId, delete: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(delete)?.execute(params![user.to_string(), AT_ONCE])
}

fn counters(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM counters WHERE owner = ?1")?.execute([user.to_string()])
}

/// With what belongs to it: identities, sessions and API tokens.
fn account(connection: &Connection, user: UserId) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM users WHERE id = ?1 AND erase_at IS NOT NULL")?.execute([user.to_string()])
}

/// Whether a user has nothing but an account, counters, and what is due of their erasure.
fn is_empty(connection: &Connection, user: UserId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT NOT EXISTS (SELECT 1 FROM recordings WHERE owner = ?1) \
             AND NOT EXISTS (SELECT 1 FROM uploads WHERE owner = ?1) \
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE user = ?1) \
             AND NOT EXISTS (SELECT 1 FROM tokens WHERE user = ?1) \
             AND NOT EXISTS (SELECT 1 FROM deleted WHERE owner = ?1) \
             AND NOT EXISTS (SELECT 1 FROM due WHERE owner = ?1 AND kind <> 'erasure')",
        )?
        .query_row([user.to_string()], |row| row.get(0))
}
