//! What clients are told where Lambda cannot pass the app's answer on: problem documents like the app's.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderName, HeaderValue},
};
use tapebase_api::Slug;
use tapebase_http::Meaning;

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
        let (slug, detail) = match self {
            Self::TooLarge => (
                Slug::AnswerTooLarge,
                "The answer is larger than this server can send at once: ask for ranges of up to 4 MiB.",
            ),
            Self::Broken => (Slug::Unavailable, "The recording could not be read to its end; try again."),
        };
        let meaning = Meaning::of(slug);
        let mut response = HttpResponse::build(meaning.status_code());
        if let Some(seconds) = meaning.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        let mut instance = String::new();
        if let Some(id) = request_id {
            instance = format!("urn:uuid:{}", id.to_str().unwrap_or_default());
            response.insert_header((X_REQUEST_ID, id));
        }
        response
            .content_type("application/problem+json")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .json(Meaning::document(slug, detail.to_owned(), instance))
    }
}
