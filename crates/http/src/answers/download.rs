//! Answers with audio: whole, in part, in several parts, or not at all (RFC 9110 sections 13 and 14).

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::{
        Method, StatusCode,
        header::{self, ByteRangeSpec, HeaderValue, Range},
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tapebase_api::Slug;
use tapebase_domain::{
    blob::{self, ByteRange, ByteStream},
    list::List,
    memory::{Grant, Purpose},
    playback::Disposition,
    ports::{BlobError, Presentation, causes},
    recording::Recording,
};
use utoipa::{IntoParams, IntoResponses};

use crate::{
    answers::{
        caching::{self, NO_STORE, REVALIDATE},
        problem::Problem,
    },
    memory,
    requests::{
        conditions::{self, Read},
        digests, names,
    },
};

/// How much of an answer is in memory at most: stores read no more at once.
const HELD_BYTES: u64 = 256 << 10;
/// More ranges than this in one request are an attack, or a misunderstanding: the whole is sent.
const MAX_RANGES: usize = 16;

/// What whoever plays may ask with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "headers are read where they matter, and only described here")]
#[expect(clippy::doc_markdown, reason = "what is said of them is shown as it is")]
pub struct PlayingHeaders {
    /// The bytes to return, as `bytes=0-65535`
    #[param(rename = "Range")]
    range: Option<String>,
    /// Only return a range if the audio has this ETag
    #[param(rename = "If-Range")]
    if_range: Option<String>,
    /// ETags the client has
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
    /// ETags, one of which the audio must have
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// What they are answered.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "answers are made below, and only described here")]
pub enum PlayingAnswers {
    /// The audio
    #[response(status = 200, content_type = "*/*", headers(
        ("ETag" = String, description = "The audio's SHA-256"),
        ("Repr-Digest" = String, description = "The audio's SHA-256 (RFC 9530)"),
        ("Content-Disposition" = String, description = "The recording's name"),
        ("Accept-Ranges" = String, description = "`bytes`"),
    ))]
    Whole(String),
    /// The requested range of the audio
    #[response(status = 206, content_type = "*/*")]
    Part(String),
    /// The client's version is current (If-None-Match)
    #[response(status = 304)]
    NotModified,
    /// The precondition in If-Match failed
    #[response(status = 412)]
    PreconditionFailed,
    /// The range lies beyond the end
    #[response(status = 416)]
    RangeNotSatisfiable,
}

/// What is played, and how.
#[derive(Clone, Copy)]
pub struct Audio<'a> {
    /// What is known of it.
    pub recording: &'a Recording,
    /// What becomes of it in a browser.
    pub disposition: Disposition,
}

impl<'a> Audio<'a> {
    /// As an attachment: a browser that goes there saves it.
    pub const fn download(recording: &'a Recording) -> Self {
        Self { recording, disposition: Disposition::Attachment }
    }

    fn content_disposition(self) -> String {
        names::content_disposition(self.disposition, &self.recording.details.name)
    }
}

/// Answers a GET or HEAD for the bytes of a recording, or sends the client to where they are.
pub async fn answer_or_redirect(request: &HttpRequest, list: &List, audio: Audio<'_>) -> Result<HttpResponse, Problem> {
    let is_proceeding = conditions::weigh_audio(request, &conditions::audio_tag(audio.recording))? == Read::Proceed;
    if is_proceeding
        && request.method() == Method::GET
        && let Some(elsewhere) = redirect(list, audio).await?
    {
        return Ok(elsewhere);
    }
    answer(request, list, audio).await
}

/// Answers a GET or HEAD for the bytes of a recording.
pub async fn answer(request: &HttpRequest, list: &List, audio: Audio<'_>) -> Result<HttpResponse, Problem> {
    let tag = conditions::audio_tag(audio.recording);
    if conditions::weigh_audio(request, &tag)? == Read::NotModified {
        // It may have been renamed since: a 304 brings what is stored up to date (RFC 9110 section 15.4.5).
        let name = (header::CONTENT_DISPOSITION, audio.content_disposition());
        return Ok(caching::not_modified(&tag).insert_header(name).finish());
    }
    let is_head = request.method() == Method::HEAD;
    let ranges = if is_head || !conditions::range_applies(request, &tag) {
        None
    } else {
        requested_ranges(request, audio.recording.size)
    };
    match ranges {
        None if is_head => head_alone(list, audio).await,
        None => whole(request, list, audio).await,
        Some(ranges) if ranges.is_empty() => {
            Err(Problem::new(Slug::RangeNotSatisfiable, format!("It has {} bytes.", audio.recording.size))
                .with_header(header::CONTENT_RANGE, format!("bytes */{}", audio.recording.size)))
        }
        Some(ranges) if ranges.len() == 1 => part(request, list, audio, ranges[0]).await,
        Some(ranges) => parts(request, list, audio, ranges).await,
    }
}

/// Sends the client to where the audio is, if it is to be had there; ranges are that store's business then.
async fn redirect(list: &List, audio: Audio<'_>) -> Result<Option<HttpResponse>, Problem> {
    let presentation = Presentation {
        content_type: audio.recording.media_type.to_string(),
        content_disposition: audio.content_disposition(),
    };
    let Some(link) = list.link(audio.recording, presentation).await? else { return Ok(None) };
    let mut response = head(StatusCode::TEMPORARY_REDIRECT, audio);
    // The link expires: nothing may be made of it later.
    Ok(Some(response.insert_header((header::LOCATION, link)).insert_header(NO_STORE).finish()))
}

