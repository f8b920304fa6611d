//! How much of what clients send and are sent may be in memory at once: of all of them, and of each.
//!
//! Whoever takes in a body asks before its first byte for as much as it needs, and goes faster with what is to spare:
//! nobody who was let in waits for somebody else to go.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::id::UserId;

/// Memory is given out in units of this size.
const UNIT_BYTES: u64 = 4 << 10;
/// A user has one part in so many at most.
const SHARES: u64 = 8;
/// One part in so many of all at most is for what is sent: whoever plays slowly keeps no recording from being stored.
const SENDING: u64 = 2;
/// More than any machine has: 2 TiB.
const MOST_UNITS: u32 = u32::MAX >> 3;

/// What somebody takes memory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A body they send.
    Receiving,
    /// An answer that is sent to them.
    Sending,
}

/// A number of bytes of memory that everybody shares; clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: u64,
    free: Arc<Semaphore>,
    /// What of it is left for [`Purpose::Sending`].
    sending: Arc<Semaphore>,
    /// What is left to those who have some of it.
    users: Mutex<HashMap<(UserId, Purpose), Arc<Semaphore>>>,
    waiting: AtomicUsize,
}

/// Some of a budget; it goes back when this is dropped.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    user: (UserId, Purpose),
    of_user: Option<OwnedSemaphorePermit>,
    of_sending: Option<OwnedSemaphorePermit>,
    of_all: Option<OwnedSemaphorePermit>,
}

/// Memory that makes things faster, and that nobody else needs at the moment; it goes back when this is dropped.
#[derive(Debug)]
pub struct Spare(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Budget {
    /// The smallest budget of a server: a user's share of it is as much as any store takes in at once.
    pub const LEAST_BYTES: u64 = 64 << 20;

    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let bytes = bytes.min(u64::from(MOST_UNITS) * UNIT_BYTES);
        Self(Arc::new(Inner {
            bytes,
            free: Arc::new(Semaphore::new(units(bytes) as usize)),
            sending: Arc::new(Semaphore::new(units(bytes / SENDING) as usize)),
            users: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// A budget that is never used up, for a program that does one thing after another.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// How many bytes nobody has.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.0.free.available_permits() as u64 * UNIT_BYTES
    }

    /// Whether somebody waits for memory that others have, and whoever holds some for long is in the way.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Takes `bytes`, or a user's share if that is less, as soon as the user and then all have so much left. Whoever
    /// comes first is served first.
    pub async fn take(&self, user: UserId, purpose: Purpose, bytes: u64) -> Grant {
        if let Some(grant) = self.try_take(user, purpose, bytes) {
            return grant;
        }
        let units = units(bytes.min(self.share_bytes(purpose)));
        let mut grant = self.nothing(user, purpose);
        // None of these is ever closed.
        grant.of_user = self.left_to(user, purpose).acquire_many_owned(units).await.ok();
        if purpose == Purpose::Sending {
            grant.of_sending = self.0.sending.clone().acquire_many_owned(units).await.ok();
        }
        // What was waited for up to here, nobody else could have given.
        let _waiting = Waiting::begin(&self.0.waiting);
        grant.of_all = self.0.free.clone().acquire_many_owned(units).await.ok();
        grant
    }

    /// Takes `bytes`, or a user's share if that is less, if the user and all have so much left and nobody waits.
    #[must_use]
    pub fn try_take(&self, user: UserId, purpose: Purpose, bytes: u64) -> Option<Grant> {
        let units = units(bytes.min(self.share_bytes(purpose)));
        let mut grant = self.nothing(user, purpose);
        grant.of_user = Some(self.left_to(user, purpose).try_acquire_many_owned(units).ok()?);
        if purpose == Purpose::Sending {
            grant.of_sending = Some(self.0.sending.clone().try_acquire_many_owned(units).ok()?);
        }
        grant.of_all = Some(self.0.free.clone().try_acquire_many_owned(units).ok()?);
        Some(grant)
    }

    /// Takes `bytes` if half of all would still be free.
    #[must_use]
    pub fn try_spare(&self, bytes: u64) -> Option<Spare> {
        let spare = self.0.free.clone().try_acquire_many_owned(units(bytes)).ok()?;
        (self.free_bytes() >= self.0.bytes / 2).then_some(Spare(spare))
    }

    fn nothing(&self, user: UserId, purpose: Purpose) -> Grant {
        Grant { budget: self.clone(), user: (user, purpose), of_user: None, of_sending: None, of_all: None }
    }

    fn share_bytes(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Receiving => self.0.bytes / SHARES,
            Purpose::Sending => self.0.bytes / SENDING / SHARES,
        }
    }

    fn left_to(&self, user: UserId, purpose: Purpose) -> Arc<Semaphore> {
        let share = || Arc::new(Semaphore::new(units(self.share_bytes(purpose)) as usize));
        self.users().entry((user, purpose)).or_insert_with(share).clone()
    }

    fn users(&self) -> MutexGuard<'_, HashMap<(UserId, Purpose), Arc<Semaphore>>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many units these bytes take.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(MOST_UNITS).min(MOST_UNITS)
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.of_user = None;
        let mut users = self.budget.users();
        // What nobody has any of, and nobody waits for, needs no note.
        if users.get(&self.user).is_some_and(|left| Arc::strong_count(left) == 1) {
            users.remove(&self.user);
        }
    }
}

/// Counts somebody who waits for as long as they do.
struct Waiting<'budget>(&'budget AtomicUsize);

