//! Bodies on their way in: actix's cannot leave their thread and have no time limit; the domain's can and do.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    rt,
    web::{self, BytesMut},
};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _, TryStreamExt as _,
    future::{Either, select},
    stream,
};
use serde::de::DeserializeOwned;
use tapebase_api::Slug;
use tapebase_domain::{
    blob::{BodyError, ByteStream, Pieces},
    id::UserId,
    memory::{Budget, Grant, Purpose},
    ports::Ports,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{HttpPolicy, answers::problem::Problem, memory};

/// This much must come within the time limit: a client that sends a byte now and then is not sending.
const PACE_BYTES: usize = 4 << 10;
/// How many bytes of a body must come in a second, from its beginning on, while others wait for the memory it holds.
const SLOWEST: u64 = 2_000;
/// How much longer a body may take then: what begins, or changes networks, is not slow.
const HEAD_START: Duration = Duration::from_secs(5);
/// How often it is looked whether others wait.
const GLANCE: Duration = Duration::from_secs(1);
/// Bodies whose Content-Length is no larger are passed on at once.
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
    ports: Option<web::Data<Ports>>,
}

/// A body that may be read, and the memory for it, which is to be held until all of it is stored.
pub struct Admitted {
    pub body: ByteStream<BodyError>,
    pub memory: Grant,
}

impl FromRequest for Incoming {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let policy = request.app_data::<web::Data<HttpPolicy>>();
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let most = policy.and_then(|policy| policy.body_bytes).unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > most) {
            let detail = format!("The maximum in one request is {most} bytes: use POST /v1/direct.");
            return std::future::ready(Err(Problem::new(Slug::TooLarge, detail)));
        }
        std::future::ready(Ok(Self {
            payload: payload.take(),
            timeout: policy.map_or(Duration::from_secs(30), |policy| policy.body_timeout),
            length,
            has_length: length.is_some() || request.headers().contains_key(header::TRANSFER_ENCODING),
            ports: request.app_data().cloned(),
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

    /// The body, once `user` has the memory for it that the store takes and `more`; nothing of it is read before.
    pub async fn admit(self, user: UserId, more: u64) -> Result<Admitted, Problem> {
        let ports = self.ports.clone().ok_or_else(|| Problem::internal("the app has no ports"))?;
        let bytes = ports.blobs.footprint(self.length) + more;
        let memory = memory::grant(&ports.memory, user, Purpose::Receiving, bytes).await?;
        let length = self.length;
        let pieces = self.paced(Some(ports.memory.clone()));
        let body = match length {
            Some(..=SMALL_BODY_BYTES) => whole(pieces),
            _ => pump(pieces.map(|piece| piece.map_err(|error| body_error(&error)))),
        };
        Ok(Admitted { body, memory })
    }

    /// The body as actix has it, failing with a time-out when the client stops sending, or is slow and others wait for
    /// the `memory` it holds.
    fn paced(self, memory: Option<Budget>) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static {
        let pace = Pace::new(self.payload, self.timeout, memory);
        // Fused, for the multipart parser asks again after the end.
        Box::pin(stream::unfold(pace, |mut pace| async move { Some((pace.next().await?, pace)) }).fuse())
    }
}

/// A body, and how fast it comes. Only the client's time counts, not the time the disk takes.
struct Pace {
    payload: Payload,
    timeout: Duration,
    memory: Option<Budget>,
    /// Since the last few bytes.
    waited: Duration,
    received: usize,
    /// Since the first.
    waited_in_all: Duration,
    received_in_all: u64,
}

impl Pace {
    fn new(payload: Payload, timeout: Duration, memory: Option<Budget>) -> Self {
        let (waited, waited_in_all) = (Duration::ZERO, Duration::ZERO);
        Self { payload, timeout, memory, waited, received: 0, waited_in_all, received_in_all: 0 }
    }

    async fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        let piece = loop {
            let (patience, started) = (self.patience(), Instant::now());
            let piece = timeout(patience.min(GLANCE), self.payload.next()).await;
            self.waited += started.elapsed();
            self.waited_in_all += started.elapsed();
            match piece {
                Ok(piece) => break piece?,
                Err(_) if patience.is_zero() => return Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))),
                Err(_) => {}
            }
        };
        let length = piece.as_ref().map_or(0, Bytes::len);
        self.received_in_all += length as u64;
        self.received += length;
        if self.received >= PACE_BYTES {
            (self.received, self.waited) = (0, Duration::ZERO);
        }
        Some(piece)
    }

    /// For how long the next bytes are waited for.
    fn patience(&self) -> Duration {
        let patience = self.timeout.saturating_sub(self.waited);
        if !self.memory.as_ref().is_some_and(Budget::is_short) {
            return patience;
        }
        let due = HEAD_START + Duration::from_millis(self.received_in_all.saturating_mul(1_000) / SLOWEST);
        patience.min(due.saturating_sub(self.waited_in_all))
    }
}

