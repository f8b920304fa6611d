//! `SingleUse` in memory.

use std::collections::btree_map::Entry;

use async_trait::async_trait;
use tapebase_domain::{
    digest::Sha256,
    ports::{SingleUse, StoreError},
    time::Timestamp,
};

use super::Memory;

#[async_trait]
impl SingleUse for Memory {
    async fn use_up(&self, digest: Sha256, expires_at: Timestamp) -> Result<bool, StoreError> {
        match self.state().used.entry(digest.0) {
            Entry::Vacant(unused) => {
                unused.insert(expires_at);
                Ok(true)
            }
            Entry::Occupied(_) => Ok(false),
        }
    }

    async fn forget_used(&self, now: Timestamp) -> Result<u64, StoreError> {
        let used = &mut self.state().used;
        let before = used.len();
        used.retain(|_, expires_at| *expires_at >= now);
        Ok((before - used.len()) as u64)
    }
}