/// The satisfiable ranges of the request; `None` if there are no ranges to heed.
fn requested_ranges(request: &HttpRequest, size: u64) -> Option<Vec<ByteRange>> {
    let value = request.headers().get(header::RANGE)?.to_str().ok()?;
    let Ok(Range::Bytes(specs)) = value.parse() else { return None };
    // One malformed range spoils them all; the parser drops it silently.
    let sent = value.split(',').filter(|spec| !spec.trim().is_empty()).count();
    let is_backwards = |spec: &ByteRangeSpec| matches!(spec, ByteRangeSpec::FromTo(from, to) if from > to);
    if specs.len() != sent || sent > MAX_RANGES || specs.iter().any(is_backwards) {
        return None;
    }
    let satisfiable = specs.iter().filter_map(|spec| spec.to_satisfiable_range(size));
    let ranges: Vec<ByteRange> =
        satisfiable.map(|(first, last)| ByteRange { start: first, length: last - first + 1 }).collect();
    // Ranges that add up to more than the whole are served as the whole.
    let total = ranges.iter().fold(0_u64, |total, range| total.saturating_add(range.length));
    if ranges.len() > 1 && total > size { None } else { Some(ranges) }
}

/// The length is announced, and nothing sent.
async fn head_alone(list: &List, audio: Audio<'_>) -> Result<HttpResponse, Problem> {
    list.look(audio.recording).await?;
    Ok(all_of(audio, stream::empty()))
}

async fn whole(request: &HttpRequest, list: &List, audio: Audio<'_>) -> Result<HttpResponse, Problem> {
    let memory = memory_for(request, audio.recording, audio.recording.size).await?;
    let body = list.play(audio.recording, ByteRange::whole(audio.recording.size)).await?;
    Ok(all_of(audio, sent(audio.recording, body, memory)))
}

fn all_of(audio: Audio<'_>, body: impl Stream<Item = Result<Bytes, BlobError>> + Unpin + 'static) -> HttpResponse {
    let mut response = head(StatusCode::OK, audio);
    response.insert_header((header::CONTENT_TYPE, audio.recording.media_type.as_str()));
    response.body(SizedStream::new(audio.recording.size, body))
}

async fn part(request: &HttpRequest, list: &List, audio: Audio<'_>, range: ByteRange) -> Result<HttpResponse, Problem> {
    let memory = memory_for(request, audio.recording, range.length).await?;
    let body = list.play(audio.recording, range).await?;
    let mut response = head(StatusCode::PARTIAL_CONTENT, audio);
    response.insert_header((header::CONTENT_TYPE, audio.recording.media_type.as_str()));
    response.insert_header((header::CONTENT_RANGE, content_range(range, audio.recording.size)));
    Ok(response.body(SizedStream::new(range.length, sent(audio.recording, body, memory))))
}

/// `multipart/byteranges` (RFC 9110 section 14.6). Each range is opened when it is its turn, but for the
/// first: a recording that is gone is not to be found out after the head.
async fn parts(
    request: &HttpRequest,
    list: &List,
    audio: Audio<'_>,
    ranges: Vec<ByteRange>,
) -> Result<HttpResponse, Problem> {
    let memory = memory_for(request, audio.recording, audio.recording.size).await?;
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let separator = |range: ByteRange| {
        let content_range = content_range(range, audio.recording.size);
        format!(
            "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Range: {content_range}\r\n\r\n",
            audio.recording.media_type
        )
    };
    let parts: Vec<(ByteRange, Bytes)> = ranges.into_iter().map(|range| (range, separator(range).into())).collect();
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let length = parts.iter().map(|(range, separator)| range.length + separator.len() as u64).sum::<u64>();
    let length = length + end.len() as u64;

    let mut first = Some(list.play(audio.recording, parts[0].0).await?);
    let (list, recording_to_play) = (list.clone(), audio.recording.clone());
    let bodies = stream::iter(parts).then(move |(range, separator)| {
        let (list, recording, first) = (list.clone(), recording_to_play.clone(), first.take());
        async move {
            let bytes = match first {
                Some(bytes) => bytes,
                None => list.play(&recording, range).await.map_err(|error| BlobError::Unavailable(error.into()))?,
            };
            Ok::<_, BlobError>(blob::once(separator).chain(bytes))
        }
    });
    let body = Box::pin(bodies.try_flatten().chain(blob::once(end)));
    let mut response = head(StatusCode::PARTIAL_CONTENT, audio);
    response.insert_header((header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}")));
    Ok(response.body(SizedStream::new(length, sent(audio.recording, body, memory))))
}

/// The headers every answer with audio has.
fn head(status: StatusCode, audio: Audio<'_>) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ETAG, conditions::audio_tag(audio.recording).to_string()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((digests::REPR_DIGEST, digests::field(audio.recording.sha256)))
        .insert_header((header::CONTENT_DISPOSITION, audio.content_disposition()))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")))
        .insert_header(REVALIDATE);
    response
}

fn content_range(range: ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end() - 1)
}

/// Memory for an answer with so many bytes of a recording.
async fn memory_for(request: &HttpRequest, recording: &Recording, length: u64) -> Result<Grant, Problem> {
    memory::grant(&memory::of(request)?, recording.owner, Purpose::Sending, length.min(HELD_BYTES)).await
}

/// A body on its way, and the memory it takes. If it fails that is logged; the client sees it end early and knows its
/// length.
fn sent(
    recording: &Recording,
    body: ByteStream<BlobError>,
    memory: Grant,
) -> impl Stream<Item = Result<Bytes, BlobError>> + Unpin + use<> {
    let id = recording.id.clone();
    body.inspect(move |piece| {
        let _held = &memory;
        if let Err(error) = piece {
            tracing::error!(recording = %id, cause = causes(error), "a download broke off");
        }
    })
}
