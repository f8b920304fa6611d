//! The port for the keys that playback links are signed with.

use async_trait::async_trait;

use super::StoreError;
use crate::playback::PlaybackKeys;

/// Keeps the keys that playback links are signed with, beside the rows.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PlaybackKeyStore: Send + Sync {
    /// The keys there are, and the history of the rows; the first key is drawn by whoever asks first.
    ///
    /// - It MUST be the same for everybody, however many ask first.
    async fn playback_keys(&self) -> Result<PlaybackKeys, StoreError>;

    /// Draws another key, and keeps one of those before.
    ///
    /// - Within ten seconds, the key that was current MUST be the previous one, in every process.
    /// - Within ten seconds, the key that was the previous one MUST be gone, in every process.
    async fn rotate_playback_keys(&self) -> Result<(), StoreError>;
}
