//! What a failed request is answered with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Slug, timestamp};

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the problem; the last part is a stable slug to switch on.
    #[serde(rename = "type")]
    #[schema(example = "/problems/recording-conflict")]
    pub kind: String,
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
        self.kind.rsplit('/').next().and_then(Slug::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths;

    fn problem(kind: String) -> Problem {
        let (title, detail, instance) = (String::new(), String::new(), String::new());
        Problem { kind, title, status: 409, detail, instance, retryable: false, deleted_at: None, restart: None }
    }

    #[test]
    fn the_type_ends_in_the_slug() {
        for slug in Slug::ALL {
            assert_eq!(problem(paths::problem(slug.as_str())).slug(), Some(*slug));
        }
        assert_eq!(problem("https://example.com/problems/busy".into()).slug(), Some(Slug::Busy));
    }

    #[test]
    fn what_is_not_known_has_no_slug() {
        for kind in ["", "about:blank", "/problems/", "/problems/out-of-tape"] {
            assert_eq!(problem(kind.into()).slug(), None, "{kind}");
        }
    }
}
