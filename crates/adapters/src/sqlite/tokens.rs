//! `TokenStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{params, params_from_iter};
use tapebase_domain::{
    api_token::ApiToken,
    id::{ApiTokenId, UserId},
    ports::{StoreError, TokenStore},
    session::TokenHash,
    time::Timestamp,
};

use super::{Outcome, Sqlite, rows};

#[async_trait]
impl TokenStore for Sqlite {
    async fn add_token(&self, token: ApiToken, hash: TokenHash) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                let there: usize = connection
                    .prepare_cached("SELECT count(*) FROM tokens WHERE user = ?1 AND expires_at > ?2")?
                    .query_row(params![token.user.to_string(), rows::micros(&token.created_at)], |row| row.get(0))?;
                if there >= ApiToken::MOST {
                    return Ok(Outcome::Undo(false));
                }
                let mut statement = connection.prepare_cached(&rows::INSERT_TOKEN)?;
                rows::bind_token(&token, hash, |values| statement.execute(params_from_iter(values.iter())))?;
                Ok(Outcome::Keep(true))
            })
            .await
    }

    async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        self.readers.look_up(|connection| {
            let query = format!("SELECT {} FROM tokens WHERE token = ?1", rows::TOKEN.join(", "));
            let mut statement = connection.prepare_cached(&query)?;
            let found = statement.query_map([hash.0.0], rows::token)?;
            // Whose token is damaged can make another.
            rows::readable(found, "tokens", 1).map(|mut found| found.pop())
        })
    }

    async fn tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>, StoreError> {
        self.readers
            .read(move |connection| {
                let query = format!(
                    "SELECT {} FROM tokens WHERE user = ?1 AND expires_at > ?2 ORDER BY id DESC",
                    rows::TOKEN.join(", ")
                );
                let mut statement = connection.prepare_cached(&query)?;
                let found = statement.query_map(params![user.to_string(), rows::micros(&now)], rows::token)?;
                rows::readable(found, "tokens", ApiToken::MOST)
            })
            .await
    }

    async fn touch_token(&self, user: UserId, id: ApiTokenId, last_used_at: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE tokens SET last_used_at = ?3, checksum = row_checksum(token, id, user, name, scopes, \
                         recording, created_at, ?3, expires_at) WHERE id = ?2 AND user = ?1 AND checksum = \
                         row_checksum(token, id, user, name, scopes, recording, created_at, last_used_at, expires_at)",
                    )?
                    .execute(params![user.to_string(), id.to_string(), rows::micros(&last_used_at)])?;
                Ok(Outcome::Keep(()))
            })
            .await
    }

    async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                let gone = connection
                    .prepare_cached("DELETE FROM tokens WHERE user = ?1 AND id = ?2")?
                    .execute([user.to_string(), id.to_string()])?;
                Ok(Outcome::Keep(gone == 1))
            })
            .await
    }

    async fn revoke_tokens(&self, user: UserId) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection.prepare_cached("DELETE FROM tokens WHERE user = ?1")?.execute([user.to_string()])?;
                Ok(Outcome::Keep(()))
            })
            .await
    }

    async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.delete_expired(
            "DELETE FROM tokens WHERE token IN (SELECT token FROM tokens WHERE expires_at < ?1 LIMIT ?2)",
            now,
        )
        .await
    }
}
