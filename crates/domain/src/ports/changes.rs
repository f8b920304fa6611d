//! The port for the order in which an owner's recordings have changed.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    history::{ChangeNumber, Entry, HistoryId},
    id::UserId,
};

/// Which changes to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesRequest {
    /// Only what has changed after this one.
    pub after: ChangeNumber,
    /// No tombstones up to this one.
    pub no_deleted_up_to: ChangeNumber,
    /// How many entries at most.
    pub limit: usize,
}

/// Some changes, and how far they reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// In the order of their numbers, each recording once, at its latest state.
    pub entries: Vec<Entry>,
    /// Everything up to this number was listed, or was not to be listed.
    pub reached: ChangeNumber,
    /// Whether there is more to look through.
    pub has_more: bool,
    /// Tombstones up to this one may be forgotten by now.
    pub forgotten: ChangeNumber,
    /// The number of the owner's last change.
    pub latest: ChangeNumber,
    /// Which history this is.
    pub history: HistoryId,
}

/// Tells what has changed, kept by the store that keeps the recordings.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// Lists recordings and tombstones of an owner in the order of their last change; some, or none, of a page.
    ///
    /// - Walked from 0 until there is no more, the lists MUST have the latest state of every recording and every
    ///   tombstone at least once, whatever changes meanwhile.
    /// - It MUST list only what is of the owner.
    /// - `forgotten`, `latest` and `history` MUST NOT be older than the entries.
    async fn changes(&self, owner: UserId, request: ChangesRequest) -> Result<Changes, StoreError>;

    /// The number of an owner's last change; 0 if there was none.
    ///
    /// - It MUST count up by one with every change of a recording: inserted, settled, edited, moved or removed.
    async fn latest_change(&self, owner: UserId) -> Result<ChangeNumber, StoreError>;

    /// Which history the rows are of.
    ///
    /// - It MUST stay the same until it is renewed.
    async fn history(&self) -> Result<HistoryId, StoreError>;

    /// Begins another history: these rows were put back to an earlier state.
    ///
    /// - Within ten seconds, [`Self::changes`] MUST answer with the new one, in every process.
    async fn renew_history(&self) -> Result<HistoryId, StoreError>;
}
