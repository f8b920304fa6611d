//! What a failed request is answered with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Slug, timestamp};

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Identifies the problem; a URL relative to the server, at which it is explained.
    #[serde(rename = "type")]
    #[schema(example = "/problems/recording-conflict")]
    pub kind: String,
    /// The last segment of `type`, to switch on. Codes never change; later versions may add some.
    #[schema(value_type = Slug)]
    pub code: String,
    /// A summary, the same for every occurrence.
    #[schema(example = "The id belongs to a recording with other audio")]
    pub title: String,
    /// The HTTP status code.
    #[schema(example = 409)]
    pub status: u16,
    /// What is wrong with this request, and what to do.
    #[schema(
        example = "Recording 01JD9Z8Q3NVX4T6M2K7C5B1ARE was stored with other audio and stays as it is. Choose a new id."
    )]
    pub detail: String,
    /// The request's id, also in `X-Request-Id` and in the server's log.
    #[schema(example = "urn:uuid:019ac8f0-6b1e-7c4e-9d2a-3f5b8c7d6e10")]
    pub instance: String,
    /// Whether the same request may succeed later.
    #[schema(example = false)]
    pub retryable: bool,
    /// When the recording was deleted, with `recording-deleted`.
    #[serde(serialize_with = "timestamp::optional::serialize", default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// The path at which to start over, with `cursor-expired` and `history-changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
}

impl Problem {
    /// What to switch on; nothing if the problem is of a kind that came later than this crate.
    #[must_use]
    pub fn slug(&self) -> Option<Slug> {
        Slug::parse(&self.code)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(code: &str) -> Problem {
        let problem = json!({
            "type": format!("/problems/{code}"), "code": code, "title": "", "status": 409, "detail": "",
            "instance": "", "retryable": false,
        });
        serde_json::from_value(problem).expect("a problem")
    }

    #[test]
    fn the_code_is_the_slug() {
        for slug in Slug::ALL {
            assert_eq!(problem(slug.as_str()).slug(), Some(*slug));
        }
    }

    #[test]
    fn a_code_that_is_not_known_has_no_slug() {
        for code in ["", "Busy", "out-of-tape"] {
            assert_eq!(problem(code).slug(), None, "{code}");
        }
    }
}
