//! `SingleUse` in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use tapebase_domain::{
    digest::Sha256,
    ports::{SingleUse, StoreError},
    time::Timestamp,
};

use super::{Outcome, Sqlite, rows};

#[async_trait]
impl SingleUse for Sqlite {
    async fn use_up(&self, digest: Sha256, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                let added = connection
                    .prepare_cached(
                        "INSERT INTO used (digest, expires_at, checksum) VALUES (?1, ?2, row_checksum(?1, ?2)) \
                         ON CONFLICT (digest) DO NOTHING",
                    )?
                    .execute(params![digest.0, rows::micros(&expires_at)])?;
                Ok(Outcome::Keep(added == 1))
            })
            .await
    }

    async fn forget_used(&self, now: Timestamp) -> Result<u64, StoreError> {
        // What is damaged says no more when it may go; there are few.
        self.delete_expired(
            "DELETE FROM used WHERE digest IN (SELECT digest FROM used WHERE expires_at < ?1 \
             AND checksum = row_checksum(digest, expires_at) LIMIT ?2)",
            now,
        )
        .await
    }
}
