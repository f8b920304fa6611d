//! The port for the time.

use chrono::{DateTime, SubsecRound as _, Utc};

/// An instant, to the microsecond.
pub type Timestamp = DateTime<Utc>;

/// Tells the time.
#[cfg_attr(test, mockall::automock)]
pub trait Clock: Send + Sync {
    /// The current instant, to the microsecond: what every store can keep.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock everything else asks")]
        Utc::now().trunc_subsecs(6)
    }
}
