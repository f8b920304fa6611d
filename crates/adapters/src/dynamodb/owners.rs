//! Changes of one owner's recordings queue in this process: each takes the next number, and only servers conflict.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tapebase_domain::{
    history::{ChangeNumber, Counters},
    id::UserId,
};

/// How many owners are remembered, beside those who are changing something.
const CAPACITY: usize = 10_000;

/// A fair lock for each owner.
#[derive(Debug, Default)]
pub struct Owners(Mutex<HashMap<UserId, Arc<OwnerLock>>>);

/// Held by whoever changes something; has what the owner's counters were the last time they were seen, if they were.
pub type OwnerLock = tokio::sync::Mutex<Option<Seen>>;

/// What an owner's counters were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The number of the last change.
    pub changed: ChangeNumber,
    /// How many tombstones there were.
    pub tombstones: u64,
    /// Up to which change deletions may be forgotten.
    pub forgotten: ChangeNumber,
    /// Whether the row of the last change is known to be there as well: only by whoever has made the change.
    pub is_settled: bool,
}

impl Seen {
    /// What was read.
    pub fn of((counters, forgotten): &(Counters, ChangeNumber)) -> Self {
        let Counters { changed, tombstones, .. } = *counters;
        Self { changed, tombstones, forgotten: *forgotten, is_settled: changed <= *forgotten }
    }

    /// Whether the counters were the same, whatever is known of rows.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { is_settled: other.is_settled, ..*self } == *other
    }
}

impl Owners {
    /// The lock of an owner.
    pub fn of(&self, owner: UserId) -> Arc<OwnerLock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() >= CAPACITY {
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        locks.entry(owner).or_default().clone()
    }

    /// Remembers counters that were read, unless somebody is changing them.
    pub fn note(&self, owner: UserId, seen: Seen) {
        if let Ok(mut known) = self.of(owner).try_lock() {
            *known = known.filter(|known| known.is_same(&seen) || known.changed > seen.changed).or(Some(seen));
        }
    }
}
