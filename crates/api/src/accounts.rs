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
    /// Not case-sensitive.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
    /// At least 8 characters of any kind.
    #[schema(example = "correct horse battery staple", min_length = 8, max_length = 1024)]
    pub password: String,
    /// The code that was mailed to the address, as the user types it: of an invitation at sign-up, otherwise one that verifies the address. Required where addresses must be verified first, unless this one is; elsewhere it verifies the address as well, and a wrong one is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "K7QM-3XVD-9R2T", max_length = 64)]
    pub code: Option<String>,
}

/// The password to have from now on, and the one so far.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    #[schema(example = "correct horse battery staple", max_length = 1024)]
    pub current_password: String,
    /// The new password: at least 8 characters of any kind.
    #[schema(example = "wrong donkey capacitor clip", min_length = 8, max_length = 1024)]
    pub new_password: String,
}

/// An email address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailAddress {
    /// Not case-sensitive.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
}

/// A code that was mailed, and the password to have from now on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// The email address the code was requested for.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
    /// The code, as the user types it: case, spaces and dashes do not matter.
    #[schema(example = "K7QM-3XVD-9R2T", max_length = 64)]
    pub code: String,
    /// The new password: at least 8 characters of any kind.
    #[schema(example = "wrong donkey capacitor clip", min_length = 8, max_length = 1024)]
    pub new_password: String,
}

/// A code that was mailed to an email address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The code, as the user types it: case, spaces and dashes do not matter.
    #[schema(example = "K7QM-3XVD-9R2T", max_length = 64)]
    pub code: String,
}

/// An ID token of an OpenID provider, and the nonce it was requested with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcCredentials {
    /// The ID token that the provider's SDK gave the app.
    #[schema(
        example = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ.c2lnbmF0dXJl",
        max_length = 16384
    )]
    pub id_token: String,
    /// The nonce of `createOidcNonce`, not hashed.
    #[schema(example = "AAAAAGksO4BXz1aTqk0fLJ2mS8nR5vYwEjH3cD9bUx7oPiQ2tG6aKd")]
    pub nonce: String,
}

/// An ID token of an OpenID provider, the nonce it was requested with, and the user's password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcLink {
    /// The ID token that the provider's SDK gave the app.
    #[schema(
        example = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ.c2lnbmF0dXJl",
        max_length = 16384
    )]
    pub id_token: String,
    /// The nonce of `createOidcNonce`, not hashed.
    #[schema(example = "AAAAAGksO4BXz1aTqk0fLJ2mS8nR5vYwEjH3cD9bUx7oPiQ2tG6aKd")]
    pub nonce: String,
    /// Required if the user has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "correct horse battery staple", max_length = 1024)]
    pub password: Option<String>,
}

/// What a provider gave the app, and is to end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcRevocation {
    /// The authorization code that the provider's SDK gave the app with the latest ID token.
    #[schema(example = "c1d4e8f0a2b34c5d9.0.mrzts.Zk3vQ7xV2cR8wT5yB1nH6j", max_length = 2048)]
    pub authorization_code: String,
    /// The client id of the app, such as its bundle id, if the server has several: one of `audiences`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "com.example.recorder", max_length = 512)]
    pub client_id: Option<String>,
}

/// A nonce to request an ID token with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OidcNonce {
    /// Letters, digits, `-` and `_`.
    #[schema(example = "AAAAAGksO4BXz1aTqk0fLJ2mS8nR5vYwEjH3cD9bUx7oPiQ2tG6aKd")]
    pub nonce: String,
    /// Until when it can be used.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T01:30:11.000000Z")]
    pub expires_at: DateTime<Utc>,
}

/// A new session and its access token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Send it as `Authorization: Bearer TOKEN`. It is shown only once.
    #[schema(example = "tb_7Hc0vQ2mXkR9dT4sLw8bNz6yJf3gPa1e5uC0iK")]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(extensions(("x-const" = json!("Bearer"))))]
    pub token_type: String,
    /// When the session expires. Using it extends it, up to a year by default.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-12-23T00:30:11.482000Z")]
    pub expires_at: DateTime<Utc>,
    /// The user who signed in.
    pub user: User,
}

