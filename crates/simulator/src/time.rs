//! Time in a history: it passes when nothing else happens, and each server has a clock of its own that may be wrong.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use tapebase_domain::{
    ports::{Clock, Timer},
    time::Timestamp,
};

/// The one true time.
#[derive(Clone)]
pub struct Time(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    /// Who wants to be woken when, and the number by which two of the same instant are told apart.
    alarms: BTreeMap<(Timestamp, u64), Waker>,
    alarms_ever: u64,
}

impl Time {
    /// Begins at `now`.
    #[must_use]
    pub fn from(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, alarms: BTreeMap::new(), alarms_ever: 0 })))
    }

    /// Lets time pass, and wakes whoever has waited for that.
    pub fn pass(&self, duration: TimeDelta) {
        let due = {
            let mut state = self.state();
            state.now += duration;
            let after = (state.now, u64::MAX);
            let later = state.alarms.split_off(&after);
            std::mem::replace(&mut state.alarms, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Lets time pass until somebody has waited long enough; `false` if nobody waits.
    pub fn pass_to_next_alarm(&self) -> bool {
        let next = {
            let state = self.state();
            state.alarms.keys().next().map(|(at, _)| *at - state.now)
        };
        next.map(|duration| self.pass(duration)).is_some()
    }

    /// Returns after `duration`.
    pub async fn sleep(&self, duration: TimeDelta) {
        let alarm = {
            let mut state = self.state();
            state.alarms_ever += 1;
            Alarm { time: self, key: (state.now + duration, state.alarms_ever) }
        };
        poll_fn(|context| {
            let mut state = self.state();
            if state.now >= alarm.key.0 {
                return Poll::Ready(());
            }
            state.alarms.insert(alarm.key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits; dropped, they wait no more.
struct Alarm<'a> {
    time: &'a Time,
    key: (Timestamp, u64),
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.time.state().alarms.remove(&self.key);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.state().now
    }
}

/// A server's own clock, and how it waits.
#[derive(Clone)]
pub struct ServerClock {
    time: Time,
    /// By how many milliseconds it is ahead.
    ahead: Arc<AtomicI64>,
}

impl ServerClock {
    /// A clock that is right.
    #[must_use]
    pub fn new(time: Time) -> Self {
        Self { time, ahead: Arc::default() }
    }

    /// Sets it.
    pub fn set_ahead(&self, ahead: TimeDelta) {
        self.ahead.store(ahead.num_milliseconds(), Ordering::Relaxed);
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        self.time.now() + TimeDelta::milliseconds(self.ahead.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Timer for ServerClock {
    async fn sleep(&self, duration: Duration) {
        self.time.sleep(TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)).await;
    }
}
