//! `PlaybackKeyStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    playback::{PlaybackKey, PlaybackKeys},
    ports::{ChangeFeed as _, PlaybackKeyStore, StoreError},
};

use super::Memory;

#[async_trait]
impl PlaybackKeyStore for Memory {
    async fn playback_keys(&self) -> Result<PlaybackKeys, StoreError> {
        let history = self.history().await?;
        let keys = &mut self.state().playback_keys;
        if keys.is_empty() {
            keys.push(PlaybackKey::generate());
        }
        Ok(PlaybackKeys { history, current: keys[0], previous: keys.get(1).copied() })
    }

    async fn rotate_playback_keys(&self) -> Result<(), StoreError> {
        self.playback_keys().await?;
        let keys = &mut self.state().playback_keys;
        keys.insert(0, PlaybackKey::generate());
        keys.truncate(2);
        Ok(())
    }
}
