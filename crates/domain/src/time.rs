//! Instants.

use chrono::{DateTime, Utc};

/// An instant, to the microsecond.
pub type Timestamp = DateTime<Utc>;
