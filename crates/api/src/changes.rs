//! What has changed since last time, deletions included.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Recording, timestamp};

/// Some changes, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// In the order in which they came to be as they are, each recording once.
    pub items: Vec<Change>,
    /// Send it as `cursor` next time. Keep it once everything in `items` is applied.
    pub cursor: String,
    /// Whether there is more already: ask again at once.
    pub more: bool,
    /// After how many seconds to ask again, where the server could not wait as long as was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_after_s: Option<u64>,
}

/// A recording as it is now, or that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The recording's id.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// The number of its last change among those of all your recordings.
    pub changed: u64,
    /// The recording; null if it was deleted.
    pub recording: Option<Recording>,
    /// When it was deleted; null if it was not.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    pub deleted_at: Option<DateTime<Utc>>,
}
