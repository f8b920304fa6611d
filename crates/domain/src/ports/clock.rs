//! The port for the time.

use chrono::{SubsecRound as _, Utc};

use crate::time::Timestamp;

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
