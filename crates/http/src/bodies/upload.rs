//! Uploads: what a client says about a recording in headers and query, and the way to the use case.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    web,
};
use serde::Deserialize;
use tapebase_api::Slug;
use tapebase_domain::{
    Services,
    details::NewDetails,
    id::UserId,
    upload::{NewRecording, Stored},
};
use utoipa::IntoParams;

use crate::{
    Tasks,
    answers::problem::Problem,
    bodies::incoming::Admitted,
    requests::{details, digests, names},
};

const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// Whether an upload may take the id of a recording that was deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgainQuery {
    /// Store the recording even if one of this id was deleted.
    #[serde(default)]
    #[param(default = false)]
    pub again: bool,
}

/// What the head of a request with a raw body says; the id is still open.
pub fn parse_head(request: &HttpRequest, length: Option<u64>) -> Result<NewRecording, Problem> {
    let headers = request.headers();
    refuse_unstorable(headers)?;
    let said = details::in_head(request)?;
    let details = NewDetails {
        name: said.name.or_else(|| names::from_headers(headers)),
        media_type: details::media_type(headers)?,
        ..said
    };
    Ok(NewRecording { sha256: digests::expected(headers)?, size: length, ..NewRecording::of(details) })
}

/// Stores a recording.
pub async fn store(
    services: web::Data<Services>,
    tasks: &Tasks,
    owner: UserId,
    new: NewRecording,
    Admitted { body, memory }: Admitted,
) -> Result<Stored, Problem> {
    let stored = tasks.run(owner, async move {
        let stored = services.upload.store(owner, new, body).await;
        drop(memory);
        stored
    });
    stored.await
}

/// Refuses what would be stored as something it is not: an encoded body, or a part of one.
pub fn refuse_unstorable(headers: &HeaderMap) -> Result<(), Problem> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).all(is_identity) {
        let detail = "Send the recording without Content-Encoding: audio is compressed already.";
        return Err(Problem::new(Slug::UnsupportedMediaType, detail));
    }
    // These say that nothing was done to the bytes; Java and others write them (RFC 7578 section 4.7).
    let is_plain = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty()
            || [b"binary".as_slice(), b"8bit", b"7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain))
    };
    if !headers.get_all(CONTENT_TRANSFER_ENCODING).all(is_plain) {
        let detail = "Send the recording as it is: Content-Transfer-Encoding is deprecated in forms (RFC 7578).";
        return Err(Problem::new(Slug::UnsupportedMediaType, detail));
    }
    if headers.contains_key(header::CONTENT_RANGE) {
        let detail = "Send the whole recording, without Content-Range.";
        return Err(Problem::new(Slug::InvalidParameter, detail));
    }
    Ok(())
}
