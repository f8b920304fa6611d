//! The port for whoever looks after all recordings, which may take reading all there is.

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

/// Some rows of a walk through all recordings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InventoryPage {
    /// What can be read; none at the end.
    pub recordings: Vec<Recording>,
    /// What is known of each row that cannot be read, up to the last of the recordings; without any, to the end.
    pub unreadable: Vec<String>,
}

/// Lists the recordings of everybody, and whose are counted wrong.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Lists some recordings after `after`, as many as suit the store and in an order of its own.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every recording of every user that stays exactly
    ///   once, while others come and go.
    /// - A row that is damaged MUST keep none of the others from being listed.
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError>;

    /// Lists recordings whose audio is noted as damaged, `most` at most, as far as they are found without reading all rows.
    ///
    /// - It MUST list none whose audio is not, or is no more.
    async fn damaged(&self, most: usize) -> Result<Vec<(UserId, RecordingId)>, StoreError>;

    /// Says what is wrong with how the rows are kept, a sentence each.
    ///
    /// - It MUST find nothing wrong with rows that were only ever written.
    async fn faults(&self) -> Result<Vec<String>, StoreError>;

    /// Names the rows that are damaged and are no recording's, a sentence each.
    ///
    /// - It MUST name none that was only ever written.
    async fn unreadable(&self) -> Result<Vec<String>, StoreError>;

    /// Makes anew what the rows are found by.
    ///
    /// - It MUST change nothing that can be read.
    async fn rebuild_indexes(&self) -> Result<(), StoreError>;

    /// Lists everybody whose counters are not what there is of theirs.
    ///
    /// - It MUST list nobody whose recordings, uploads and sessions merely come and go.
    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError>;

    /// Takes a recording out as if it had never been there: a copy is to know nothing of what it has not got.
    ///
    /// - It MUST leave no tombstone, and return `false` if there is no such recording.
    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError>;
}
