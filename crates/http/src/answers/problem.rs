//! Errors as clients see them: RFC 9457 problem documents, and the only place a status is chosen.

mod translations;

pub(crate) use self::translations::whole_seconds;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    ports::{BoxError, causes},
    time::Timestamp,
};

use crate::request_log;

/// What a problem means over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The HTTP status code.
    pub status: u16,
    /// What is wrong, for people.
    pub title: &'static str,
    /// Whether the same request may succeed later.
    pub is_retryable: bool,
}

macro_rules! meanings {
    ($($slug:ident $status:literal $title:literal retryable: $is_retryable:literal,)*) => {
        impl Meaning {
            /// What the problem of this slug means.
            #[must_use]
            pub const fn of(slug: Slug) -> Self {
                match slug {
                    $(Slug::$slug => Self { status: $status, title: $title, is_retryable: $is_retryable },)*
                }
            }
        }
    };
}

meanings! {
    InvalidBody 400 "The request body is invalid" retryable: false,
    InvalidParameter 400 "A query parameter or header is invalid" retryable: false,
    InvalidId 400 "The recording id is not a ULID or UUID" retryable: false,
    InvalidName 400 "The recording name is invalid" retryable: false,
    InvalidEmail 400 "The email address is invalid" retryable: false,
    InvalidPassword 400 "The password is too short or too long" retryable: false,
    DigestMismatch 400 "The body does not match its digest" retryable: true,
    IncompleteBody 400 "The body ended early" retryable: true,
    Unauthenticated 401 "Authentication is required" retryable: false,
    InvalidToken 401 "The token is invalid, expired or revoked" retryable: false,
    WrongCredentials 401 "Wrong email address or password" retryable: false,
    InvalidIdToken 403 "The ID token is not accepted" retryable: false,
    InvalidCode 403 "The code is wrong, used or expired" retryable: false,
    WrongPassword 403 "Wrong password" retryable: false,
    AccountDisabled 403 "The account is disabled" retryable: false,
    AccountErased 403 "The account is being erased" retryable: false,
    InsufficientScope 403 "The token does not allow this" retryable: false,
    LoginExpired 403 "The sign-in was not begun here, or has expired" retryable: false,
    SignInAgain 403 "The session is too old for this" retryable: false,
    SignupClosed 403 "Sign-up is closed" retryable: false,
    UnverifiedEmail 403 "The email address must be verified first" retryable: false,
    MailNotConfigured 403 "This server sends no mail" retryable: false,
    UntrustedSocialId 403 "Unverified social ids are not accepted" retryable: false,
    InvalidLink 403 "The link is invalid or has expired" retryable: false,
    CrossOriginRefused 403 "This origin is not allowed" retryable: false,
    NotFound 404 "Not found" retryable: false,
    MethodNotAllowed 405 "The method is not allowed" retryable: false,
    BodyTimeout 408 "The body was sent too slowly" retryable: true,
    RecordingConflict 409 "The id belongs to a recording with other audio" retryable: false,
    RecordingDeleted 409 "The recording was deleted" retryable: false,
    UploadIncomplete 409 "A part of the upload is missing" retryable: false,
    UploadMismatch 409 "The uploaded parts do not match the digest" retryable: false,
    EmailTaken 409 "The email address is already registered" retryable: false,
    IdentityTaken 409 "Another user has the identity" retryable: false,
    LastIdentity 409 "Nothing to sign in with would be left" retryable: false,
    TooManyIdentities 409 "The user has too many identities" retryable: false,
    TooManyTokens 409 "The user has as many API tokens as one may have" retryable: false,
    CursorExpired 410 "The cursor has expired" retryable: false,
    HistoryChanged 410 "The server was restored to an earlier state" retryable: false,
    LengthRequired 411 "The length of the body is missing" retryable: false,
    PreconditionFailed 412 "The precondition failed" retryable: false,
    TooLarge 413 "The body is too large" retryable: false,
    AnswerTooLarge 413 "The response is too large" retryable: false,
    UnsupportedMediaType 415 "The media type is not supported" retryable: false,
    RangeNotSatisfiable 416 "The range lies beyond the end of the audio" retryable: false,
    TooManyRequests 429 "Too many requests" retryable: true,
    TooManyAttempts 429 "Too many wrong passwords" retryable: true,
    Internal 500 "Internal server error" retryable: true,
    AudioDamaged 500 "The audio of this recording is damaged" retryable: false,
    Busy 503 "The server is busy" retryable: true,
    SendAgain 503 "The stored audio is damaged; upload it again" retryable: true,
    Unavailable 503 "A store does not respond" retryable: true,
    ProviderUnavailable 503 "The OpenID provider does not respond" retryable: true,
    QuotaExceeded 507 "The storage quota is exceeded" retryable: false,
    TooManyRecordings 507 "The maximum number of recordings is reached" retryable: false,
    TooManyUploads 507 "The maximum number of pending uploads is reached" retryable: false,
    StorageFull 507 "The storage is full" retryable: true,
}

