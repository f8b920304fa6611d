//! The port for whoever looks after all recordings: not every row store can do that without reading all it has.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    history::Counters,
    id::{RecordingId, UserId},
    recording::Recording,
};

/// Somebody whose counters are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miscount {
    /// Who it is.
    pub owner: UserId,
    /// What they are said to have.
    pub counted: Counters,
    /// What they have.
    pub found: Counters,
}

/// Lists the recordings of everybody, and whose are counted wrong.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Lists some recordings after `after`, as many as suit the store, by owner and then id.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every recording of every user that stays exactly
    ///   once, while others come and go.
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<Vec<Recording>, StoreError>;

    /// Lists everybody whose counters are not what there is of theirs.
    ///
    /// - It MUST list nobody whose recordings, uploads and sessions merely come and go.
    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError>;

    /// Takes a recording out as if it had never been there: a copy is to know nothing of what it has not got.
    ///
    /// - It MUST leave no tombstone, and return `false` if there is no such recording.
    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError>;
}
