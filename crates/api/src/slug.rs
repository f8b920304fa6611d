//! The names of problems, to switch on; they never change.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

macro_rules! slugs {
    ($($slug:ident $text:literal,)*) => {
        /// Everything that can go wrong for a client; `docs/problems.md` says when it does, and what to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Slug {
            $(
                #[doc = concat!("Written `", $text, "`.")]
                #[serde(rename = $text)]
                $slug,
            )*
        }

        impl Slug {
            /// Every slug.
            pub const ALL: &[Self] = &[$(Self::$slug,)*];

            /// The last part of a problem's `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$slug => $text,)* }
            }

            /// The slug of this text, if it is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$slug),)* _ => None }
            }
        }
    };
}

slugs! {
    InvalidBody "invalid-body",
    InvalidParameter "invalid-parameter",
    InvalidId "invalid-id",
    InvalidName "invalid-name",
    InvalidEmail "invalid-email",
    InvalidPassword "invalid-password",
    DigestMismatch "digest-mismatch",
    IncompleteBody "incomplete-body",
    Unauthenticated "unauthenticated",
    InvalidToken "invalid-token",
    WrongCredentials "wrong-credentials",
    InvalidIdToken "invalid-id-token",
    InvalidCode "invalid-code",
    WrongPassword "wrong-password",
    AccountDisabled "account-disabled",
    AccountErased "account-erased",
    SignInAgain "sign-in-again",
    LoginExpired "login-expired",
    InsufficientScope "insufficient-scope",
    SignupClosed "signup-closed",
    UnverifiedEmail "unverified-email",
    MailNotConfigured "mail-not-configured",
    UntrustedSocialId "untrusted-social-id",
    InvalidLink "invalid-link",
    CrossOriginRefused "cross-origin-refused",
    NotFound "not-found",
    MethodNotAllowed "method-not-allowed",
    BodyTimeout "body-timeout",
    RecordingConflict "recording-conflict",
    RecordingDeleted "recording-deleted",
    UploadIncomplete "upload-incomplete",
    UploadMismatch "upload-mismatch",
    EmailTaken "email-taken",
    IdentityTaken "identity-taken",
    LastIdentity "last-identity",
    TooManyIdentities "too-many-identities",
    TooManyTokens "too-many-tokens",
    CursorExpired "cursor-expired",
    HistoryChanged "history-changed",
    LengthRequired "length-required",
    PreconditionFailed "precondition-failed",
    TooLarge "too-large",
    AnswerTooLarge "answer-too-large",
    UnsupportedMediaType "unsupported-media-type",
    RangeNotSatisfiable "range-not-satisfiable",
    TooManyRequests "too-many-requests",
    TooManyAttempts "too-many-attempts",
    Internal "internal",
    AudioDamaged "audio-damaged",
    Busy "busy",
    SendAgain "send-again",
    Unavailable "unavailable",
    ProviderUnavailable "provider-unavailable",
    QuotaExceeded "quota-exceeded",
    TooManyRecordings "too-many-recordings",
    TooManyUploads "too-many-uploads",
    StorageFull "storage-full",
}

/// utoipa does not read what macros write, so it is told.
impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        let codes = Self::ALL.iter().map(|slug| slug.as_str());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).into()
    }
}

impl ToSchema for Slug {
    fn name() -> Cow<'static, str> {
        "ProblemCode".into()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slug_reads_back() {
        for slug in Slug::ALL {
            let json = format!("\"{slug}\"");
            assert_eq!(Slug::parse(slug.as_str()), Some(*slug));
            assert_eq!(serde_json::to_string(slug).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Slug>(&json).expect("a slug"), *slug);
        }
    }

    #[test]
    fn other_texts_are_no_slugs() {
        for text in ["", "Busy", "busy ", "out-of-tape"] {
            assert_eq!(Slug::parse(text), None, "{text:?}");
        }
    }
}
