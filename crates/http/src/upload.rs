//! Uploads: what a client says about a recording in headers and query, and the way to the use case.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    rt, web,
};
use chrono::{DateTime, Datelike as _, FixedOffset, TimeDelta, Timelike as _};
use serde::Deserialize;
use tapebase_api::Slug;
use tapebase_domain::{
    Services,
    blob::{BodyError, ByteStream},
    details::NewDetails,
    id::UserId,
    media_type::MediaType,
    recording::RecordingName,
    upload::{NewRecording, Stored},
};
use utoipa::IntoParams;

use crate::{digests, names, problem::Problem, query};

const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");
const X_RECORDED_AT: HeaderName = HeaderName::from_static("x-recorded-at");

/// Query parameters of an upload.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// The recording's name; wins over `Content-Disposition`.
    #[param(min_length = 1, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$")]
    name: Option<String>,
}

/// Whether an upload may take the id of a recording that was deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgainQuery {
    /// `true` stores the recording even though one of this id was deleted.
    #[serde(default)]
    #[param(default = false)]
    pub again: bool,
}

/// What the head of a request with a raw body says; the id is still open.
pub fn parse_head(request: &HttpRequest, length: Option<u64>) -> Result<NewRecording, Problem> {
    let headers = request.headers();
    refuse_unstorable(headers)?;
    Ok(NewRecording {
        id: None,
        details: NewDetails {
            name: name_in_query(request)?.map_or_else(|| names::from_headers(headers), |name| Ok(Some(name)))?,
            media_type: media_type(headers)?,
            recorded_at: recorded_at_in_headers(headers)?,
        },
        again: false,
        sha256: digests::expected(headers)?,
        size: length,
    })
}

/// Stores a recording in a task of its own: actix drops a handler when its client resets the connection,
/// and an upload that has arrived is not to be torn down half way through.
pub async fn store(
    services: web::Data<Services>,
    owner: UserId,
    new: NewRecording,
    body: ByteStream<BodyError>,
) -> Result<Stored, Problem> {
    let storing = rt::spawn(async move { services.upload.store(owner, new, body).await });
    Ok(storing.await.map_err(Problem::internal)??)
}

/// `?name=`, if there is one.
pub fn name_in_query(request: &HttpRequest) -> Result<Option<RecordingName>, Problem> {
    Ok(query::parse::<UploadQuery>(request)?.name.map(RecordingName::parse).transpose()?)
}

/// `X-Recorded-At`, if there is one.
pub fn recorded_at_in_headers(headers: &HeaderMap) -> Result<Option<DateTime<FixedOffset>>, Problem> {
    headers.get(X_RECORDED_AT).map(|value| recorded_at(value.to_str().ok())).transpose()
}

/// RFC 3339 with an offset: the client's clock as it showed.
pub fn recorded_at(text: Option<&str>) -> Result<DateTime<FixedOffset>, Problem> {
    let time = text.and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
    // A leap second becomes the one after, which RFC 3339 must still be able to write down.
    let is_leap = |time: &DateTime<FixedOffset>| time.nanosecond() >= 1_000_000_000;
    let is_writable = |time: &DateTime<FixedOffset>| !is_leap(time) || (*time + TimeDelta::seconds(1)).year() <= 9_999;
    time.filter(is_writable).ok_or_else(|| {
        let detail = "Send the time of recording as RFC 3339 with an offset, like 2026-11-23T09:30:00+09:00.";
        Problem::new(Slug::InvalidParameter, detail)
    })
}

/// The declared type; nothing declared is bytes of which nothing is said.
pub fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(MediaType::octet_stream()) };
    parse_media_type(value.to_str().ok())
}

/// A type as clients write it.
pub fn parse_media_type(text: Option<&str>) -> Result<MediaType, Problem> {
    text.and_then(|text| MediaType::parse(text).ok()).ok_or_else(|| {
        let detail = "Send Content-Type: audio/*, video/mp4, video/webm or application/octet-stream.";
        Problem::new(Slug::UnsupportedMediaType, detail)
    })
}

/// Refuses what would be stored as something it is not: an encoded body, or a part of one.
pub fn refuse_unstorable(headers: &HeaderMap) -> Result<(), Problem> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).all(is_identity) {
        let detail = "Send the recording without Content-Encoding: audio is compressed already.";
        return Err(Problem::new(Slug::UnsupportedMediaType, detail));
    }
    let transfer_encoding = headers.get(CONTENT_TRANSFER_ENCODING).map(HeaderValue::as_bytes);
    if transfer_encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"binary")) {
        let detail = "Send the recording as it is: Content-Transfer-Encoding is deprecated in forms (RFC 7578).";
        return Err(Problem::new(Slug::UnsupportedMediaType, detail));
    }
    if headers.contains_key(header::CONTENT_RANGE) {
        let detail = "Send the whole recording, without Content-Range.";
        return Err(Problem::new(Slug::InvalidParameter, detail));
    }
    Ok(())
}
