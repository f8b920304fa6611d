//! What a client says of a recording, wherever it says it: in the query, headers, fields of a form, an announcement.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use chrono::{DateTime, Datelike as _, FixedOffset, TimeDelta, Timelike as _};
use serde::Deserialize;
use tapebase_api::{self as api, Slug};
use tapebase_domain::{
    details::NewDetails, digest::Sha256, direct::NewUpload, id::RecordingId, media_type::MediaType,
    recording::RecordingName,
};
use utoipa::IntoParams;

use crate::{problem::Problem, query};

const X_RECORDED_AT: HeaderName = HeaderName::from_static("x-recorded-at");

/// Query parameters of an upload.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// The recording's name; wins over `Content-Disposition`.
    #[param(min_length = 1, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$")]
    name: Option<String>,
    /// How long it plays, in milliseconds; kept as the client's own word.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    client_duration_ms: Option<u32>,
}

/// What the head of a request with audio in its body says, but for what its part of a form may say as well.
pub fn in_head(request: &HttpRequest) -> Result<NewDetails, Problem> {
    let UploadQuery { name, client_duration_ms } = query::parse(request)?;
    let recorded_at = request.headers().get(X_RECORDED_AT).map(|value| recorded_at(value.to_str().ok()));
    Ok(NewDetails {
        name: name.map(RecordingName::parse).transpose()?,
        recorded_at: recorded_at.transpose()?,
        client_duration_ms,
        ..NewDetails::of_type(MediaType::octet_stream())
    })
}

/// Adds what a field of a form says; fields nobody knows say nothing.
pub fn add_field(details: &mut NewDetails, field: &str, text: String) -> Result<(), Problem> {
    match field {
        "name" if details.name.is_none() => details.name = Some(RecordingName::parse(text)?),
        "recorded_at" => details.recorded_at = Some(recorded_at(Some(&text))?),
        "client_duration_ms" if details.client_duration_ms.is_none() => {
            details.client_duration_ms = Some(milliseconds(&text)?);
        }
        _ => {}
    }
    Ok(())
}

/// What is announced.
pub fn announced(body: api::CreateUpload) -> Result<NewUpload, Problem> {
    let api::CreateUpload { id, name, media_type, size, sha256, recorded_at: time, client_duration_ms, again } = body;
    let sha256 = Sha256::from_hex(&sha256)
        .ok_or_else(|| Problem::new(Slug::InvalidBody, "Send sha256 as 64 hexadecimal digits."))?;
    Ok(NewUpload {
        id: id.map(|id| RecordingId::parse(&id)).transpose()?,
        details: NewDetails {
            name: name.map(RecordingName::parse).transpose()?,
            media_type: media_type.map_or(Ok(MediaType::octet_stream()), |text| parse_media_type(Some(&text)))?,
            recorded_at: time.map(|text| recorded_at(Some(&text))).transpose()?,
            client_duration_ms,
        },
        again,
        size,
        sha256,
    })
}

/// The declared type; nothing declared is bytes of which nothing is said.
pub fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(MediaType::octet_stream()) };
    parse_media_type(value.to_str().ok())
}

fn parse_media_type(text: Option<&str>) -> Result<MediaType, Problem> {
    text.and_then(|text| MediaType::parse(text).ok()).ok_or_else(|| {
        let detail = "Send Content-Type: audio/*, video/mp4, video/webm or application/octet-stream.";
        Problem::new(Slug::UnsupportedMediaType, detail)
    })
}

/// RFC 3339 with an offset: the client's clock as it showed.
fn recorded_at(text: Option<&str>) -> Result<DateTime<FixedOffset>, Problem> {
    let time = text.and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
    // A leap second becomes the one after, which RFC 3339 must still be able to write down.
    let is_leap = |time: &DateTime<FixedOffset>| time.nanosecond() >= 1_000_000_000;
    let is_writable = |time: &DateTime<FixedOffset>| !is_leap(time) || (*time + TimeDelta::seconds(1)).year() <= 9_999;
    time.filter(is_writable).ok_or_else(|| {
        let detail = "Send the time of recording as RFC 3339 with an offset, like 2026-11-23T09:30:00+09:00.";
        Problem::new(Slug::InvalidParameter, detail)
    })
}

fn milliseconds(text: &str) -> Result<u32, Problem> {
    let detail = "Send client_duration_ms as a whole number of milliseconds.";
    text.trim().parse().map_err(|_| Problem::new(Slug::InvalidParameter, detail))
}
