//! `SingleUse` in DynamoDB: the table forgets by itself.

use async_trait::async_trait;
use tapebase_domain::{
    digest::Sha256,
    ports::{SingleUse, StoreError},
    time::Timestamp,
};

use super::{DynamoDb, items};

#[async_trait]
impl SingleUse for DynamoDb {
    async fn use_up(&self, digest: Sha256, expires_at: Timestamp) -> Result<bool, StoreError> {
        // A transaction: a write that is repeated because its answer was lost finds itself to be the first.
        let mut using = self.transaction();
        using.add(items::of_used(digest, expires_at))?;
        Ok(using.commit().await?.is_ok())
    }

    async fn forget_used(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