/// Why a body failed, in the domain's words.
pub fn body_error(error: &PayloadError) -> BodyError {
    match error {
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => BodyError::Stalled,
        _ => BodyError::Incomplete,
    }
}

/// The pieces of a body, once all of them are here.
async fn gather(mut body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin) -> Result<Vec<Bytes>, BodyError> {
    let mut pieces = Pieces::default();
    while let Some(piece) = body.next().await {
        pieces.push(piece.map_err(|error| body_error(&error))?);
    }
    Ok(pieces.finish())
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

/// Moves a small body off its thread, all of it at once.
fn whole(body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static) -> ByteStream<BodyError> {
    let (mut sender, receiver) = oneshot::channel();
    rt::spawn(async move {
        let gathered = match select(pin!(gather(body)), pin!(sender.closed())).await {
            Either::Left((gathered, _)) => gathered,
            // Whoever wanted it has refused it: what is left is not for here to read, nor to keep.
            Either::Right(_) => return,
        };
        let _ = sender.send(gathered);
    });
    let pieces =
        async { receiver.await.unwrap_or(Err(BodyError::Incomplete)).map(|pieces| stream::iter(pieces).map(Ok)) };
    Box::pin(stream::once(pieces).try_flatten())
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
            let body = collect(incoming.paced(None), length, JSON_BYTES).await?;
            // .NET and Windows PowerShell put a mark in front that means nothing (RFC 8259 section 8.1).
            let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body);
            // A list is no object, though it could be read into one field by field.
            if body.trim_ascii_start().first() != Some(&b'{') {
                return Err(Problem::new(Slug::InvalidBody, "Send a JSON object."));
            }
            match serde_json::from_slice(body) {
                Ok(body) => Ok(Self(body)),
                Err(error) => Err(Problem::new(Slug::InvalidBody, format!("The JSON is invalid: {error}."))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tapebase_domain::time::Timestamp;
    use tokio::task::{LocalSet, yield_now};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn somebody() -> UserId {
        UserId::generate(Timestamp::UNIX_EPOCH)
    }

    /// A body of these pieces, a second before each, that never ends.
    fn paced(pieces: usize, bytes: usize, memory: &Budget) -> Pace {
        let piece = move |_| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Bytes::from(vec![0; bytes]))
        };
        let body = stream::iter(0..pieces).then(piece).chain(stream::pending());
        let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(body);
        Pace::new(payload.into(), TIMEOUT, Some(memory.clone()))
    }

    /// After how long a body is given up.
    async fn given_up(mut pace: Pace) -> Duration {
        let started = Instant::now();
        while let Some(piece) = pace.next().await {
            if piece.is_err() {
                return started.elapsed();
            }
        }
        panic!("it ended");
    }

    #[tokio::test]
    async fn a_small_body_that_nobody_wants_is_read_no_further() {
        let thread = LocalSet::new();
        let dropped = thread.run_until(async {
            let (held, is_dropped) = oneshot::channel::<()>();
            let body = whole(stream::pending().inspect(move |_| assert!(!held.is_closed())));
            yield_now().await;

            drop(body);

            timeout(Duration::from_secs(5), is_dropped).await
        });

        assert!(dropped.await.expect("it is given up").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up_once_others_wait_for_its_memory() {
        let memory = Budget::new(Budget::LEAST_BYTES);
        let seconds = |elapsed: Duration| elapsed.as_secs();
        assert_eq!(seconds(given_up(paced(0, 0, &memory)).await), 30, "nobody waits");

        let _taken: Vec<_> = (0..8).map(|_| memory.try_take(somebody(), Purpose::Receiving, 8 << 20)).collect();
        let mut waits = pin!(memory.take(somebody(), Purpose::Receiving, 1));
        assert!(waits.as_mut().now_or_never().is_none());

        assert_eq!(seconds(given_up(paced(0, 0, &memory)).await), 5, "nothing came");
        assert_eq!(seconds(given_up(paced(20, 1_000, &memory)).await), 9, "half of what must come");
        assert_eq!(seconds(given_up(paced(20, 4_000, &memory)).await), 45, "and then nothing");
    }
}
