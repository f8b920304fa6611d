//! Direct uploads: what is announced, and the plan by which it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// A direct upload to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// A ULID or UUID chosen by the client, which makes the request safe to repeat. The server chooses one otherwise.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: Option<String>,
    /// The recording's name; made from the time otherwise.
    #[schema(example = "회의록 3.m4a")]
    pub name: Option<String>,
    /// The media type; `application/octet-stream` otherwise.
    #[schema(example = "audio/mp4")]
    pub media_type: Option<String>,
    /// Size of the audio, in bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the audio, hexadecimal.
    #[schema(
        pattern = "^[0-9a-fA-F]{64}$",
        example = "1303461ab868d5ffcb3fe9bcf1d6aff606f63e4c76dacae663608b84d4ea5ebc"
    )]
    pub sha256: String,
    /// When it was recorded (RFC 3339 with an offset); now otherwise.
    #[schema(format = DateTime, example = "2026-11-23T09:30:00+09:00")]
    pub recorded_at: Option<String>,
    /// Duration in milliseconds.
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    pub client_duration_ms: Option<u32>,
    /// Store the recording even if one of this id was deleted.
    #[serde(default)]
    pub again: bool,
}

/// How to upload a recording: each part with a request of its own, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPlan {
    /// The id of the upload, and later of the recording.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// When the upload expires, by default after twelve hours; null if the recording is stored already.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = "2026-11-23T12:31:00.000000Z")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When the part URLs expire; repeat the request for fresh ones. Null if the recording is stored already.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = "2026-11-23T01:31:00.000000Z")]
    pub links_expire_at: Option<DateTime<Utc>>,
    /// Size of every part except the last, in bytes.
    #[schema(example = 16_777_216)]
    pub part_size: u64,
    /// The parts to send; empty if the same recording is stored already.
    pub parts: Vec<UploadPart>,
}

/// A pending direct upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingUpload {
    /// The id of the upload, and later of the recording.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// The recording's name.
    #[schema(example = "회의록 3.m4a")]
    pub name: String,
    /// The media type.
    #[schema(example = "audio/mp4")]
    pub media_type: String,
    /// Size of the audio, in bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the audio, hexadecimal.
    #[schema(
        min_length = 64,
        max_length = 64,
        example = "1303461ab868d5ffcb3fe9bcf1d6aff606f63e4c76dacae663608b84d4ea5ebc"
    )]
    pub sha256: String,
    /// When it was recorded, in the time zone of the client.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T09:30:00.000000+09:00")]
    pub recorded_at: DateTime<FixedOffset>,
    /// Duration in milliseconds, as the client stated it; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    pub client_duration_ms: Option<u32>,
    /// When it expires; it is removed within hours of that.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T12:31:00.000000Z")]
    pub expires_at: DateTime<Utc>,
    /// Size of every part except the last, in bytes.
    #[schema(example = 16_777_216)]
    pub part_size: u64,
    /// Number of parts.
    #[schema(example = 1)]
    pub part_count: u32,
    /// The parts received so far, by number.
    pub received_parts: Vec<ReceivedPart>,
}

/// A part that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceivedPart {
    /// The part's number, from 1.
    #[schema(example = 1)]
    pub number: u32,
    /// Its size, in bytes.
    #[schema(example = 24895)]
    pub size: u64,
}

/// A page of pending direct uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingUploadPage {
    /// In the order of their ids.
    pub items: Vec<PendingUpload>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

/// How to upload one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadPart {
    /// The part's number, from 1.
    #[schema(example = 1)]
    pub number: u32,
    /// Its size, in bytes, to send as `Content-Length`; S3 does not accept chunked transfer encoding.
    #[schema(example = 24895)]
    pub size: u64,
    /// Always `PUT`.
    #[schema(extensions(("x-const" = json!("PUT"))))]
    pub method: String,
    /// The URL, which contains its own authorization: send no `Authorization` header, since S3 refuses two.
    #[schema(
        format = "uri",
        example = "https://tapes.example.com/v1/direct/01JD9Z8Q3NVX4T6M2K7C5B1ARE/parts/1?owner=01JD8QKB5T2W9XE6N4RFZ0HYCM&expires=1795397460&signature=kQ3v"
    )]
    pub url: String,
    /// Its path below the base URL of this API, if the part goes to this server, for clients that know the server by another
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "/v1/direct/01JD9Z8Q3NVX4T6M2K7C5B1ARE/parts/1?owner=01JD8QKB5T2W9XE6N4RFZ0HYCM&expires=1795397460&signature=kQ3v"
    )]
    pub path: Option<String>,
    /// Headers to send with it.
    #[schema(example = json!({}))]
    pub headers: BTreeMap<String, String>,
}
