//! Who waits for a change of whose recordings, in this process.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use futures_util::task::AtomicWaker;

use crate::id::UserId;

/// How many may wait for the changes of one owner.
const SEATS: usize = 4;
/// How many may wait in all: each has a connection, and there must be some for those who do not wait.
const SEATS_IN_ALL: usize = 1_024;

/// Everybody who waits; whoever changes something wakes them.
#[derive(Clone, Default)]
pub struct Waiters(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    seats: HashMap<UserId, Vec<Arc<Bell>>>,
    taken: usize,
    is_closed: bool,
}

/// What wakes one who waits.
#[derive(Default)]
struct Bell {
    waker: AtomicWaker,
    has_rung: AtomicBool,
    is_closed: AtomicBool,
}

impl Waiters {
    /// Tells those who wait for changes of `owner` that there is one.
    pub fn wake(&self, owner: UserId) {
        for bell in self.lock().seats.get(&owner).into_iter().flatten() {
            bell.ring();
        }
    }

    /// Has nobody wait any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        for bell in state.seats.values().flatten() {
            bell.is_closed.store(true, Ordering::Release);
            bell.ring();
        }
    }

    /// A place to wait for changes of `owner`; `None` if too many do, or nobody may.
    pub(super) fn enter(&self, owner: UserId) -> Option<Seat> {
        let mut state = self.lock();
        let is_full = state.taken >= SEATS_IN_ALL || state.seats.get(&owner).is_some_and(|seats| seats.len() >= SEATS);
        if state.is_closed || is_full {
            return None;
        }
        state.taken += 1;
        let bell = Arc::<Bell>::default();
        state.seats.entry(owner).or_default().push(bell.clone());
        Some(Seat { waiters: self.clone(), owner, bell })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    fn ring(&self) {
        self.has_rung.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// Somebody's place to wait, free again when this is dropped.
pub struct Seat {
    waiters: Waiters,
    owner: UserId,
    bell: Arc<Bell>,
}

impl Seat {
    /// Whether there is nothing to wait for any more.
    pub fn is_closed(&self) -> bool {
        self.bell.is_closed.load(Ordering::Acquire)
    }

    /// Returns when something has changed since it was called the last time.
    pub fn woken(&self) -> impl Future<Output = ()> + Unpin {
        poll_fn(|context| {
            self.bell.waker.register(context.waker());
            if self.bell.has_rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.waiters.lock();
        state.taken = state.taken.saturating_sub(1);
        if let Some(seats) = state.seats.get_mut(&self.owner) {
            seats.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
            if seats.is_empty() {
                state.seats.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_change_wakes_those_who_wait_for_it_and_nobody_else() {
        let waiters = Waiters::default();
        let [ann, ben] = [0; 2].map(|_| UserId::generate(Timestamp::UNIX_EPOCH));
        let [first, second] = [0; 2].map(|_| waiters.enter(ann).expect("a seat"));
        let other = waiters.enter(ben).expect("a seat");

        waiters.wake(ann);

        assert!(first.woken().now_or_never().is_some() && second.woken().now_or_never().is_some());
        assert!(first.woken().now_or_never().is_none() && other.woken().now_or_never().is_none());
    }

    #[test]
    fn an_owner_has_four_seats_and_gets_them_back() {
        let waiters = Waiters::default();
        let owner = UserId::generate(Timestamp::UNIX_EPOCH);
        let mut seats: Vec<_> = (0..SEATS).map(|_| waiters.enter(owner).expect("a seat")).collect();

        assert!(waiters.enter(owner).is_none());
        seats.pop();
        assert!(waiters.enter(owner).is_some());
        seats.clear();
        assert!(waiters.lock().seats.is_empty());
    }

    #[test]
    fn not_everybody_waits_at_once() {
        let waiters = Waiters::default();
        let fresh = || UserId::generate(Timestamp::UNIX_EPOCH);
        let mut seats: Vec<_> = (0..SEATS_IN_ALL).map(|_| waiters.enter(fresh()).expect("a seat")).collect();

        assert!(waiters.enter(fresh()).is_none());
        seats.pop();
        assert!(waiters.enter(fresh()).is_some());
    }

    #[test]
    fn closing_ends_all_waiting_and_lets_nobody_in() {
        let waiters = Waiters::default();
        let owner = UserId::generate(Timestamp::UNIX_EPOCH);
        let seat = waiters.enter(owner).expect("a seat");

        waiters.close();

        assert!(seat.is_closed() && seat.woken().now_or_never().is_some());
        assert!(waiters.enter(owner).is_none());
    }
}
