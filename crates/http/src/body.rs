//! Bodies on their way in: actix's cannot leave their thread and have no time limit; the domain's can and do.

use std::{future::Future, io, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    rt,
    web::{self, BytesMut},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::de::DeserializeOwned;
use tapebase_api::Slug;
use tapebase_domain::blob::{BodyError, ByteStream};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{HttpPolicy, problem::Problem};

/// This much must come within the time limit: a client that sends a byte now and then is not sending.
const PACE_BYTES: usize = 4 << 10;
/// Bodies whose Content-Length is no larger are passed on as one piece.
const SMALL_BODY_BYTES: u64 = 256 << 10;
/// The largest JSON body anybody needs to send here.
const JSON_BYTES: u64 = 64 << 10;
/// How many pieces of a body may wait for whoever reads it: stores have buffers of their own, more would only take
/// memory.
const PIECES: usize = 1;

/// The body of an upload, not read yet, and its length, if its head says so.
pub struct Incoming {
    payload: Payload,
    timeout: Duration,
    length: Option<u64>,
    has_length: bool,
}

impl FromRequest for Incoming {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let policy = request.app_data::<web::Data<HttpPolicy>>();
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let most = policy.and_then(|policy| policy.body_bytes).unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > most) {
            let detail = format!(
                "At most {most} bytes are taken in one request here: announce the recording at POST /v1/direct, \
                 and send it where the answer says."
            );
            return std::future::ready(Err(Problem::new(Slug::TooLarge, detail)));
        }
        std::future::ready(Ok(Self {
            payload: payload.take(),
            timeout: policy.map_or(Duration::from_secs(30), |policy| policy.body_timeout),
            length,
            has_length: length.is_some() || request.headers().contains_key(header::TRANSFER_ENCODING),
        }))
    }
}

impl Incoming {
    /// The value of `Content-Length`; `None` for a chunked body.
    ///
    /// A request with neither `Content-Length` nor `Transfer-Encoding` is refused: an app that lost the recording on
    /// the way here must not be told that it is stored.
    pub fn content_length(&self) -> Result<Option<u64>, Problem> {
        if self.has_length {
            return Ok(self.length);
        }
        Err(Problem::new(Slug::LengthRequired, "Send Content-Length, 0 for an empty recording."))
    }

    /// The body as actix has it, failing with a time-out when the client stops sending.
    pub fn paced(self) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static {
        let pace = Pace { payload: self.payload, timeout: self.timeout, waited: Duration::ZERO, received: 0 };
        // Fused, for the multipart parser asks again after the end.
        Box::pin(stream::unfold(pace, |mut pace| async move { Some((pace.next().await?, pace)) }).fuse())
    }

    /// The body as the domain takes it.
    pub fn into_stream(self) -> ByteStream<BodyError> {
        match self.length {
            Some(length @ ..=SMALL_BODY_BYTES) => whole(self.paced(), length),
            _ => pump(self.paced().map(|piece| piece.map_err(|error| body_error(&error)))),
        }
    }
}

struct Pace {
    payload: Payload,
    timeout: Duration,
    waited: Duration,
    received: usize,
}

impl Pace {
    async fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        let started = Instant::now();
        let piece = timeout(self.timeout.saturating_sub(self.waited), self.payload.next()).await;
        let Ok(piece) = piece else { return Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))) };
        // Only the client's time counts, not the time the disk takes.
        self.waited += started.elapsed();
        self.received += piece.as_ref().map_or(0, |piece| piece.as_ref().map_or(0, Bytes::len));
        if self.received >= PACE_BYTES {
            (self.received, self.waited) = (0, Duration::ZERO);
        }
        piece
    }
}

/// Why a body failed, in the domain's words.
pub fn body_error(error: &PayloadError) -> BodyError {
    match error {
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => BodyError::Stalled,
        _ => BodyError::Incomplete,
    }
}

/// The whole of a body whose Content-Length is this.
async fn collect(
    mut pieces: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    length: u64,
    limit: u64,
) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| body_error(&error))?;
        let received = (body.len() + piece.len()) as u64;
        if received > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if body.is_empty() {
            body.reserve(usize::try_from(length.min(limit)).unwrap_or_default());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Moves a small body off its thread, in one piece.
fn whole(
    pieces: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
    length: u64,
) -> ByteStream<BodyError> {
    let (sender, receiver) = oneshot::channel();
    rt::spawn(async move {
        // Whoever wanted it may have refused it.
        let _ = sender.send(collect(pieces, length, u64::MAX).await);
    });
    Box::pin(stream::once(async { receiver.await.unwrap_or(Err(BodyError::Incomplete)) }))
}

/// Moves a body off its thread, a piece ahead of whoever reads it.
///
/// The end is sent like everything else: a pump that was cut off is an incomplete body, never a short one.
fn pump(pieces: impl Stream<Item = Result<Bytes, BodyError>> + 'static) -> ByteStream<BodyError> {
    let (sender, receiver) = mpsc::channel::<Option<Result<Bytes, BodyError>>>(PIECES);
    rt::spawn(async move {
        let mut pieces = Box::pin(pieces.map(Some).chain(stream::iter([None])));
        while let Some(message) = pieces.next().await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    let body = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(Ok(bytes))) => Some((Ok(bytes), Some(receiver))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            Some(None) => None,
            None => Some((Err(BodyError::Incomplete), None)),
        }
    });
    Box::pin(body.fuse())
}

/// A JSON body, read whole and parsed.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = request.content_type().to_ascii_lowercase();
        let is_json = matches!(media_type.as_str(), "application/json" | "application/merge-patch+json");
        let incoming = Incoming::from_request(request, payload).into_inner();
        Box::pin(async move {
            if !is_json {
                let detail = "Send the body with Content-Type: application/json.";
                return Err(Problem::new(Slug::UnsupportedMediaType, detail));
            }
            let incoming = incoming?;
            let length = incoming.length.unwrap_or_default();
            let body = collect(incoming.paced(), length, JSON_BYTES).await?;
            // .NET and Windows PowerShell put a mark in front that means nothing (RFC 8259 section 8.1).
            let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body);
            // A list is no object, though it could be read into one field by field.
            if body.trim_ascii_start().first() != Some(&b'{') {
                return Err(Problem::new(Slug::InvalidBody, "Send a JSON object."));
            }
            match serde_json::from_slice(body) {
                Ok(body) => Ok(Self(body)),
                Err(error) => Err(Problem::new(Slug::InvalidBody, format!("The JSON does not fit: {error}."))),
            }
        })
    }
}
