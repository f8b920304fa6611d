//! Looking after the accounts of all users.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Identity, Usage, UserLimits, timestamp};

/// A user, as operators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminUser {
    /// The user's id, a ULID.
    #[schema(example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")]
    pub id: String,
    /// The first email address they sign in with; null if they have none.
    #[schema(required, example = "ann@example.com")]
    pub email: Option<String>,
    /// Whether `email` is verified; false if there is none.
    #[schema(example = true)]
    pub email_verified: bool,
    /// When the user signed up.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-23T00:30:11.482000Z")]
    pub created_at: DateTime<Utc>,
    /// When they were disabled; null if they may sign in.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = json!(null))]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When their data begins to be removed, if the account is deleted; null otherwise.
    #[serde(serialize_with = "timestamp::optional::serialize")]
    #[schema(required, example = json!(null))]
    pub erase_at: Option<DateTime<Utc>>,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminUserPage {
    /// The last that signed up first.
    pub items: Vec<AdminUser>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

/// A user, what they sign in with, and how much they store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminUserDetails {
    /// The user.
    pub user: AdminUser,
    /// What they can sign in with, in the order in which it was linked.
    pub identities: Vec<Identity>,
    /// Whether they have a password.
    #[schema(example = true)]
    pub has_password: bool,
    /// What they store.
    pub usage: Usage,
    /// What they may store.
    pub limits: UserLimits,
}

/// A user to add.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Not case-sensitive; verified from the beginning.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
    /// At least 8 characters of any kind.
    #[schema(example = "correct horse battery staple", min_length = 8, max_length = 1024)]
    pub password: String,
}

/// What is to change about a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminUserChange {
    /// Whether they may not sign in.
    #[schema(example = true)]
    pub disabled: bool,
}

/// The password that a user is to have.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// At least 8 characters of any kind.
    #[schema(example = "wrong donkey capacitor clip", min_length = 8, max_length = 1024)]
    pub new_password: String,
}

/// A code to sign up with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// The email address it is for.
    #[schema(example = "ben@example.com")]
    pub email: String,
    /// The code, for `signUp`.
    #[schema(example = "K7QM-3XVD-9R2T")]
    pub code: String,
    /// How long the code counts at least, in seconds.
    #[schema(example = 604_800)]
    pub expires_in: u64,
    /// Whether it is on its way to the address by mail; hand it over yourself otherwise.
    #[schema(example = true)]
    pub mailed: bool,
}

/// A code to choose another password with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordResetCode {
    /// The email address it is for.
    #[schema(example = "ann@example.com")]
    pub email: String,
    /// The code, for `resetPassword`; it counts once.
    #[schema(example = "K7QM-3XVD-9R2T")]
    pub code: String,
    /// How long the code counts at least, in seconds.
    #[schema(example = 3_600)]
    pub expires_in: u64,
}

/// Without the password, which is in no log that way.
impl fmt::Debug for NewUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _ } = self;
        formatter.debug_struct("NewUser").field("email", email).finish_non_exhaustive()
    }
}

/// Without the password, which is in no log that way.
impl fmt::Debug for NewPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new_password: _ } = self;
        formatter.debug_struct("NewPassword").finish_non_exhaustive()
    }
}

/// Without the code, which is in no log that way.
impl fmt::Debug for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, code: _, expires_in, mailed } = self;
        let mut invitation = formatter.debug_struct("Invitation");
        invitation.field("email", email).field("expires_in", expires_in).field("mailed", mailed).finish_non_exhaustive()
    }
}

/// Without the code, which is in no log that way.
impl fmt::Debug for PasswordResetCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, code: _, expires_in } = self;
        let mut reset = formatter.debug_struct("PasswordResetCode");
        reset.field("email", email).field("expires_in", expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let (email, secret) = (|| "ann@example.com".to_owned(), || "s3cret".to_owned());
        let user = NewUser { email: email(), password: secret() };
        let password = NewPassword { new_password: secret() };
        let invitation = Invitation { email: email(), code: secret(), expires_in: 1, mailed: false };
        let reset = PasswordResetCode { email: email(), code: secret(), expires_in: 1 };

        let printed = format!("{user:?} {password:?} {invitation:?} {reset:?}");

        assert!(printed.contains("ann@example.com") && !printed.contains("s3cret"), "{printed}");
    }
}
