//! Uploads as `multipart/form-data` (RFC 7578), as browsers' forms and `curl -F` send them.
//!
//! The recording is the part with a file name; what is said of it may come before it as text.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    HttpRequest,
    error::ParseError,
    http::header::{self, ContentDisposition, DispositionType, HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use multer::{Field, Multipart};
use tapebase_api::Slug;
use tapebase_domain::{
    blob::{BodyError, ByteStream},
    details::NewDetails,
    upload::NewRecording,
};

use crate::{body::Incoming, details, digests, names, problem::Problem, upload};

/// The longest text part.
const TEXT_BYTES: usize = 16 << 10;
/// How many parts may come before the recording.
const PARTS: usize = 16;

/// How much the parser may hold back while it looks for the end of a part's headers.
const HELD_BYTES: usize = 1 << 20;

/// Reads up to the recording's first byte.
pub async fn parse(
    request: &HttpRequest,
    incoming: Incoming,
) -> Result<(NewRecording, ByteStream<BodyError>), Problem> {
    upload::refuse_unstorable(request.headers())?;
    if digests::expected(request.headers())?.is_some() {
        let detail = "Send the digest of the recording as a header of its part: here it would be that of the form.";
        return Err(Problem::new(Slug::InvalidParameter, detail));
    }
    let mut said = details::in_head(request)?;
    let held = Held::default();
    let mut parts = Multipart::new(held.count(incoming.into_stream()), boundary(request)?);
    for _ in 0..PARTS {
        let Some(mut part) = parts.next_field().await.map_err(|error| refusal(&error))? else { break };
        let headers = headers(&part);
        let disposition = headers.get(header::CONTENT_DISPOSITION).map(ContentDisposition::from_raw);
        let Some(Ok(disposition)) = disposition.filter(is_form_data) else {
            return Err(malformed("a part is not Content-Disposition: form-data"));
        };
        if has_file(&disposition) {
            return Ok((describe(&headers, &disposition, said)?, Box::pin(content(part, parts, held))));
        }
        let text = read_text(&mut part).await?;
        held.clear();
        if let Some(field) = disposition.get_name() {
            details::add_field(&mut said, field, text)?;
        }
    }
    Err(Problem::new(Slug::InvalidBody, "Send the recording as a part with a file name, like curl -F file=@PATH."))
}

fn boundary(request: &HttpRequest) -> Result<String, Problem> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match multer::parse_boundary(value.unwrap_or_default()) {
        Ok(boundary) if !boundary.is_empty() => Ok(boundary),
        Ok(_) => Err(malformed("its boundary is empty")),
        Err(error) => Err(malformed(error)),
    }
}

fn is_form_data(disposition: &Result<ContentDisposition, ParseError>) -> bool {
    disposition.as_ref().is_ok_and(|disposition| disposition.disposition == DispositionType::FormData)
}

/// The part's headers in actix's types.
fn headers(part: &Field<'_>) -> HeaderMap {
    let headers = part.headers().iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    headers.collect()
}

/// Where nobody chose a file, browsers send an empty one without a name.
fn has_file(disposition: &ContentDisposition) -> bool {
    disposition.get_filename().is_some_and(|name| !name.is_empty()) || disposition.get_filename_ext().is_some()
}

fn describe(headers: &HeaderMap, disposition: &ContentDisposition, said: NewDetails) -> Result<NewRecording, Problem> {
    upload::refuse_unstorable(headers)?;
    let name = match said.name {
        Some(name) => Some(name),
        None => names::in_form(disposition)?.map_or_else(|| names::from_headers(headers), |name| Ok(Some(name)))?,
    };
    let details = NewDetails { name, media_type: details::media_type(headers)?, ..said };
    Ok(NewRecording { id: None, details, again: false, sha256: digests::expected(headers)?, size: None })
}

/// The recording's bytes. Its end counts only once the whole form has ended, without another part.
fn content(
    part: Field<'static>,
    mut parts: Multipart<'static>,
    held: Held,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
    let rest = stream::once(async move {
        match parts.next_field().await {
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(_)) => Err(BodyError::Malformed),
            Err(error) => Err(body_error(&error)),
        }
    });
    part.map_err(|error| body_error(&error)).inspect(move |_| held.clear()).chain(rest)
}

/// Counts what went into the parser since something came out: it has no limit of its own.
#[derive(Clone, Default)]
struct Held(Arc<AtomicUsize>);

impl Held {
    fn count(&self, body: ByteStream<BodyError>) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
        let Self(held) = self.clone();
        body.map(move |piece| {
            let piece = piece?;
            match held.fetch_add(piece.len(), Ordering::Relaxed) {
                ..HELD_BYTES => Ok(piece),
                _ => Err(BodyError::Malformed),
            }
        })
    }

    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

async fn read_text(part: &mut Field<'static>) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = part.try_next().await.map_err(|error| refusal(&error))? {
        if text.len() + piece.len() > TEXT_BYTES {
            return Err(Problem::new(Slug::TooLarge, format!("A text part has at most {TEXT_BYTES} bytes.")));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| Problem::new(Slug::InvalidBody, "Send text parts in UTF-8."))
}

fn body_error(error: &multer::Error) -> BodyError {
    match error {
        multer::Error::StreamReadFailed(source) => {
            source.downcast_ref::<BodyError>().copied().unwrap_or(BodyError::Incomplete)
        }
        multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteFieldData { .. } => BodyError::Incomplete,
        _ => BodyError::Malformed,
    }
}

fn refusal(error: &multer::Error) -> Problem {
    match body_error(error) {
        BodyError::Malformed => malformed(error),
        error => error.into(),
    }
}

fn malformed(what: impl std::fmt::Display) -> Problem {
    Problem::new(Slug::InvalidBody, format!("The form is malformed: {what}."))
}
