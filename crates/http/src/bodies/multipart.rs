//! Uploads as `multipart/form-data` (RFC 7578), as browsers' forms and `curl -F` send them.
//!
//! The recording is the part with a file name, or else of a type that is not text; what is said of it may come as text,
//! before it or behind it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use multer::{Field, Multipart};
use tapebase_api::Slug;
use tapebase_domain::{
    blob::{BodyError, ByteStream},
    details::{LateDetails, NewDetails},
    id::UserId,
    media_type::MediaType,
    recording::RecordingName,
    upload::NewRecording,
};

use crate::{
    answers::problem::Problem,
    bodies::{
        incoming::{Admitted, Incoming},
        upload,
    },
    requests::{details, digests, disposition::Disposition, names},
};

/// The longest text part.
const TEXT_BYTES: usize = 16 << 10;
/// How many parts may come before the recording, and how many behind it.
const PARTS: usize = 16;
/// Types of fields. Some libraries give each a type, and others write all that is no file as JSON.
const TEXTS: [&[u8]; 3] = [b"text/", b"application/json", b"application/x-www-form-urlencoded"];

/// How much the parser may hold back while it looks for the end of a part's headers.
const HELD_BYTES: usize = 256 << 10;

/// Reads up to the recording's first byte.
pub async fn parse(
    request: &HttpRequest,
    owner: UserId,
    incoming: Incoming,
) -> Result<(NewRecording, Admitted), Problem> {
    upload::refuse_unstorable(request.headers())?;
    if digests::expected(request.headers())?.is_some() {
        let detail = "Send the digest of the recording as a header of its part: here it would be that of the form.";
        return Err(Problem::new(Slug::InvalidParameter, detail));
    }
    let mut said = Said { head: details::in_head(request)?, fields: NewDetails::of_type(MediaType::octet_stream()) };
    let (held, boundary) = (Held::default(), boundary(request)?);
    let Admitted { body, memory } = incoming.admit(owner, HELD_BYTES as u64).await?;
    let mut parts = Multipart::new(held.count(body), boundary);
    for _ in 0..PARTS {
        let Some(mut part) = parts.next_field().await.map_err(|error| refusal(&error))? else { break };
        match Part::read(&mut part).await? {
            Part::Recording { headers, disposition, first } => {
                let new = describe(&headers, &disposition, &said)?;
                let file = new.details.clone();
                let rest = rest(parts, held.clone(), said, file, new.late.clone());
                let body = Box::pin(content(first, part, held).chain(rest));
                return Ok((new, Admitted { body, memory }));
            }
            Part::Field { name, text } => said.add(&name, &text)?,
            Part::Nothing => {}
        }
        held.clear();
    }
    Err(Problem::new(Slug::InvalidBody, "Send the recording as a part with a file name, like curl -F file=@PATH."))
}

/// A part, read as far as it takes to tell what it is.
enum Part {
    Recording {
        headers: HeaderMap,
        disposition: Disposition,
        first: Option<Bytes>,
    },
    Field {
        name: String,
        text: Vec<u8>,
    },
    /// Where nobody chose a file, browsers send an empty one without a name.
    Nothing,
}

impl Part {
    async fn read(part: &mut Field<'static>) -> Result<Self, Problem> {
        let headers = headers(part);
        let Some(disposition) = disposition(&headers) else {
            return Err(malformed("a part is not Content-Disposition: form-data"));
        };
        if !is_recording(&headers, &disposition) {
            let name = disposition.field().unwrap_or_default().to_owned();
            return Ok(Self::Field { name, text: read_text(part).await? });
        }
        let first = first_piece(part).await.map_err(|error| refusal(&error))?;
        let is_chosen = first.is_some() || disposition.names_file() || !disposition.has_file();
        Ok(if is_chosen { Self::Recording { headers, disposition, first } } else { Self::Nothing })
    }
}

