//! The port for what counts once.

use async_trait::async_trait;

use super::StoreError;
use crate::{digest::Sha256, time::Timestamp};

/// Remembers what was used, of what counts once: nonces, and tokens of others.
///
/// A successful write MUST survive a power cut.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SingleUse: Send + Sync {
    /// Uses something up, which is forgotten after `expires_at`: whoever asks later must know by themselves that it is over.
    ///
    /// - It MUST be `true` for one of those who use the same, however many at once.
    /// - It MUST be `false` for whoever uses it later, until `expires_at`.
    async fn use_up(&self, digest: Sha256, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Forgets what expired before `now`, as far as the store does not do so by itself, and says how much.
    ///
    /// - It MUST leave what has not expired.
    async fn forget_used(&self, now: Timestamp) -> Result<u64, StoreError>;
}
