//! The port for whoever looks after all recordings: not every row store can do that without reading all it has.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    recording::Recording,
};

/// Somebody whose used bytes were counted wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miscount {
    /// Who it is.
    pub owner: UserId,
    /// What they are said to use.
    pub counted: u64,
    /// What they use.
    pub used: u64,
}

/// Lists the recordings of everybody, and brings right what is said of them.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Lists some recordings after `after`, as many as suit the store, by owner and then id.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every recording of every user that stays exactly
    ///   once, while others come and go.
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError>;

    /// Lists everybody whose used bytes are not the sum of the sizes of their recordings and plans.
    ///
    /// - It MUST list nobody whose recordings and plans merely come and go.
    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError>;

    /// Counts anew what somebody uses.
    ///
    /// - What they use MUST be the sum of the sizes of their recordings and plans then, whatever comes and goes.
    async fn recount(&self, owner: UserId) -> Result<(), StoreError>;

    /// Notes that a recording's audio is elsewhere now.
    ///
    /// - It MUST change nothing else of the recording.
    /// - It MUST return `false` and change nothing unless the recording is there and its audio is at `from`.
    async fn move_blob(&self, owner: UserId, id: &RecordingId, from: &BlobRef, to: BlobRef)
    -> Result<bool, StoreError>;
}
