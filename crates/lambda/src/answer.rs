//! What Lambda is answered: the app's response in the form of the event.

use std::collections::{BTreeMap, HashMap};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody as _},
    http::{StatusCode, header},
};
use data_encoding::BASE64;
use lambda_runtime::{FunctionResponse, MetadataPrelude, StreamResponse};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    pieces::{Abort, CollectError, Pieces, collect, pump},
    problem::{self, Problem},
};

/// The most bytes Lambda takes as an answer in one piece: 6 MB of JSON, base64 and all.
const ANSWER_BYTES: usize = 6 << 20;

/// How an answer is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In payload format 1.0, which load balancers have, too: with a list of values for each header, or with one value.
    First {
        /// Whether there are lists.
        has_lists: bool,
        /// Whether it goes to a load balancer, which alone takes the status in words.
        is_balanced: bool,
    },
    /// In payload format 2.0.
    Second,
}

/// An answer as the runtime sends it.
pub type Answer = FunctionResponse<Box<RawValue>, Pieces>;

/// Why an answer cannot be written down.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is no JSON.
    #[error("the answer does not fit into JSON")]
    Json(#[from] serde_json::Error),
    /// Its head is no HTTP.
    #[error("the answer's head is malformed")]
    Head(#[from] http::Error),
}

/// Answers in one piece; a body too large for that is refused, with a problem that says so.
pub async fn whole(response: HttpResponse, is_head: bool, form: Form) -> Result<Answer, AnswerError> {
    let head = Head::of(&response);
    let mut request_id = response.headers().get(problem::X_REQUEST_ID).cloned();
    let body = if is_head { BoxBody::new(()) } else { response.into_body() };
    // Base64 makes four bytes of three.
    let limit = if head.is_text() { ANSWER_BYTES } else { ANSWER_BYTES / 4 * 3 };
    let problem = match collect(body, limit).await {
        Ok(body) => {
            let answer = head.with_body(&body, form)?;
            if answer.get().len() <= ANSWER_BYTES {
                return Ok(Answer::BufferedResponse(answer));
            }
            Problem::TooLarge
        }
        Err(CollectError::TooLarge) => Problem::TooLarge,
        Err(CollectError::Broken(error)) => {
            tracing::error!(cause = %error, "an answer broke off");
            Problem::Broken
        }
    };
    let refusal = problem.response(request_id.take());
    let (head, body) = (Head::of(&refusal), refusal.into_body());
    Ok(Answer::BufferedResponse(head.with_body(&body.try_into_bytes().unwrap_or_default(), form)?))
}

/// Answers piece by piece; `abort` is told of a body that fails when its head has long been sent.
pub fn streamed(response: HttpResponse, is_head: bool, abort: &Abort) -> Result<Answer, AnswerError> {
    let metadata_prelude = Head::of(&response).into_prelude()?;
    let body = if is_head { BoxBody::new(()) } else { response.into_body() };
    Ok(Answer::StreamingResponse(StreamResponse { metadata_prelude, stream: pump(body, abort) }))
}

/// Everything of an answer but its body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    status_code: u16,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
}

/// The same in payload format 1.0.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstHead {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(flatten)]
    lines: Lines,
}

/// Lines of the head.
#[derive(Serialize)]
enum Lines {
    #[serde(rename = "headers")]
    Values(BTreeMap<String, String>),
    #[serde(rename = "multiValueHeaders")]
    Lists(BTreeMap<String, Vec<String>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, H> {
    #[serde(flatten)]
    head: H,
    body: &'a str,
    is_base64_encoded: bool,
}

impl Head {
    /// Lines of one name become one line, but for cookies, which have commas of their own.
    fn of(response: &HttpResponse) -> Self {
        let (mut headers, mut cookies) = (BTreeMap::<String, String>::new(), Vec::new());
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            if name == header::SET_COOKIE {
                cookies.push(value.into_owned());
                continue;
            }
            let line = headers.entry(name.as_str().to_owned()).or_default();
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(&value);
        }
        let status = response.status();
        let has_length = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let BodySize::Sized(length) = response.body().size()
            && has_length
        {
            // Of HEAD too: it is what GET would send.
            headers.insert(header::CONTENT_LENGTH.as_str().to_owned(), length.to_string());
        }
        Self { status_code: status.as_u16(), headers, cookies }
    }

    /// Whether the body is said to be text.
    fn is_text(&self) -> bool {
        let Some(media_type) = self.headers.get(header::CONTENT_TYPE.as_str()) else { return false };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        essence.starts_with("text/") || essence == "application/json" || essence.ends_with("+json")
    }

    fn with_body(self, body: &[u8], form: Form) -> Result<Box<RawValue>, serde_json::Error> {
        let text = if self.is_text() || body.is_empty() { std::str::from_utf8(body).ok() } else { None };
        let encoded = if text.is_none() { BASE64.encode(body) } else { String::new() };
        let (body, is_base64_encoded) = (text.unwrap_or(&encoded), text.is_none());
        match form {
            Form::First { has_lists, is_balanced } => {
                to_raw_value(&Whole { head: self.into_first(has_lists, is_balanced), body, is_base64_encoded })
            }
            Form::Second => to_raw_value(&Whole { head: self, body, is_base64_encoded }),
        }
    }

    /// Without lists there can be one cookie.
    fn into_first(self, has_lists: bool, is_balanced: bool) -> FirstHead {
        let Self { status_code, mut headers, cookies } = self;
        let reason = StatusCode::from_u16(status_code).ok().and_then(|status| status.canonical_reason());
        let cookie = header::SET_COOKIE.as_str().to_owned();
        let lines = if has_lists {
            let mut lists: BTreeMap<_, _> = headers.into_iter().map(|(name, value)| (name, vec![value])).collect();
            if !cookies.is_empty() {
                lists.insert(cookie, cookies);
            }
            Lines::Lists(lists)
        } else {
            headers.extend(cookies.into_iter().next().map(|first| (cookie, first)));
            Lines::Values(headers)
        };
        let status_description = is_balanced.then(|| format!("{status_code} {}", reason.unwrap_or_default()));
        FirstHead { status_code, status_description, lines }
    }

    fn into_prelude(self) -> Result<MetadataPrelude, http::Error> {
        let status_code = http::StatusCode::from_u16(self.status_code)?;
        let headers: HashMap<String, String> = self.headers.into_iter().collect();
        Ok(MetadataPrelude { status_code, headers: http::HeaderMap::try_from(&headers)?, cookies: self.cookies })
    }
}

#[cfg(test)]
mod tests;
