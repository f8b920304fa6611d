//! Errors as clients see them: RFC 9457 problem documents, and the only place a status is chosen.

mod translations;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use tapebase_domain::ports::{BoxError, causes};
use utoipa::ToSchema;

use crate::{conditions::NO_STORE, request_log};

macro_rules! problem_kinds {
    ($($kind:ident $status:literal $slug:literal $title:literal retryable: $retryable:literal,)*) => {
        /// Everything that can go wrong for a client, one stable slug each; `docs/problems.md` explains them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $(#[doc = $title] $kind,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The last part of the problem's `type`; never changes.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)* }
            }

            /// What is wrong, for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// The HTTP status code.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$kind => $retryable,)* }
            }
        }
    };
}

problem_kinds! {
    InvalidBody 400 "invalid-body" "The body is not what this endpoint expects" retryable: false,
    InvalidParameter 400 "invalid-parameter" "A query parameter or header is malformed" retryable: false,
    InvalidId 400 "invalid-id" "A recording id must be a ULID or a UUID" retryable: false,
    InvalidName 400 "invalid-name" "This cannot be the name of a recording" retryable: false,
    InvalidEmail 400 "invalid-email" "This is not an email address" retryable: false,
    InvalidPassword 400 "invalid-password" "This cannot be a password" retryable: false,
    DigestMismatch 400 "digest-mismatch" "The body arrived damaged: its digest is another" retryable: true,
    IncompleteBody 400 "incomplete-body" "The body ended early" retryable: true,
    Unauthenticated 401 "unauthenticated" "Sign in first" retryable: false,
    InvalidToken 401 "invalid-token" "The token is invalid, expired or revoked" retryable: false,
    WrongCredentials 401 "wrong-credentials" "Wrong email address or password" retryable: false,
    SignupClosed 403 "signup-closed" "Sign-up is closed on this server" retryable: false,
    UntrustedSocialId 403 "untrusted-social-id" "This server does not take a social id as proof" retryable: false,
    InvalidLink 403 "invalid-link" "The link is not valid, or no longer" retryable: false,
    NotFound 404 "not-found" "There is nothing here for you" retryable: false,
    MethodNotAllowed 405 "method-not-allowed" "This resource does not support the method" retryable: false,
    BodyTimeout 408 "body-timeout" "The body came too slowly" retryable: true,
    RecordingConflict 409 "recording-conflict" "A recording of this id exists with other content" retryable: false,
    UploadIncomplete 409 "upload-incomplete" "A part of the recording is missing" retryable: false,
    UploadMismatch 409 "upload-mismatch" "The parts do not make up the recording that was announced" retryable: false,
    EmailTaken 409 "email-taken" "Another account has this email address" retryable: false,
    LengthRequired 411 "length-required" "The request announces no body" retryable: false,
    PreconditionFailed 412 "precondition-failed" "The recording has changed since you looked" retryable: false,
    TooLarge 413 "too-large" "The body is larger than this server takes" retryable: false,
    UnsupportedMediaType 415 "unsupported-media-type" "This endpoint does not take this type" retryable: false,
    RangeNotSatisfiable 416 "range-not-satisfiable" "The recording is shorter than that" retryable: false,
    Internal 500 "internal" "The server failed" retryable: true,
    Busy 503 "busy" "Too many are signing in at this moment" retryable: true,
    Unavailable 503 "unavailable" "A store of this server does not answer" retryable: true,
    QuotaExceeded 507 "quota-exceeded" "Your quota is used up" retryable: false,
    StorageFull 507 "storage-full" "The server has no space left" retryable: true,
}

impl ProblemKind {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The kind of this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    const fn retry_after_seconds(self) -> Option<u8> {
        match self.code() {
            503 => Some(2),
            _ => None,
        }
    }
}

/// A failed request: what the client is told, and what only the log is.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    header: Option<(header::HeaderName, String)>,
    cause: Option<BoxError>,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the problem; the last part is a stable slug to switch on.
    #[serde(rename = "type")]
    #[schema(example = "/problems/recording-conflict")]
    kind: String,
    /// What is wrong, the same for every occurrence.
    title: &'static str,
    /// The HTTP status code.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// This occurrence: the request's id, also in `X-Request-Id` and in the server's log.
    instance: String,
    /// Whether the same request may succeed later.
    retryable: bool,
}

impl Problem {
    /// A problem of this kind; `detail` says what is wrong here and what to do.
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), header: None, cause: None }
    }

    /// The same, with a header the client needs.
    #[must_use]
    pub fn with_header(self, name: header::HeaderName, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    fn caused_by(kind: ProblemKind, detail: &'static str, cause: BoxError) -> Self {
        Self { cause: Some(cause), ..Self::new(kind, detail) }
    }

    fn unavailable(cause: BoxError) -> Self {
        Self::caused_by(ProblemKind::Unavailable, "Nothing was changed as far as is known; try again.", cause)
    }

    fn storage_full(cause: BoxError) -> Self {
        let detail = "Nothing was stored. Keep the recording and try again later, or delete recordings to make room.";
        Self::caused_by(ProblemKind::StorageFull, detail, cause)
    }

    /// A fault of the server itself.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::caused_by(ProblemKind::Internal, "Whether anything was changed is unknown; try again.", cause.into())
    }

    /// Writes the cause to the log: here and nowhere else.
    fn log(&self) {
        if let Some(cause) = &self.cause {
            tracing::error!(problem = self.kind.slug(), cause = causes(&**cause), "request failed");
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.slug(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::build(self.kind.status());
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_str()));
        }
        if let Some(seconds) = self.kind.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.kind == ProblemKind::BodyTimeout {
            response.force_close();
        }
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.code(),
            detail: self.detail.clone().into_owned(),
            instance: request_log::current_request_urn(),
            retryable: self.kind.is_retryable(),
        };
        response.content_type("application/problem+json").insert_header(NO_STORE).json(body)
    }
}

/// What a 401 asks for (RFC 6750 section 3).
pub const CHALLENGE: &str = "Bearer realm=\"tapebase\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_exactly_the_problems_there_are() {
        let documented: Vec<&str> = include_str!("../../../docs/problems.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| row.split_once('`').map(|(slug, _)| slug))
            .collect();
        let existing: Vec<&str> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(documented, existing);
    }

    #[test]
    fn the_documentation_has_each_status_and_whether_to_retry() {
        let document = include_str!("../../../docs/problems.md");
        for kind in ProblemKind::ALL {
            let retry = if kind.is_retryable() { "yes" } else { "no" };
            let row = format!("| `{}` | {} | {retry} |", kind.slug(), kind.code());
            assert!(document.contains(&row), "docs/problems.md lacks {row}");
        }
    }

    #[test]
    fn every_slug_names_one_problem() {
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_slug(kind.slug()), Some(*kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }
}
