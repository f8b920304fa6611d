//! `Timer` on tokio's clock.

use std::time::Duration;

use async_trait::async_trait;
use tapebase_domain::ports::Timer;

/// Waits as the runtime does.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
