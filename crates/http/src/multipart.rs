//! Uploads as `multipart/form-data` (RFC 7578), as browsers' forms and `curl -F` send them.
//!
//! The recording is the part with a file name; `name` and `recorded_at` may come before it as text.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tapebase_domain::{
    blob::{BodyError, ByteStream},
    recording::RecordingName,
    upload::NewRecording,
};

use crate::{
    body::{self, Incoming},
    digests, names,
    problem::{Problem, ProblemKind},
    upload,
};

/// The longest text part.
const TEXT_BYTES: usize = 16 << 10;
/// How many parts may come before the recording.
const PARTS: usize = 16;

/// What the text parts before the recording say.
#[derive(Default)]
struct Texts {
    name: Option<RecordingName>,
    recorded_at: Option<DateTime<FixedOffset>>,
}

/// Reads up to the recording's first byte.
pub async fn announced(
    request: &HttpRequest,
    incoming: Incoming,
) -> Result<(NewRecording, ByteStream<BodyError>), Problem> {
    if digests::announced(request.headers())?.is_some() {
        let detail = "Send the digest of the recording as a header of its part: here it would be that of the form.";
        return Err(Problem::new(ProblemKind::InvalidParameter, detail));
    }
    let mut texts = Texts {
        name: upload::name_in_query(request)?,
        recorded_at: upload::recorded_at_in_headers(request.headers())?,
    };
    let mut parts = Multipart::new(request.headers(), incoming.paced());
    for _ in 0..PARTS {
        let Some(mut part) = parts.try_next().await.map_err(|error| broken(&error))? else { break };
        if part.content_disposition().is_some_and(|disposition| disposition.get_filename().is_some()) {
            return Ok((describe(&part, texts)?, body::pump(content(part, parts))));
        }
        let text = read_text(&mut part).await?;
        match part.name() {
            Some("name") if texts.name.is_none() => texts.name = Some(RecordingName::parse(text)?),
            Some("recorded_at") => texts.recorded_at = Some(upload::recorded_at(Some(&text))?),
            _ => {}
        }
    }
    Err(Problem::new(
        ProblemKind::InvalidBody,
        "Send the recording as a part with a file name, like curl -F file=@PATH.",
    ))
}

fn describe(part: &Field, texts: Texts) -> Result<NewRecording, Problem> {
    let malformed = || Problem::new(ProblemKind::InvalidBody, "The part's Content-Disposition is malformed.");
    let disposition = part.content_disposition().ok_or_else(malformed)?;
    upload::refuse_encodings(part.headers())?;
    Ok(NewRecording {
        id: None,
        name: match texts.name {
            Some(name) => Some(name),
            None => names::from_disposition(disposition, malformed)?,
        },
        media_type: upload::media_type(part.headers())?,
        recorded_at: texts.recorded_at,
        sha256: digests::announced(part.headers())?,
        size: None,
    })
}

/// The recording's bytes. Its end counts only once the whole form has ended, without another part.
fn content(part: Field, parts: Multipart) -> impl Stream<Item = Result<Bytes, BodyError>> {
    let rest = stream::once(async move {
        let mut parts = parts;
        match parts.try_next().await {
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(_)) => Err(BodyError::Malformed),
            Err(error) => Err(body_error(&error)),
        }
    });
    part.map_err(|error| body_error(&error)).chain(rest)
}

async fn read_text(part: &mut Field) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = part.try_next().await.map_err(|error| broken(&error))? {
        if text.len() + piece.len() > TEXT_BYTES {
            return Err(Problem::new(ProblemKind::TooLarge, format!("A text part has at most {TEXT_BYTES} bytes.")));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| Problem::new(ProblemKind::InvalidBody, "Send text parts in UTF-8."))
}

fn body_error(error: &MultipartError) -> BodyError {
    match error {
        MultipartError::Payload(error) => body::body_error(error),
        MultipartError::Incomplete => BodyError::Incomplete,
        _ => BodyError::Malformed,
    }
}

fn broken(error: &MultipartError) -> Problem {
    match body_error(error) {
        BodyError::Malformed => Problem::new(ProblemKind::InvalidBody, format!("The form is malformed: {error}.")),
        other => other.into(),
    }
}
