//! Recordings, as they are listed and changed.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// A ULID or UUID, chosen by the client or the server.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// The name, exactly as it was sent.
    #[schema(example = "회의록 3.m4a")]
    pub name: String,
    /// The media type, without parameters.
    #[schema(example = "audio/mp4")]
    pub media_type: String,
    /// Size of the audio, in bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the audio, hexadecimal. Once it equals that of the local copy, that copy may be deleted.
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
    /// When the server stored it.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:31:02.123456Z")]
    pub received_at: DateTime<Utc>,
    /// 1, and one more with every change of the name.
    #[schema(example = 1)]
    pub revision: u64,
    /// When its audio was found missing or damaged; absent if it is fine. Uploading it again under its id repairs it.
    #[serde(default, serialize_with = "timestamp::optional::serialize", skip_serializing_if = "Option::is_none")]
    pub damaged_at: Option<DateTime<Utc>>,
    /// A playback link, if requested by `include=link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PlaybackLink>,
    /// True in the response to an upload that replaced damaged audio; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<bool>,
}

/// A URL that plays one recording without a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybackLink {
    /// The absolute URL, for `<audio src>`, players and casting devices. It ends in the usual file extension of the audio.
    #[schema(
        format = "uri",
        example = "https://tapes.example.com/v1/play/AQABk2F7bSwu3vV0hT9xJg8K5nQzR1cYdE/audio.m4a"
    )]
    pub url: String,
    /// Its path, for clients that know the server by another address.
    #[schema(example = "/v1/play/AQABk2F7bSwu3vV0hT9xJg8K5nQzR1cYdE/audio.m4a")]
    pub path: String,
    /// When it expires. It ends sooner if the recording is deleted, or its owner signs out everywhere or changes the password.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-24T01:00:00.000000Z")]
    pub expires_at: DateTime<Utc>,
}

/// A page of recordings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordingPage {
    /// In the requested order.
    pub items: Vec<Recording>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

/// New values of a recording's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingUpdate {
    /// The new name.
    #[schema(example = "회의록 3.m4a", min_length = 1, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$")]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(
        r#"{"items":[{"id":"01JD9Z8Q3NVX4T6M2K7C5B1ARE","name":"회의록 3.m4a","media_type":"audio/mp4","size":24895,"#,
        r#""sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","#,
        r#""recorded_at":"2026-11-23T09:30:00.000000+09:00","received_at":"2026-11-23T00:31:02.123456Z","revision":1}],"#,
        r#""next_cursor":null}"#,
    );

    #[test]
    fn a_page_is_written_as_it_was_read() {
        let page: RecordingPage = serde_json::from_str(PAGE).expect("a page");
        assert_eq!(serde_json::to_string(&page).expect("JSON"), PAGE);
    }

    #[test]
    fn an_answer_may_gain_members() {
        let gained = PAGE.replace(r#""revision":1"#, r#""revision":1,"transcript":"…""#);
        assert_eq!(
            serde_json::from_str::<RecordingPage>(&gained).expect("a page"),
            serde_json::from_str(PAGE).expect("a page")
        );
    }
}