/// The first piece of a part that has anything in it.
async fn first_piece(part: &mut Field<'static>) -> Result<Option<Bytes>, multer::Error> {
    while let Some(piece) = part.chunk().await? {
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// What is said of a recording in the head and in fields.
struct Said {
    head: NewDetails,
    fields: NewDetails,
}

impl Said {
    fn add(&mut self, field: &str, text: &[u8]) -> Result<(), Problem> {
        details::add_field(&mut self.fields, field, text)
    }

    /// All of it, of a file of this name and type.
    fn of(&self, name: Option<RecordingName>, media_type: MediaType) -> NewDetails {
        let Self { head, fields } = self;
        NewDetails {
            name: head.name.clone().or_else(|| fields.name.clone()).or(name),
            media_type,
            recorded_at: fields.recorded_at.or(head.recorded_at),
            client_duration_ms: head.client_duration_ms.or(fields.client_duration_ms),
        }
    }
}

fn boundary(request: &HttpRequest) -> Result<String, Problem> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match multer::parse_boundary(value.unwrap_or_default()) {
        Ok(boundary) if !boundary.is_empty() => Ok(boundary),
        Ok(_) => Err(malformed("its boundary is empty")),
        Err(error) => Err(malformed(error)),
    }
}

/// The part's headers in actix's types.
fn headers(part: &Field<'_>) -> HeaderMap {
    let headers = part.headers().iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    headers.collect()
}

fn disposition(headers: &HeaderMap) -> Option<Disposition> {
    let value = headers.get(header::CONTENT_DISPOSITION)?;
    Some(Disposition::parse(value.as_bytes())).filter(Disposition::is_form_data)
}

/// Whether a part is the recording. Its file name may be missing (RFC 7578 section 4.2); its type tells it from the
/// fields then, some of which have one, too.
fn is_recording(headers: &HeaderMap, disposition: &Disposition) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let is_typed = media_type
        .is_some_and(|media_type| !media_type.is_empty() && !TEXTS.iter().any(|text| media_type.starts_with(text)));
    disposition.has_file() || (is_typed && !disposition.field().is_some_and(details::is_field))
}

fn describe(headers: &HeaderMap, disposition: &Disposition, said: &Said) -> Result<NewRecording, Problem> {
    upload::refuse_unstorable(headers)?;
    let details = said.of(names::of_file(disposition), details::media_type(headers)?);
    Ok(NewRecording { sha256: digests::expected(headers)?, ..NewRecording::of(details) })
}

/// The recording's bytes.
fn content(
    first: Option<Bytes>,
    part: Field<'static>,
    held: Held,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
    let bytes = stream::iter(first.map(Ok)).chain(part.map_err(|error| body_error(&error)));
    bytes.inspect(move |_| held.clear())
}

/// What comes behind the recording, which yields nothing: its end counts only once the whole form has ended. Fields may
/// say what nothing has said before; another file would be lost in silence.
fn rest(
    mut parts: Multipart<'static>,
    held: Held,
    mut said: Said,
    file: NewDetails,
    late: LateDetails,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
    stream::once(async move {
        for _ in 0..PARTS {
            let Some(mut part) = parts.next_field().await.map_err(|error| body_error(&error))? else {
                late.say(said.of(file.name, file.media_type));
                return Ok(Bytes::new());
            };
            match Part::read(&mut part).await {
                Ok(Part::Field { name, text }) => said.add(&name, &text).map_err(|_| BodyError::Malformed)?,
                Ok(Part::Nothing) => {}
                Err(problem) if problem.slug() == Slug::IncompleteBody => return Err(BodyError::Incomplete),
                Err(problem) if problem.slug() == Slug::BodyTimeout => return Err(BodyError::Stalled),
                Ok(Part::Recording { .. }) | Err(_) => return Err(BodyError::Malformed),
            }
            held.clear();
        }
        Err(BodyError::Malformed)
    })
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

async fn read_text(part: &mut Field<'static>) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = part.try_next().await.map_err(|error| refusal(&error))? {
        if text.len() + piece.len() > TEXT_BYTES {
            return Err(Problem::new(Slug::TooLarge, format!("A text part has at most {TEXT_BYTES} bytes.")));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
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