impl<'budget> Waiting<'budget> {
    fn begin(waiting: &'budget AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{Purpose::Receiving, *};
    use crate::time::Timestamp;

    const MIB: u64 = 1 << 20;

    fn somebody() -> UserId {
        UserId::generate(Timestamp::UNIX_EPOCH)
    }

    /// A budget of 64 MiB that is all taken.
    fn used_up() -> (Budget, Vec<Grant>) {
        let budget = Budget::new(64 * MIB);
        let grants = (0..8).map(|_| budget.try_take(somebody(), Receiving, 8 * MIB).expect("it is there")).collect();
        assert_eq!(budget.free_bytes(), 0);
        (budget, grants)
    }

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let (budget, grants) = used_up();
        assert!(budget.try_take(somebody(), Receiving, 1).is_none());

        drop(grants);

        assert_eq!(budget.free_bytes(), 64 * MIB);
        assert!(budget.users().is_empty(), "nobody who has nothing is remembered");
        assert!(budget.try_take(somebody(), Receiving, 1).is_some());
    }

    #[test]
    fn nobody_has_more_than_a_share_and_others_have_the_rest() {
        let (budget, [ann, ben]) = (Budget::new(64 * MIB), [somebody(), somebody()]);
        let first = budget.try_take(ann, Receiving, 5 * MIB).expect("it is there");

        assert!(budget.try_take(ann, Receiving, 4 * MIB).is_none());
        assert!(budget.take(ann, Receiving, 4 * MIB).now_or_never().is_none(), "she waits");

        assert!(budget.try_take(ben, Receiving, 4 * MIB).is_some());
        drop(first);
        assert!(budget.take(ann, Receiving, 4 * MIB).now_or_never().is_some());
    }

    #[test]
    fn whoever_waits_for_themselves_alone_has_nobody_cut_off() {
        let (budget, ann) = (Budget::new(64 * MIB), somebody());
        let _first = budget.try_take(ann, Receiving, 8 * MIB).expect("a share");
        let mut waits = Box::pin(budget.take(ann, Receiving, MIB));

        assert!(waits.as_mut().now_or_never().is_none());

        assert!(!budget.is_short());
    }

    #[test]
    fn what_is_sent_leaves_half_to_what_is_received() {
        let budget = Budget::new(64 * MIB);
        let mut sent = Vec::new();
        while let Some(grant) = budget.try_take(somebody(), Purpose::Sending, MIB) {
            sent.push(grant);
        }

        assert_eq!(budget.free_bytes(), 32 * MIB);
        let mut waits = Box::pin(budget.take(somebody(), Purpose::Sending, MIB));
        assert!(waits.as_mut().now_or_never().is_none() && !budget.is_short());
        assert!(budget.try_take(somebody(), Receiving, 8 * MIB).is_some());
        sent.pop();
        assert!(waits.as_mut().now_or_never().is_some());
    }

    #[test]
    fn whoever_sends_much_is_sent_something_all_the_same() {
        let (budget, ann) = (Budget::new(64 * MIB), somebody());
        let _sends = budget.try_take(ann, Receiving, 1 << 40).expect("a share");

        let played = budget.try_take(ann, Purpose::Sending, 1 << 40).expect("a share");

        assert_eq!(budget.free_bytes(), 52 * MIB);
        drop(played);
    }

    #[test]
    fn whoever_wants_more_than_a_share_gets_one() {
        let budget = Budget::new(64 * MIB);
        let grant = budget.try_take(somebody(), Receiving, 1 << 40).expect("a share");
        assert_eq!(budget.free_bytes(), 56 * MIB);
        drop(grant);
    }

    #[test]
    fn whoever_waits_comes_before_those_who_come_later() {
        let (budget, mut grants) = used_up();
        let mut first = Box::pin(budget.take(somebody(), Receiving, 6 * MIB));
        assert!(first.as_mut().now_or_never().is_none() && budget.is_short());
        let mut second = Box::pin(budget.take(somebody(), Receiving, 3 * MIB));
        assert!(second.as_mut().now_or_never().is_none());

        grants.pop();

        assert!(second.as_mut().now_or_never().is_none(), "2 MiB are left");
        assert!(budget.try_take(somebody(), Receiving, MIB).is_none(), "they are for whoever waits");
        let _first = first.as_mut().now_or_never().expect("it is there");
        grants.pop();
        assert!(second.as_mut().now_or_never().is_some());
    }

    #[test]
    fn whoever_waits_no_more_is_in_nobodys_way() {
        let (budget, mut grants) = used_up();
        let mut waits = Box::pin(budget.take(somebody(), Receiving, 8 * MIB));
        assert!(waits.as_mut().now_or_never().is_none());

        drop(waits);

        assert!(!budget.is_short());
        grants.pop();
        assert!(budget.try_take(somebody(), Receiving, 8 * MIB).is_some());
        assert_eq!(budget.users().len(), 7);
    }

    #[test]
    fn what_half_of_all_is_left_beside_can_be_spared() {
        let budget = Budget::new(64 * MIB);
        let first = budget.try_spare(20 * MIB).expect("44 MiB are left");
        assert!(budget.try_spare(20 * MIB).is_none(), "24 MiB would be left");
        assert_eq!(budget.free_bytes(), 44 * MIB);

        drop(first);

        assert!(budget.try_spare(32 * MIB).is_some());
    }

    #[test]
    fn a_budget_without_a_limit_is_never_short() {
        let budget = Budget::unlimited();
        let grants: Vec<_> = (0..1_000).map(|_| budget.try_take(somebody(), Receiving, 1 << 30)).collect();
        assert!(grants.iter().all(Option::is_some));
    }
}