impl Meaning {
    /// The status, as actix has it.
    #[must_use]
    pub fn status_code(self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document that tells a client of it.
    #[must_use]
    pub fn document(slug: Slug, detail: String, instance: String) -> api::Problem {
        let Self { status, title, is_retryable } = Self::of(slug);
        api::Problem {
            kind: paths::problem(slug.as_str()),
            code: slug.to_string(),
            title: title.to_owned(),
            status,
            detail,
            instance,
            retryable: is_retryable,
            deleted_at: None,
            restart: None,
        }
    }

    /// What `Retry-After` says, if the problem passes by itself.
    #[must_use]
    pub const fn retry_after_seconds(self) -> Option<u8> {
        match self.status {
            429 | 503 => Some(2),
            _ => None,
        }
    }
}

/// A failed request: what the client is told, and what only the log is.
#[derive(Debug)]
pub struct Problem {
    slug: Slug,
    detail: Cow<'static, str>,
    headers: Vec<(header::HeaderName, String)>,
    deleted_at: Option<Timestamp>,
    restart: Option<&'static str>,
    cause: Option<BoxError>,
}

impl Problem {
    /// What to do about a type that is refused.
    pub const SEND_TYPE: &str = "Send Content-Type: the type of the recording, like audio/mp4, or none.";

    /// A problem of this slug; `detail` says what is wrong here and what to do.
    pub fn new(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { slug, detail: detail.into(), headers: Vec::new(), deleted_at: None, restart: None, cause: None }
    }

    /// The same, with a header the client needs.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, with when what it is about was deleted.
    #[must_use]
    pub fn with_deleted_at(self, deleted_at: Timestamp) -> Self {
        Self { deleted_at: Some(deleted_at), ..self }
    }

    /// The same, with where to begin anew.
    #[must_use]
    pub fn with_restart(self, path: &'static str) -> Self {
        Self { restart: Some(path), ..self }
    }

    /// Its slug.
    #[must_use]
    pub const fn slug(&self) -> Slug {
        self.slug
    }

    /// A problem whose cause is for the log alone.
    pub fn caused_by(slug: Slug, detail: impl Into<Cow<'static, str>>, cause: BoxError) -> Self {
        Self { cause: Some(cause), ..Self::new(slug, detail) }
    }

    fn unavailable(cause: BoxError) -> Self {
        Self::caused_by(Slug::Unavailable, "Nothing was changed as far as is known; try again.", cause)
    }

    fn storage_full(cause: BoxError) -> Self {
        let detail = "Nothing was stored. Keep the recording and try again later, or delete recordings to make room.";
        Self::caused_by(Slug::StorageFull, detail, cause)
    }

    /// A fault of the server itself.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::caused_by(Slug::Internal, "Whether anything was changed is unknown; try again.", cause.into())
    }

    /// Writes the cause to the log: here and nowhere else.
    pub fn log(&self) {
        if let Some(cause) = &self.cause {
            tracing::error!(problem = self.slug.as_str(), cause = causes(&**cause), "request failed");
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.slug, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        Meaning::of(self.slug).status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let meaning = Meaning::of(self.slug);
        let mut response = HttpResponse::build(meaning.status_code());
        if let Some(seconds) = meaning.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        if self.slug == Slug::BodyTimeout {
            response.force_close();
        }
        let body = api::Problem {
            deleted_at: self.deleted_at,
            restart: self.restart.map(str::to_owned),
            ..Meaning::document(self.slug, self.detail.clone().into_owned(), request_log::current_request_urn())
        };
        response.content_type("application/problem+json").json(body)
    }
}

/// What a 401 asks for (RFC 6750 section 3).
pub const CHALLENGE: &str = "Bearer realm=\"tapebase\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_exactly_the_problems_there_are() {
        let documented: Vec<&str> = include_str!("../../../../docs/problems.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| row.split_once('`').map(|(slug, _)| slug))
            .collect();
        let existing: Vec<&str> = Slug::ALL.iter().map(|slug| slug.as_str()).collect();
        assert_eq!(documented, existing);
    }

    #[test]
    fn the_documentation_has_each_status_and_whether_to_retry() {
        let document = include_str!("../../../../docs/problems.md");
        for slug in Slug::ALL {
            let Meaning { status, is_retryable, .. } = Meaning::of(*slug);
            let retry = if is_retryable { "yes" } else { "no" };
            let row = format!("| `{slug}` | {status} | {retry} |");
            assert!(document.contains(&row), "docs/problems.md lacks {row}");
        }
    }

    #[test]
    fn every_problem_is_an_error() {
        for slug in Slug::ALL {
            let status = Meaning::of(*slug).status_code();
            assert!(status.is_client_error() || status.is_server_error(), "{slug}: {status}");
        }
    }
}
