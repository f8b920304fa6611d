//! What a failed request is answered with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Slug, timestamp};

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the problem; below the server's address it says in plain words what it means.
    #[serde(rename = "type")]
    #[schema(example = "/problems/recording-conflict")]
    pub kind: String,
    /// What to switch on; it never changes. There may be more of them in a later version.
    #[schema(value_type = Slug)]
    pub code: String,
    /// What is wrong, the same for every occurrence.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// This occurrence: the request's id, also in `X-Request-Id` and in the server's log.
    pub instance: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// When the recording was deleted, where that is the problem.
    #[serde(serialize_with = "timestamp::optional::serialize", default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Where to begin anew, where what was known is of no use any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/v1/changes")]
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
