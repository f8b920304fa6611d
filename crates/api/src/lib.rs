//! What goes over the wire of the HTTP API, for whoever writes it and whoever reads it.
//!
//! - accounts: [`Credentials`], [`EmailAddress`], [`Verification`], [`OidcRevocation`], [`Grant`], [`CookieSession`], [`PasswordReset`], [`User`], [`Me`], [`StorageUsage`], [`Erasure`], [`Identities`], [`Identity`], [`Session`], [`SessionPage`]
//! - accounts, as operators see them: [`AdminUser`], [`AdminUserPage`], [`AdminUserDetails`], [`AdminUserChange`], [`NewUser`], [`NewPassword`], [`Invitation`], [`PasswordResetCode`]
//! - API tokens: [`NewApiToken`], [`ApiTokenGrant`], [`ApiToken`], [`ApiTokens`]
//! - recordings: [`Recording`], [`RecordingPage`], [`RecordingUpdate`]
//! - what has changed: [`Changes`], [`Change`]
//! - direct uploads: [`CreateUpload`], [`UploadPlan`], [`UploadPart`], [`PendingUpload`], [`PendingUploadPage`]
//! - the server itself: [`Health`], [`Readiness`], [`Failure`]
//! - failures: [`Problem`] and its [`Slug`]
//! - where all that is: [`paths`]
//!
//! Texts are texts here: whether an id is one is for the server to say.
//! A request with a member too many is refused, because it asks for something that would not be done.
//! Answers may gain members, and whoever reads them passes over what it does not know.

mod accounts;
mod admin;
mod changes;
pub mod paths;
mod problem;
mod recordings;
mod server;
mod slug;
mod timestamp;
mod tokens;
mod uploads;

pub use self::{
    accounts::{
        CookieSession, Credentials, EmailAddress, Erasure, Grant, Identities, Identity, IdentityKind, Me,
        OidcCredentials, OidcLink, OidcNonce, OidcRevocation, PasswordChange, PasswordReset, Session, SessionPage,
        StorageUsage, Usage, User, UserLimits, Verification,
    },
    admin::{
        AdminUser, AdminUserChange, AdminUserDetails, AdminUserPage, Invitation, NewPassword, NewUser,
        PasswordResetCode,
    },
    changes::{Change, Changes},
    problem::Problem,
    recordings::{PlaybackLink, Recording, RecordingPage, RecordingUpdate},
    server::{About, Failure, Health, Readiness},
    slug::Slug,
    tokens::{ApiToken, ApiTokenGrant, ApiTokens, NewApiToken, Scope},
    uploads::{CreateUpload, PendingUpload, PendingUploadPage, ReceivedPart, UploadPart, UploadPlan},
};
