//! What has changed since last time, deletions included.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Recording, timestamp};

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// In the order of their last change, each recording once.
    pub items: Vec<Change>,
    /// The `cursor` of the next request. Store it once every item is applied.
    #[schema(example = "eyJoIjoiMDFKRDhQIiwibiI6NDF9")]
    pub cursor: String,
    /// Whether more changes are available now.
    #[schema(example = false)]
    pub more: bool,
    /// Seconds to wait before the next request, where the server could not wait as long as requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_after_s: Option<u64>,
}

/// A recording's current state, or its deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The recording's id.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// Sequence number of its last change, among all of the user's recordings.
    #[schema(example = 41)]
    pub changed: u64,
    /// The recording; null if it was deleted.
    #[schema(required)]
    pub recording: Option<Recording>,
    /// When it was deleted; null if it was not.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = json!(null))]
    pub deleted_at: Option<DateTime<Utc>>,
}
