//! Signing up and in, and looking after one's sessions.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// An email address and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Compared without regard to letter case.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
    /// At least 8 characters of any kind.
    #[schema(example = "correct horse battery staple", min_length = 8, max_length = 1024)]
    pub password: String,
}

/// A session that just began.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Send it as `Authorization: Bearer …`; it is not shown again.
    #[schema(example = "tb_7Hc0…")]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// When it ends unless it is used; every use puts that off.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expires_at: DateTime<Utc>,
    /// Whose it is.
    pub user: User,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// A ULID.
    pub id: String,
    /// Null for users who came by a social id.
    pub email: Option<String>,
    /// When they signed up.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: DateTime<Utc>,
}

/// Who is signed in, how much they have, and how much they may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// A ULID.
    pub id: String,
    /// Null for users who came by a social id.
    pub email: Option<String>,
    /// When they signed up.
    pub created_at: DateTime<Utc>,
    /// How much they have.
    pub usage: Usage,
    /// How much they may have.
    pub limits: UserLimits,
}

/// How much a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The bytes of all recordings and of what is announced; each counts as 4,096 at least.
    pub bytes: u64,
    /// How many recordings there are.
    pub recordings: u64,
    /// How many direct uploads are under way; see `GET /v1/direct`.
    pub uploads: u64,
    /// How many sessions there are; one that has expired counts until it is removed, within hours.
    pub sessions: u64,
}

/// How much a user may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserLimits {
    /// The most bytes together.
    pub bytes: u64,
    /// The most bytes of one recording.
    pub recording_bytes: u64,
    /// The most recordings, uploads under way among them.
    pub recordings: u64,
    /// The most direct uploads under way.
    pub uploads: u64,
    /// The most sessions; the one used least recently ends for one more.
    pub sessions: u64,
}

/// A signed-in device or app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// A ULID.
    pub id: String,
    /// The `User-Agent` it signed in with.
    pub client: String,
    /// When it signed in.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    #[serde(serialize_with = "timestamp::serialize")]
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is used.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expires_at: DateTime<Utc>,
    /// Whether this very request came by it.
    pub current: bool,
}

/// Some sessions of a user, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionPage {
    /// The newest first.
    pub items: Vec<Session>,
    /// Send it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Without the password, which is in no log that way.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _ } = self;
        formatter.debug_struct("Credentials").field("email", email).field("password", &REDACTED).finish()
    }
}

/// Without the token, which is in no log that way.
impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_token: _, token_type, expires_at, user } = self;
        formatter
            .debug_struct("Grant")
            .field("access_token", &REDACTED)
            .field("token_type", token_type)
            .field("expires_at", expires_at)
            .field("user", user)
            .finish()
    }
}

const REDACTED: fmt::Arguments<'_> = format_args!("[redacted]");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_redacted() {
        let credentials = Credentials { email: "ann@example.com".into(), password: "s3cret".into() };
        let user = User { id: "01JD9Z8Q3NVX4T6M2K7C5B1ARE".into(), email: None, created_at: DateTime::UNIX_EPOCH };
        let (access_token, token_type) = ("tb_s3cret".to_owned(), "Bearer".to_owned());
        let grant = Grant { access_token, token_type, expires_at: DateTime::UNIX_EPOCH, user };

        let printed = format!("{credentials:?} {grant:?}");

        assert_eq!(printed.matches("[redacted]").count(), 2, "{printed}");
        assert!(!printed.contains("s3cret"), "{printed}");
    }

    #[test]
    fn a_request_with_a_member_too_many_is_refused() {
        let text = r#"{"email": "ann@example.com", "password": "correct horse", "admin": true}"#;
        assert!(serde_json::from_str::<Credentials>(text).is_err());
    }
}