/// A new session, whose token is in a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CookieSession {
    /// When the session expires. Using it extends it, up to a year by default.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-12-23T00:30:11.482000Z")]
    pub expires_at: DateTime<Utc>,
    /// The user who signed in.
    pub user: User,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The user's id, a ULID.
    #[schema(example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")]
    pub id: String,
    /// The one linked first; null for users who have none.
    #[schema(required, example = "ann@example.com")]
    pub email: Option<String>,
    /// Whether `email` is verified; false if there is none. `listIdentities` says so of each address.
    #[schema(example = true)]
    pub email_verified: bool,
    /// When the user signed up.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub created_at: DateTime<Utc>,
}

/// The signed-in user, with usage and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user's id, a ULID.
    #[schema(example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")]
    pub id: String,
    /// The one linked first; null for users who have none.
    #[schema(required, example = "ann@example.com")]
    pub email: Option<String>,
    /// Whether `email` is verified; false if there is none. `listIdentities` says so of each address.
    #[schema(example = true)]
    pub email_verified: bool,
    /// When the user signed up.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub created_at: DateTime<Utc>,
    /// What the user stores.
    pub usage: Usage,
    /// What the user may store.
    pub limits: UserLimits,
}

/// When a deleted account is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erasure {
    /// The id of the user who has left.
    #[schema(example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")]
    pub user_id: String,
    /// When their data begins to be removed. Until then the operator can let them in again.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T09:30:00.000000Z")]
    pub begins_at: DateTime<Utc>,
    /// By when nothing is left of it in the server's stores.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-25T09:30:00.000000Z")]
    pub completed_by: DateTime<Utc>,
    /// By when it is gone from the operator's backups as well; null if the operator has not said for how long they are kept.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = "2026-12-30T09:30:00.000000Z")]
    pub backups_expire_by: Option<DateTime<Utc>>,
}

/// What a user stores and may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageUsage {
    /// What the user stores.
    pub usage: Usage,
    /// What the user may store.
    pub limits: UserLimits,
}

/// What a user stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Size of all recordings and pending direct uploads, in bytes; each counts as at least 4,096.
    #[schema(example = 53_207_040)]
    pub bytes: u64,
    /// Number of recordings.
    #[schema(example = 38)]
    pub recordings: u64,
    /// Number of pending direct uploads; see `listDirectUploads`.
    #[schema(example = 0)]
    pub uploads: u64,
    /// Number of sessions. An expired session counts until it is removed, within hours.
    #[schema(example = 2)]
    pub sessions: u64,
}

/// What a user may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserLimits {
    /// Storage quota, in bytes.
    #[schema(example = 107_374_182_400_u64)]
    pub bytes: u64,
    /// Maximum size of one recording, in bytes.
    #[schema(example = 4_294_967_296_u64)]
    pub recording_bytes: u64,
    /// Maximum number of recordings, pending direct uploads included.
    #[schema(example = 1_000_000)]
    pub recordings: u64,
    /// Maximum number of pending direct uploads.
    #[schema(example = 1_000)]
    pub uploads: u64,
    /// Maximum number of sessions. One more ends the least recently used one.
    #[schema(example = 100)]
    pub sessions: u64,
}

/// What a user can sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The identity's id, a ULID.
    #[schema(example = "01JD8QKB5T9R2C4D6F8H0J1K3M")]
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: IdentityKind,
    /// The issuer (a URL) of an OpenID provider, or the social network; null for an email address.
    #[schema(required, example = json!(null))]
    pub provider: Option<String>,
    /// The email address in lower case, or the user's id at the provider.
    #[schema(example = "ann@example.com")]
    pub subject: String,
    /// When it was linked to the user.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub linked_at: DateTime<Utc>,
    /// When the address was verified; null if it is not, and for all but email addresses.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = "2026-11-23T00:31:40.271000Z")]
    pub verified_at: Option<DateTime<Utc>>,
}

/// A kind of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(example = "email")]
pub enum IdentityKind {
    /// An email address, with a password.
    Email,
    /// An account at an OpenID provider.
    Oidc,
    /// An id at a social network, as the 2018 clients send it.
    Social,
}

/// Everything a user can sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identities {
    /// In the order in which they were linked.
    pub items: Vec<Identity>,
}

