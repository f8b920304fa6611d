//! What clients are told where Lambda cannot pass the app's answer on: problem documents like the app's.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use tapebase_api::{self as api, Slug, paths};

/// Names the request in every answer.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why there is no answer to pass on.
#[derive(Debug, Clone, Copy)]
pub enum Problem {
    /// It is more than Lambda takes in one piece.
    TooLarge,
    /// Its body broke off.
    Broken,
}

impl Problem {
    /// The problem document, under the request's own id.
    pub fn response(self, request_id: Option<HeaderValue>) -> HttpResponse {
        let (status, kind, title, detail, retryable) = match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "about:blank".to_owned(),
                "Payload Too Large",
                "The answer is larger than this server can send at once: ask for ranges of up to 4 MiB.",
                false,
            ),
            Self::Broken => (
                StatusCode::SERVICE_UNAVAILABLE,
                paths::problem(Slug::Unavailable.as_str()),
                "A store of this server does not answer",
                "The recording could not be read to its end; try again.",
                true,
            ),
        };
        let mut response = HttpResponse::build(status);
        if retryable {
            response.insert_header((header::RETRY_AFTER, "2"));
        }
        let mut instance = String::new();
        if let Some(id) = request_id {
            instance = format!("urn:uuid:{}", id.to_str().unwrap_or_default());
            response.insert_header((X_REQUEST_ID, id));
        }
        let (title, detail) = (title.to_owned(), detail.to_owned());
        response
            .content_type("application/problem+json")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .json(api::Problem {
                kind,
                title,
                status: status.as_u16(),
                detail,
                instance,
                retryable,
                deleted_at: None,
                restart: None,
            })
    }
}
