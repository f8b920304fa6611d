//! Use case: whether the stores answer. Anybody may ask, as often as they like: the stores are asked once a second.

use std::{
    error::Error,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::{
    future::{Either, select, try_join3},
    lock::Mutex,
};

use crate::{
    ports::{BlobError, BlobStore, BoxError, Clock, Ports, RecordStore, StoreError, Timer, UserStore},
    time::Timestamp,
};

/// For how long stores that answered pass for ones that do.
const REMEMBERED: TimeDelta = TimeDelta::seconds(1);

/// How long they may take: whoever balances load asks again within seconds, and waits no longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the stores cannot serve; the same for everybody who waited for one look at them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// One has no room left.
    #[error("a store is full")]
    Full(#[source] Arc<dyn Error + Send + Sync>),
    /// One does not answer.
    #[error("a store does not answer")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
}

/// Looks whether the stores answer.
#[derive(Clone)]
pub struct Readiness {
    records: Arc<dyn RecordStore>,
    users: Arc<dyn UserStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    looks: Arc<Looks>,
}

#[derive(Default)]
struct Looks {
    /// How many have come to an end.
    count: AtomicU64,
    /// Locked while one is under way.
    last: Mutex<Option<Look>>,
}

struct Look {
    at: Timestamp,
    outcome: Result<(), NotReady>,
}

impl Readiness {
    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        let Ports { records, users, blobs, clock, timer, .. } = ports.clone();
        Self { records, users, blobs, clock, timer, looks: Arc::default() }
    }

    /// Whether every store answers, or did less than a second ago. Whoever asks while one looks waits for what that
    /// comes to; that a store fails is not remembered beyond them.
    ///
    /// # Errors
    /// What the first store says that fails.
    pub async fn check(&self) -> Result<(), NotReady> {
        let before = self.looks.count.load(Ordering::Acquire);
        let mut last = self.looks.last.lock().await;
        if let Some(look) = &*last {
            let has_ended_since = self.looks.count.load(Ordering::Acquire) != before;
            if has_ended_since || self.is_fresh(look) {
                return look.outcome.clone();
            }
        }
        let outcome = self.look().await;
        *last = Some(Look { at: self.clock.now(), outcome: outcome.clone() });
        self.looks.count.fetch_add(1, Ordering::AcqRel);
        outcome
    }

    fn is_fresh(&self, look: &Look) -> bool {
        // A clock that was put back makes nothing fresh.
        look.outcome.is_ok() && (TimeDelta::zero()..REMEMBERED).contains(&(self.clock.now() - look.at))
    }

    /// Asks all at once.
    async fn look(&self) -> Result<(), NotReady> {
        let records = async { Ok::<_, NotReady>(self.records.ping().await?) };
        let users = async { Ok(self.users.ping().await?) };
        let blobs = async { Ok(self.blobs.ping().await?) };
        match select(pin!(try_join3(records, users, blobs)), self.timer.sleep(PATIENCE)).await {
            Either::Left((outcome, _)) => outcome.map(|_| ()),
            Either::Right(_) => Err(NotReady::unavailable(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

impl NotReady {
    fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }
}

impl From<StoreError> for NotReady {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(cause) => Self::Full(cause.into()),
            StoreError::NotWritten(cause) | StoreError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<BlobError> for NotReady {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(cause) => Self::Full(cause.into()),
            BlobError::Damaged(cause) | BlobError::Unavailable(cause) => Self::unavailable(cause),
            BlobError::Body(error) => Self::unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests;
