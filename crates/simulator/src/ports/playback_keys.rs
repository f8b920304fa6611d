//! What playback links are signed with.

use async_trait::async_trait;
use tapebase_domain::{
    playback::PlaybackKeys,
    ports::{PlaybackKeyStore, StoreError},
};

use super::Reached;

#[async_trait]
impl PlaybackKeyStore for Reached {
    async fn playback_keys(&self) -> Result<PlaybackKeys, StoreError> {
        let keys = async { self.stores.inner().playback_keys.playback_keys().await };
        self.gate.call("playback_keys.playback_keys", keys).await
    }

    async fn rotate_playback_keys(&self) -> Result<(), StoreError> {
        let rotate = async { self.stores.inner().playback_keys.rotate_playback_keys().await };
        self.gate.call_with_room("playback_keys.rotate", rotate).await
    }
}
