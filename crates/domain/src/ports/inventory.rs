//! The port for whoever goes through all recordings: not every row store can do that without reading all it has.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    id::{RecordingId, UserId},
    recording::Recording,
};

/// Lists the recordings of everybody.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Lists some recordings after `after`, as many as suit the store, by owner and then id.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every recording of every user that stays exactly
    ///   once, while others come and go.
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError>;
}
