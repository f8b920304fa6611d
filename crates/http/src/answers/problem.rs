//! Errors as clients see them: RFC 9457 problem documents, and the only place a status is chosen.

mod translations;

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
    InvalidBody 400 "The body is not what this endpoint expects" retryable: false,
    InvalidParameter 400 "A query parameter or header is malformed" retryable: false,
    InvalidId 400 "A recording id must be a ULID or a UUID" retryable: false,
    InvalidName 400 "This cannot be the name of a recording" retryable: false,
    InvalidEmail 400 "This is not an email address" retryable: false,
    InvalidPassword 400 "This cannot be a password" retryable: false,
    DigestMismatch 400 "The body arrived damaged: its digest is another" retryable: true,
    IncompleteBody 400 "The body ended early" retryable: true,
    Unauthenticated 401 "Sign in first" retryable: false,
    InvalidToken 401 "The token is invalid, expired or revoked" retryable: false,
    WrongCredentials 401 "Wrong email address or password" retryable: false,
    SignupClosed 403 "Sign-up is closed on this server" retryable: false,
    UntrustedSocialId 403 "This server does not take a social id as proof" retryable: false,
    InvalidLink 403 "The link is not valid, or no longer" retryable: false,
    CrossOriginRefused 403 "Pages of this origin may not do this" retryable: false,
    NotFound 404 "There is nothing here for you" retryable: false,
    MethodNotAllowed 405 "This resource does not support the method" retryable: false,
    BodyTimeout 408 "The body came too slowly" retryable: true,
    RecordingConflict 409 "A recording of this id exists with other content" retryable: false,
    RecordingDeleted 409 "The recording of this id was deleted" retryable: false,
    UploadIncomplete 409 "A part of the recording is missing" retryable: false,
    UploadMismatch 409 "The parts do not make up the recording that was announced" retryable: false,
    EmailTaken 409 "Another account has this email address" retryable: false,
    CursorExpired 410 "Deletions since this cursor are forgotten" retryable: false,
    HistoryChanged 410 "The server was put back to an earlier state" retryable: false,
    LengthRequired 411 "The request announces no body" retryable: false,
    PreconditionFailed 412 "The recording has changed since you looked" retryable: false,
    TooLarge 413 "The body is larger than this server takes" retryable: false,
    AnswerTooLarge 413 "The answer is larger than this server can send at once" retryable: false,
    UnsupportedMediaType 415 "This endpoint does not take this type" retryable: false,
    RangeNotSatisfiable 416 "The recording is shorter than that" retryable: false,
    TooManyRequests 429 "Your address has too many requests under way" retryable: true,
    Internal 500 "The server failed" retryable: true,
    AudioDamaged 500 "The audio of this recording is damaged" retryable: false,
    Busy 503 "The server has too much to do at this moment" retryable: true,
    SendAgain 503 "What was stored is damaged: send it again" retryable: true,
    Unavailable 503 "A store of this server does not answer" retryable: true,
    QuotaExceeded 507 "Your quota is used up" retryable: false,
    TooManyRecordings 507 "You have as many recordings as this server keeps for anybody" retryable: false,
    TooManyUploads 507 "You have as many uploads under way as this server allows" retryable: false,
    StorageFull 507 "The server has no space left" retryable: true,
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
    /// Boxed, since every fallible function returns as many bytes as a problem has.
    header: Option<Box<(header::HeaderName, String)>>,
    deleted_at: Option<Timestamp>,
    restart: Option<&'static str>,
    cause: Option<BoxError>,
}

impl Problem {
    /// What to do about a type that is refused.
    pub const SEND_TYPE: &str = "Send Content-Type: the type of the recording, like audio/mp4, or none.";

    /// A problem of this slug; `detail` says what is wrong here and what to do.
    pub fn new(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { slug, detail: detail.into(), header: None, deleted_at: None, restart: None, cause: None }
    }

    /// The same, with a header the client needs.
    #[must_use]
    pub fn with_header(self, name: header::HeaderName, value: String) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
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

    fn caused_by(slug: Slug, detail: impl Into<Cow<'static, str>>, cause: BoxError) -> Self {
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
    fn log(&self) {
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
        if let Some((name, value)) = self.header.as_deref() {
            response.insert_header((name.clone(), value.as_str()));
        }
        if let Some(seconds) = meaning.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
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
