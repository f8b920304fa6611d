//! `AttemptStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    ports::{AttemptStore, StoreError},
    time::Timestamp,
};

use super::Memory;

#[async_trait]
impl AttemptStore for Memory {
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError> {
        Ok(self.state().attempts.get(&key).cloned())
    }

    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError> {
        let remembered = &mut self.state().attempts;
        let is_same = remembered.get(&key) == from.as_ref();
        if is_same {
            remembered.insert(key, to);
        }
        Ok(is_same)
    }

    async fn forget_attempts(&self, now: Timestamp) -> Result<u64, StoreError> {
        let remembered = &mut self.state().attempts;
        let before = remembered.len();
        remembered.retain(|_, attempts| attempts.expires_at() >= now);
        Ok((before - remembered.len()) as u64)
    }
}
