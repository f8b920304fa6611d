//! The port for tries of passwords.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    attempts::{AttemptKey, Attempts},
    time::Timestamp,
};

/// Remembers tries of passwords, for all servers alike.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// What is remembered of an account's tries.
    ///
    /// - It MUST find what was remembered last, equal in every field; `None` if it is damaged.
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError>;

    /// Remembers something else; it may be forgotten once it expires.
    ///
    /// - It MUST answer `false`, and change nothing, unless what is remembered is `from`, however many change it at once.
    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError>;

    /// Forgets what expired before `now`, as far as the store does not do so by itself, and says how much.
    ///
    /// - It MUST leave what has not expired.
    async fn forget_attempts(&self, now: Timestamp) -> Result<u64, StoreError>;
}