/// A signed-in device or app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The session's id, a ULID.
    #[schema(example = "01JD9YV7D3K8M2P5QWCT6XB4NA")]
    pub id: String,
    /// The `User-Agent` that signed in.
    #[schema(example = "Recorder/3.2 (iPhone; iOS 26.1)")]
    pub client: String,
    /// When it signed in.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-29T11:00:00.000000Z")]
    pub last_used_at: DateTime<Utc>,
    /// When it expires. Using it extends it, up to a year by default.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-12-29T11:00:00.000000Z")]
    pub expires_at: DateTime<Utc>,
    /// Whether it is the session of this request.
    #[schema(example = true)]
    pub current: bool,
}

/// A page of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionPage {
    /// Newest first.
    pub items: Vec<Session>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

/// Without the password and the code, which are in no log that way.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _, code: _ } = self;
        formatter.debug_struct("Credentials").field("email", email).field("password", &REDACTED).finish_non_exhaustive()
    }
}

/// Without the code, which is in no log that way.
impl fmt::Debug for Verification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code: _ } = self;
        formatter.debug_struct("Verification").finish_non_exhaustive()
    }
}

/// Without the code and the password, which are in no log that way.
impl fmt::Debug for PasswordReset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, code: _, new_password: _ } = self;
        formatter.debug_struct("PasswordReset").field("email", email).finish_non_exhaustive()
    }
}

/// Without the token, which is in no log that way.
impl fmt::Debug for OidcCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id_token: _, nonce: _ } = self;
        formatter.debug_struct("OidcCredentials").finish_non_exhaustive()
    }
}

/// Without the token and the password, which are in no log that way.
impl fmt::Debug for OidcLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id_token: _, nonce: _, password: _ } = self;
        formatter.debug_struct("OidcLink").finish_non_exhaustive()
    }
}

/// Without the code, which is in no log that way.
impl fmt::Debug for OidcRevocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorization_code: _, client_id } = self;
        formatter.debug_struct("OidcRevocation").field("client_id", client_id).finish_non_exhaustive()
    }
}

/// Without the nonce, which is in no log that way.
impl fmt::Debug for OidcNonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nonce: _, expires_at } = self;
        formatter.debug_struct("OidcNonce").field("expires_at", expires_at).finish_non_exhaustive()
    }
}

/// Without the passwords, which are in no log that way.
impl fmt::Debug for PasswordChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { current_password: _, new_password: _ } = self;
        formatter.debug_struct("PasswordChange").finish_non_exhaustive()
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

pub(crate) const REDACTED: fmt::Arguments<'_> = format_args!("[redacted]");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_redacted() {
        let (email, password) = ("ann@example.com".to_owned(), "s3cret".to_owned());
        let credentials = Credentials { email, password, code: Some("s3cret".into()) };
        let verification = Verification { code: "s3cret".into() };
        let (current_password, new_password) = ("s3cret".to_owned(), "s3cret".to_owned());
        let change = PasswordChange { current_password, new_password };
        let user = User {
            id: "01JD9Z8Q3NVX4T6M2K7C5B1ARE".into(),
            email: None,
            email_verified: false,
            created_at: DateTime::UNIX_EPOCH,
        };
        let (access_token, token_type) = ("tb_s3cret".to_owned(), "Bearer".to_owned());
        let grant = Grant { access_token, token_type, expires_at: DateTime::UNIX_EPOCH, user };

        let oidc = OidcCredentials { id_token: "s3cret".into(), nonce: "s3cret".into() };
        let password = Some("s3cret".to_owned());
        let link = OidcLink { id_token: "s3cret".into(), nonce: "s3cret".into(), password };
        let nonce = OidcNonce { nonce: "s3cret".into(), expires_at: DateTime::UNIX_EPOCH };

        let (code, new_password) = ("s3cret".to_owned(), "s3cret".to_owned());
        let reset = PasswordReset { email: "ann@example.com".into(), code, new_password };

        let revocation = OidcRevocation { authorization_code: "s3cret".into(), client_id: None };

        let printed = format!(
            "{revocation:?} {credentials:?} {verification:?} {grant:?} {change:?} {oidc:?} {link:?} {nonce:?} {reset:?}"
        );

        assert_eq!(printed.matches("[redacted]").count(), 2, "{printed}");
        assert!(!printed.contains("s3cret"), "{printed}");
    }

    #[test]
    fn a_request_with_a_member_too_many_is_refused() {
        let text = r#"{"email": "ann@example.com", "password": "correct horse", "admin": true}"#;
        assert!(serde_json::from_str::<Credentials>(text).is_err());
    }
}
