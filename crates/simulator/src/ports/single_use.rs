//! What counts once.

use async_trait::async_trait;
use tapebase_domain::{
    digest::Sha256,
    ports::{SingleUse, StoreError},
    time::Timestamp,
};

use super::Reached;

#[async_trait]
impl SingleUse for Reached {
    async fn use_up(&self, digest: Sha256, expires_at: Timestamp) -> Result<bool, StoreError> {
        let using = async { self.stores.inner().single_use.use_up(digest, expires_at).await };
        self.gate.call_with_room("single_use.use_up", using).await
    }

    async fn forget_used(&self, now: Timestamp) -> Result<u64, StoreError> {
        let forgetting = async { self.stores.inner().single_use.forget_used(now).await };
        self.gate.call("single_use.forget_used", forgetting).await
    }
}
