//! API tokens.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{accounts::REDACTED, timestamp};

/// An API token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What the user calls it.
    #[schema(example = "Backup script", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it may do, one at least.
    #[schema(min_items = 1, example = json!(["read"]))]
    pub scopes: Vec<Scope>,
    /// For a token that uploads one recording and nothing else: the recording's id, a ULID or a hyphenated UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    pub recording_id: Option<String>,
    /// When it is to expire (RFC 3339), at most ten years from now; a year from now otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-11-23T00:30:11.482000Z")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// What an API token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(example = "read")]
pub enum Scope {
    /// List, look at and play recordings, and list changes.
    Read,
    /// Upload recordings.
    Upload,
    /// The others, and rename and delete recordings; not `admin`.
    Full,
    /// Manage the accounts of all users. Only the operator creates tokens with it, by `tapebase user create-token`.
    Admin,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// The token's id, a ULID.
    #[schema(example = "01JDB2M4V8W6Q3T9R5X7Y1Z0AB")]
    pub id: String,
    /// What the user calls it.
    #[schema(example = "Backup script")]
    pub name: String,
    /// What it may do.
    #[schema(example = json!(["read"]))]
    pub scopes: Vec<Scope>,
    /// The one recording it may upload; null if it is not for one.
    #[schema(required, example = json!(null))]
    pub recording_id: Option<String>,
    /// When it was created.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour; null if it never was.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = "2026-11-29T11:00:00.000000Z")]
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it expires.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2027-11-23T00:30:11.482000Z")]
    pub expires_at: DateTime<Utc>,
}

/// A new API token, with its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenGrant {
    /// The secret, which is shown this once: for `Authorization: Bearer`.
    #[schema(example = "tba_9dK3mQ7xV2cR8wT5yB1nH6jL4fS0gPzA000000")]
    pub access_token: String,
    /// The token.
    pub token: ApiToken,
}

impl fmt::Debug for ApiTokenGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiTokenGrant").field("token", &self.token).field("access_token", &REDACTED).finish()
    }
}

/// All API tokens of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokens {
    /// Newest first; at most 100.
    pub items: Vec<ApiToken>,
}
