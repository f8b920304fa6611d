//! Forgetting users.

use async_trait::async_trait;
use tapebase_domain::{
    attempts::AttemptKey,
    id::UserId,
    ports::{ErasureStore, StoreError},
    time::Timestamp,
};

use super::Reached;

#[async_trait]
impl ErasureStore for Reached {
    async fn to_erase(&self, now: Timestamp) -> Result<Vec<UserId>, StoreError> {
        self.gate.call("erasure.to_erase", async { self.stores.inner().erasure.to_erase(now).await }).await
    }

    async fn put_off(&self, user: UserId, until: Timestamp) -> Result<(), StoreError> {
        let putting_off = async { self.stores.inner().erasure.put_off(user, until).await };
        self.gate.call_with_room("erasure.put_off", putting_off).await
    }

    async fn forget_tries(&self, key: AttemptKey) -> Result<(), StoreError> {
        self.gate.call("erasure.forget_tries", async { self.stores.inner().erasure.forget_tries(key).await }).await
    }

    async fn forget_rest(&self, user: UserId) -> Result<bool, StoreError> {
        self.gate.call("erasure.forget_rest", async { self.stores.inner().erasure.forget_rest(user).await }).await
    }

    async fn forget_account(&self, user: UserId) -> Result<(), StoreError> {
        let forgetting = async { self.stores.inner().erasure.forget_account(user).await };
        self.gate.call("erasure.forget_account", forgetting).await
    }
}
