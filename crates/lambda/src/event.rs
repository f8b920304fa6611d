//! What Lambda is invoked with: a request, or the time to sweep.
//!
//! HTTP APIs and function URLs send payload format 2.0; REST APIs and load balancers an older one, see [`first`].
//! Only what a request is made of is read; authorizers, parsed queries and the like are passed over.

mod first;

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use actix_http::{Payload, Request, error::PayloadError};
use actix_web::http::{
    Method, Uri,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    uri::PathAndQuery,
};
use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::stream;
use serde::{Deserialize, de::IgnoredAny};

use crate::answer::Form;

/// The stage whose name is not in the path.
const DEFAULT_STAGE: &str = "$default";

/// An event of any kind: which one shows in the fields that are there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    tapebase: Option<Task>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    version: Option<String>,
    raw_path: Option<String>,
    #[serde(default)]
    raw_query_string: String,
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Option<RequestContext>,
    // Of the older form.
    http_method: Option<String>,
    path: Option<String>,
    multi_value_headers: Option<Lists>,
    query_string_parameters: Option<HashMap<String, String>>,
    multi_value_query_string_parameters: Option<Lists>,
}

/// The values of each name.
type Lists = HashMap<String, Vec<String>>;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Task {
    Sweep,
}

#[derive(Debug, Default, Deserialize)]
struct RequestContext {
    #[serde(default)]
    stage: String,
    http: Option<Http>,
    /// Of a load balancer.
    elb: Option<IgnoredAny>,
    #[serde(default)]
    identity: Identity,
}

/// Whom AWS saw, in the older form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

/// What an event asks for.
pub enum Work {
    /// To answer a request, in this form.
    Answer(Request, Form),
    /// To remove leftovers.
    Sweep,
}

/// Why an event asks for nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is of another kind.
    #[error(
        "neither a request, in payload format 2.0 or 1.0, nor a schedule: send it as HTTP APIs, function URLs, REST APIs or \
         load balancers do, or {{\"tapebase\": \"sweep\"}}"
    )]
    Unknown,
    /// A part of the request makes no sense.
    #[error("the request's {0} is malformed")]
    Malformed(&'static str),
}

impl Event {
    /// Reads what is asked for.
    pub fn work(self) -> Result<Work, EventError> {
        match (self.tapebase, self.detail_type.as_deref(), self.version.as_deref()) {
            (Some(Task::Sweep), _, _) | (None, Some("Scheduled Event"), _) => Ok(Work::Sweep),
            (None, None, _) if self.http_method.is_some() => {
                let is_balanced = self.request_context.as_ref().is_some_and(|context| context.elb.is_some());
                let form = Form::First { has_lists: self.multi_value_headers.is_some(), is_balanced };
                Ok(Work::Answer(self.first()?, form))
            }
            (None, None, Some("2.0")) => Ok(Work::Answer(self.request()?, Form::Second)),
            _ => Err(EventError::Unknown),
        }
    }

    fn request(self) -> Result<Request, EventError> {
        let (Some(path), Some(RequestContext { stage, http: Some(http), .. })) = (self.raw_path, self.request_context)
        else {
            return Err(EventError::Unknown);
        };
        let body = decode(self.body.unwrap_or_default(), self.is_base64_encoded)?;
        let mut headers = headers(self.headers.unwrap_or_default(), &self.cookies)?;
        let payload = payload(body, &mut headers);
        let mut request = Request::with_payload(payload);
        let head = request.head_mut();
        head.method = Method::from_bytes(http.method.as_bytes()).map_err(|_| EventError::Malformed("method"))?;
        head.uri = uri(without_stage(&path, &stage), &self.raw_query_string)?;
        head.headers = headers;
        let address = http.source_ip.and_then(|address| address.parse::<IpAddr>().ok());
        head.peer_addr = address.map(|address| SocketAddr::new(address, 0));
        Ok(request)
    }
}

fn decode(body: String, is_base64: bool) -> Result<Bytes, EventError> {
    if !is_base64 {
        return Ok(body.into());
    }
    BASE64.decode(body.as_bytes()).map(Bytes::from).map_err(|_| EventError::Malformed("body"))
}

fn headers(lines: HashMap<String, String>, cookies: &[String]) -> Result<HeaderMap, EventError> {
    let mut headers = HeaderMap::with_capacity(lines.len() + 1);
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| EventError::Malformed("header"))?;
        headers.append(name, header_value(value)?);
    }
    if !cookies.is_empty() {
        headers.insert(header::COOKIE, header_value(cookies.join("; "))?);
    }
    Ok(headers)
}

fn header_value(value: String) -> Result<HeaderValue, EventError> {
    HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| EventError::Malformed("header"))
}

/// A body that is not as long as was announced came damaged, and must not pass for whole.
fn payload(body: Bytes, headers: &mut HeaderMap) -> Payload {
    // How the client's connection framed the body says nothing about the event.
    headers.remove(header::TRANSFER_ENCODING);
    let announced = headers.get(header::CONTENT_LENGTH).map(|value| value.to_str().ok().and_then(|it| it.parse().ok()));
    if announced.is_none() && !body.is_empty() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    if announced.is_none_or(|length| length == Some(body.len())) {
        return Payload::from(body);
    }
    Payload::Stream { payload: Box::pin(stream::iter([Ok(body), Err(PayloadError::Incomplete(None))])) }
}

/// The path behind the stage's name, which is a part of it unless the stage is the default one.
fn without_stage<'p>(path: &'p str, stage: &str) -> &'p str {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match rest {
        Some(rest) if !stage.is_empty() && stage != DEFAULT_STAGE && (rest.is_empty() || rest.starts_with('/')) => rest,
        _ => path,
    }
}

fn uri(path: &str, query: &str) -> Result<Uri, EventError> {
    let path = if path.is_empty() { "/" } else { path };
    let mut target = escaped(path, |byte| byte != b'?');
    if !query.is_empty() {
        target.push('?');
        target.push_str(&escaped(query, |_| true));
    }
    if !target.starts_with('/') {
        return Err(EventError::Malformed("path"));
    }
    PathAndQuery::from_maybe_shared(Bytes::from(target)).map(Uri::from).map_err(|_| EventError::Malformed("path"))
}

/// Escapes what cannot stand in a URI; what is escaped already stays as it came.
///
/// Function URLs pass the path on as they got it, HTTP APIs decode it.
fn escaped(text: &str, may_stand: impl Fn(u8) -> bool) -> String {
    let bytes = text.as_bytes();
    let mut escaped = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let stands = match byte {
            b'%' => bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            b'"' | b'#' | b'<' | b'>' | b'`' => false,
            _ => byte.is_ascii_graphic() && may_stand(byte),
        };
        if stands {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
