//! Direct uploads: what is announced, and the plan by which it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// A recording that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// A ULID or UUID of the client's choice; with one, announcing may be repeated safely.
    pub id: Option<String>,
    /// Made from the time otherwise.
    #[schema(example = "회의록 3.m4a")]
    pub name: Option<String>,
    /// Default `application/octet-stream`.
    #[schema(example = "audio/mp4")]
    pub media_type: Option<String>,
    /// In bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub sha256: String,
    /// RFC 3339 with an offset; now otherwise.
    #[schema(format = DateTime)]
    pub recorded_at: Option<String>,
    /// How long it plays, in milliseconds.
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    pub client_duration_ms: Option<u32>,
    /// Whether it may take the id of a recording that was deleted.
    #[serde(default)]
    pub again: bool,
}

/// How to send a recording: each part with a request of its own, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPlan {
    /// The id the recording will have.
    pub id: String,
    /// Until when it can be completed: twelve hours, unless the operator says otherwise.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Until when the links are good; announcing the recording again gives fresh ones.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    pub links_expire_at: Option<DateTime<Utc>>,
    /// How many bytes every part has but the last.
    pub part_size: u64,
    /// What to send; nothing if the very same recording is stored already.
    pub parts: Vec<UploadPart>,
}

/// A direct upload that is under way. Announce it again, under its id, for fresh links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingUpload {
    /// The id the recording will have.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// Byte for byte as it was announced, or made from the time.
    #[schema(example = "회의록 3.m4a")]
    pub name: String,
    /// As it was announced.
    #[schema(example = "audio/mp4")]
    pub media_type: String,
    /// In bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal.
    #[schema(min_length = 64, max_length = 64)]
    pub sha256: String,
    /// When it was recorded, on the client's clock and in its time zone.
    #[serde(serialize_with = "timestamp::serialize")]
    pub recorded_at: DateTime<FixedOffset>,
    /// How long it plays, in milliseconds; absent unless the client said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    pub client_duration_ms: Option<u32>,
    /// Until when it can be completed; then it is removed, within hours.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expires_at: DateTime<Utc>,
    /// How many bytes every part has but the last.
    pub part_size: u64,
    /// How many parts there must be.
    pub part_count: u32,
    /// Which of them are here, in order.
    pub received_parts: Vec<ReceivedPart>,
}

/// A part that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceivedPart {
    /// From 1.
    pub number: u32,
    /// How many bytes it has.
    pub size: u64,
}

/// Some uploads under way, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingUploadPage {
    /// In the order of their ids.
    pub items: Vec<PendingUpload>,
    /// Send it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// How to send one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPart {
    /// From 1.
    pub number: u32,
    /// How many bytes it has; send them with this `Content-Length`, not chunked.
    pub size: u64,
    /// Always `PUT`.
    #[schema(example = "PUT")]
    pub method: String,
    /// Where to. Send no `Authorization` header: the link is the proof, and another store refuses two.
    pub url: String,
    /// The same, if this server takes it, as a path below the address at which you found this API: for clients behind a
    /// proxy that tells the server nothing of the address they use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What to send with it, beside the bytes.
    pub headers: BTreeMap<String, String>,
}
