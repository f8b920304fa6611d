//! Tries of passwords.

use async_trait::async_trait;
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    ports::{AttemptStore, StoreError},
    time::Timestamp,
};

use super::Reached;

#[async_trait]
impl AttemptStore for Reached {
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError> {
        self.gate.call("attempts.attempts", async { self.stores.inner().attempts.attempts(key).await }).await
    }

    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError> {
        let changing = async { self.stores.inner().attempts.change_attempts(key, from, to).await };
        self.gate.call_with_room("attempts.change_attempts", changing).await
    }

    async fn forget_attempts(&self, now: Timestamp) -> Result<u64, StoreError> {
        let forgetting = async { self.stores.inner().attempts.forget_attempts(now).await };
        self.gate.call("attempts.forget_attempts", forgetting).await
    }
}
