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

use crate::{
    answers::problem::Problem,
    requests::{query, times},
};

const X_RECORDED_AT: HeaderName = HeaderName::from_static("x-recorded-at");

/// Query parameters of an upload.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// The recording's name; takes precedence over `Content-Disposition`.
    #[param(pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    name: Option<String>,
    /// Duration in milliseconds, stored as stated.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    client_duration_ms: Option<u32>,
}

/// What the head of a request with audio in its body says, but for what its part of a form may say as well.
pub fn in_head(request: &HttpRequest) -> Result<NewDetails, Problem> {
    let UploadQuery { name, client_duration_ms } = query::parse(request)?;
    let recorded_at = request.headers().get(X_RECORDED_AT).filter(|value| !value.is_empty());
    let recorded_at = recorded_at.map(|value| self::recorded_at(value.to_str().ok()));
    Ok(NewDetails {
        name: name.map(RecordingName::parse).transpose()?,
        recorded_at: recorded_at.transpose()?,
        client_duration_ms,
        ..NewDetails::of_type(MediaType::octet_stream())
    })
}

/// The fields of a form that say something of its recording.
const FIELDS: [&str; 3] = ["name", "recorded_at", "client_duration_ms"];

/// Whether a field of a form says something of its recording.
pub fn is_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// Adds what a field of a form says; those that are empty or that nobody knows say nothing.
pub fn add_field(details: &mut NewDetails, field: &str, text: &[u8]) -> Result<(), Problem> {
    if text.is_empty() || !is_field(field) {
        return Ok(());
    }
    let text = std::str::from_utf8(text);
    let text = text.map_err(|_| Problem::new(Slug::InvalidBody, "Send text parts in UTF-8."))?;
    let is_new = match field {
        "name" => say(&mut details.name, RecordingName::parse(text.to_owned())?),
        "recorded_at" => say(&mut details.recorded_at, recorded_at(Some(text))?),
        _ => say(&mut details.client_duration_ms, milliseconds(text)?),
    };
    is_new.then_some(()).ok_or_else(|| Problem::new(Slug::InvalidBody, format!("Send {field} once.")))
}

/// Notes what is said; `false` if something else was said before.
fn say<T: PartialEq>(place: &mut Option<T>, said: T) -> bool {
    if let Some(before) = place {
        return *before == said;
    }
    *place = Some(said);
    true
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
            media_type: declared(media_type.as_deref())?,
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
    // What is no text is no type either.
    let values = headers.get_all(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    declared(values)
}

fn declared<'t>(values: impl IntoIterator<Item = &'t str>) -> Result<MediaType, Problem> {
    let declared = MediaType::declared(values);
    declared.map_err(|_| Problem::new(Slug::UnsupportedMediaType, Problem::SEND_TYPE))
}

/// RFC 3339 with an offset: the client's clock as it showed.
fn recorded_at(text: Option<&str>) -> Result<DateTime<FixedOffset>, Problem> {
    let time = text.and_then(times::parse);
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
