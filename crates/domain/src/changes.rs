//! Use case: learn everything that has changed since last time, deletions included.
//!
//! Every recording and every tombstone has the number of its last change; a cursor says up to which number a client
//! knows everything. What changes while pages are read appears again, at the end.

mod cursor;
#[cfg(test)]
mod tests;
mod waiters;

use std::{sync::Arc, time::Duration};

use futures_util::future::{Either, select};

pub use self::waiters::Waiters;
use self::{cursor::Place, waiters::Seat};
use crate::{
    history::{ChangeNumber, Entry},
    id::UserId,
    page::Limit,
    ports::{BoxError, ChangeFeed, Changes as Read, ChangesRequest, Clock, Ports, StoreError, Timer},
};

/// How long a client may be kept waiting for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitPolicy {
    /// The longest; nothing where nobody can wait.
    pub longest: Duration,
}

impl Default for WaitPolicy {
    fn default() -> Self {
        Self { longest: Duration::from_secs(25) }
    }
}

/// Some changes, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesPage {
    /// In the order of their numbers, each recording once, at its latest state.
    pub entries: Vec<Entry>,
    /// What to ask for next time.
    pub cursor: String,
    /// Whether there is more already.
    pub has_more: bool,
    /// When to ask again, if the client would have waited and could not.
    pub poll_after: Option<Duration>,
}

/// Why there is no list of changes.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// The cursor is not one of this list.
    #[error("not a cursor of these changes")]
    InvalidCursor,
    /// Deletions since then are forgotten: what is not listed from the beginning was deleted.
    #[error("deletions since then are forgotten")]
    CursorExpired,
    /// The rows were put back to an earlier state: what is not listed may have been lost.
    #[error("the rows were put back to an earlier state")]
    HistoryChanged,
    /// The store failed.
    #[error("a store is unavailable")]
    Unavailable(#[source] BoxError),
}

/// Lists changes.
#[derive(Clone)]
pub struct Changes {
    feed: Arc<dyn ChangeFeed>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    waiters: Waiters,
    policy: WaitPolicy,
}

impl Changes {
    /// When to ask again where nobody can wait.
    const POLL_AFTER: Duration = Duration::from_secs(30);
    /// How often to look for changes that another process has made.
    const LOOK_EVERY: Duration = Duration::from_secs(2);

    /// Wires the use case; `waiters` are told of changes by whoever makes them.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters, policy: WaitPolicy) -> Self {
        let Ports { feed, clock, timer, .. } = ports.clone();
        Self { feed, clock, timer, waiters, policy }
    }

    /// What has changed of `owner` since `cursor`; everything there is without one.
    ///
    /// If nothing has, it waits for as long as `wait` and the policy allow.
    ///
    /// # Errors
    /// [`ChangesError`].
    pub async fn page(
        &self,
        owner: UserId,
        cursor: Option<&str>,
        limit: Limit,
        wait: Duration,
    ) -> Result<ChangesPage, ChangesError> {
        let place = match cursor {
            Some(text) => Place::parse(text, owner).ok_or(ChangesError::InvalidCursor)?,
            None => self.beginning(owner).await?,
        };
        let page = self.read(owner, &place, limit).await?;
        if !page.entries.is_empty() || page.has_more || wait.is_zero() {
            return Ok(page);
        }
        match self.waiters.enter(owner).filter(|_| !self.policy.longest.is_zero()) {
            Some(seat) => self.wait(owner, &place, limit, &seat, wait.min(self.policy.longest)).await,
            None => Ok(ChangesPage { poll_after: Some(Self::POLL_AFTER), ..page }),
        }
    }

    /// Ends all waiting, for good: the process is about to stop.
    pub fn close(&self) {
        self.waiters.close();
    }

    /// Before everything. What is deleted by now need not be told to somebody who has nothing.
    async fn beginning(&self, owner: UserId) -> Result<Place, ChangesError> {
        let no_deleted_up_to = self.feed.latest_change(owner).await?;
        Ok(Place { history: self.feed.history().await?, after: ChangeNumber(0), no_deleted_up_to })
    }

    async fn read(&self, owner: UserId, place: &Place, limit: Limit) -> Result<ChangesPage, ChangesError> {
        let Place { after, no_deleted_up_to, .. } = *place;
        let request = ChangesRequest { after, no_deleted_up_to, limit: limit.get() };
        let Read { entries, reached, has_more, forgotten, latest, history } = self.feed.changes(owner, request).await?;
        let known = after.max(no_deleted_up_to);
        if history != place.history || known > latest {
            return Err(ChangesError::HistoryChanged);
        }
        if known < forgotten {
            return Err(ChangesError::CursorExpired);
        }
        let cursor = Place { after: reached, ..*place }.encode(owner);
        Ok(ChangesPage { entries, cursor, has_more, poll_after: None })
    }

    /// Waits until something has changed, or for as long as is allowed.
    async fn wait(
        &self,
        owner: UserId,
        place: &Place,
        limit: Limit,
        seat: &Seat,
        patience: Duration,
    ) -> Result<ChangesPage, ChangesError> {
        let began = self.clock.now();
        let (mut seen, mut slept) = (place.after, Duration::ZERO);
        loop {
            // Asked for after the seat was taken: a change from now on wakes it.
            let latest = self.feed.latest_change(owner).await?;
            // A clock that is put back has nobody wait for longer.
            let waited = (self.clock.now() - began).to_std().unwrap_or_default().max(slept);
            let is_over = waited >= patience || seat.is_closed();
            if latest != seen || is_over {
                seen = latest;
                let page = self.read(owner, place, limit).await?;
                if is_over || !page.entries.is_empty() || page.has_more {
                    return Ok(page);
                }
            }
            let pause = patience.saturating_sub(waited).min(Self::LOOK_EVERY);
            if let Either::Right(_) = select(seat.woken(), self.timer.sleep(pause)).await {
                slept += pause;
            }
        }
    }
}

impl From<StoreError> for ChangesError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(source) | StoreError::NotWritten(source) | StoreError::Unavailable(source) => {
                Self::Unavailable(source)
            }
        }
    }
}
