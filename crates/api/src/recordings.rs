//! Recordings, as they are listed and changed.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// A ULID or UUID.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub id: String,
    /// Byte for byte as it was sent.
    #[schema(example = "회의록 3.m4a")]
    pub name: String,
    /// Without parameters.
    #[schema(example = "audio/mp4")]
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal. Once it equals that of the local copy, that copy may go.
    #[schema(min_length = 64, max_length = 64)]
    pub sha256: String,
    /// When it was recorded, on the client's clock and in its time zone.
    #[serde(serialize_with = "timestamp::serialize")]
    pub recorded_at: DateTime<FixedOffset>,
    /// How long it plays, in milliseconds; absent unless the client said so, and its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    pub client_duration_ms: Option<u32>,
    /// When the server took it in.
    #[serde(serialize_with = "timestamp::serialize")]
    pub received_at: DateTime<Utc>,
    /// Counts the changes of its name, from 1.
    pub revision: u64,
    /// Since when its audio is known to be missing or damaged; absent as long as it is not. Uploaded again under the same
    /// id, it is mended.
    #[serde(default, serialize_with = "timestamp::optional::serialize", skip_serializing_if = "Option::is_none")]
    pub damaged_at: Option<DateTime<Utc>>,
    /// A link that plays it; only where it was asked for by `include=link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PlaybackLink>,
    /// True in the answer to an upload that took the place of damaged audio, and absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<bool>,
}

/// A link that plays one recording for whoever has it, without a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybackLink {
    /// The absolute URL, for players, `<audio src>` and casting devices; it ends in the usual extension of the audio.
    #[schema(format = "uri", example = "https://tapes.example.com/v1/play/AQABk…/audio.m4a")]
    pub url: String,
    /// The same without scheme and host, for whoever knows better how to reach this server.
    #[schema(example = "/v1/play/AQABk…/audio.m4a")]
    pub path: String,
    /// Until when it plays; sooner if the recording is deleted, or its owner signs out everywhere.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expires_at: DateTime<Utc>,
}

/// Some recordings, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordingPage {
    /// In the order asked for.
    pub items: Vec<Recording>,
    /// Send it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// What may be changed about a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingChanges {
    /// The new name.
    #[schema(example = "Interview with Ann.m4a", min_length = 1, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$")]
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
