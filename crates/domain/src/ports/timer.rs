//! The port for waiting.

use std::time::Duration;

use async_trait::async_trait;

/// Waits.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}
