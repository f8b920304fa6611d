//! Bodies on their way out: actix's cannot leave their thread, and the runtime takes one that fails for complete.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    rt,
};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::{Notify, mpsc};

/// How many pieces may wait for Lambda.
const PIECES: usize = 4;

type BoxError = Box<dyn std::error::Error>;

/// Tells that an answer broke off after its head was sent.
///
/// The runtime can end a body in one way only, the one that says it is complete.
/// So the process has to end instead: Lambda breaks the client's connection off, and starts another process.
#[derive(Clone, Default)]
pub struct Abort(Arc<Notify>);

impl Abort {
    /// Waits until an answer has broken off.
    pub async fn called(&self) {
        self.0.notified().await;
    }
}

/// Why a body is not there in one piece.
pub enum CollectError {
    /// It is longer than the limit.
    TooLarge,
    /// It broke off.
    Broken(BoxError),
}

/// Reads a whole body; one that is known to be longer than `limit` is not even begun.
pub async fn collect(body: BoxBody, limit: usize) -> Result<Bytes, CollectError> {
    if matches!(body.size(), BodySize::Sized(length) if length > limit as u64) {
        return Err(CollectError::TooLarge);
    }
    let body = match body.try_into_bytes() {
        Ok(bytes) => return Ok(bytes),
        Err(body) => body,
    };
    let mut body = Measured::new(body);
    let mut collected = BytesMut::new();
    while let Some(bytes) = body.next().await.map_err(CollectError::Broken)? {
        if collected.len() + bytes.len() > limit {
            return Err(CollectError::TooLarge);
        }
        collected.extend_from_slice(&bytes);
    }
    Ok(collected.freeze())
}

/// Moves a body off its thread, a few pieces ahead of Lambda.
pub fn pump(body: BoxBody, abort: &Abort) -> Pieces {
    let (sender, receiver) = mpsc::channel(PIECES);
    rt::spawn(async move {
        let mut body = Measured::new(body);
        loop {
            let message = match body.next().await {
                Ok(message) => message,
                Err(error) => return tracing::error!(cause = %error, "an answer broke off"),
            };
            let is_last = message.is_none();
            // Nobody receives once Lambda does not want any more.
            if sender.send(message).await.is_err() || is_last {
                return;
            }
        }
    });
    Pieces { receiver, abort: abort.clone() }
}

/// A body as the runtime takes it. It ends when all is sent, and never if it broke off.
pub struct Pieces {
    /// The end is sent like everything else: a pump that stops without is a broken body, not a short one.
    receiver: mpsc::Receiver<Option<Bytes>>,
    abort: Abort,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(message) = ready!(self.receiver.poll_recv(context)) {
            return Poll::Ready(message.map(Ok));
        }
        self.abort.0.notify_one();
        Poll::Pending
    }
}

/// A body that fails unless it is as long as it says.
struct Measured {
    body: BoxBody,
    missing: Option<u64>,
}

impl Measured {
    fn new(body: BoxBody) -> Self {
        let missing = match body.size() {
            BodySize::None => Some(0),
            BodySize::Sized(length) => Some(length),
            BodySize::Stream => None,
        };
        Self { body, missing }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        match poll_fn(|context| Pin::new(&mut self.body).poll_next(context)).await {
            Some(Ok(bytes)) => {
                if let Some(missing) = &mut self.missing {
                    *missing = missing.checked_sub(bytes.len() as u64).ok_or("it is longer than announced")?;
                }
                Ok(Some(bytes))
            }
            Some(Err(error)) => Err(error),
            None if self.missing.is_none_or(|missing| missing == 0) => Ok(None),
            None => Err("it is shorter than announced".into()),
        }
    }
}

#[cfg(test)]
mod tests;
