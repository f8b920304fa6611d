//! Reads on after an early answer, for a while: a client that still sends when its connection is closed gets a reset
//! instead of the answer.
//!
//! The end of the answer's body is held back meanwhile, which no client notices: its length was announced.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage as _,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    web::Bytes,
};
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep};

/// For how long it is read on, as nginx does.
const TIME: Duration = Duration::from_secs(30);
/// For how long without a byte, as nginx does.
const IDLE: Duration = Duration::from_secs(5);
/// How much is read at most.
const BYTES: usize = 64 << 20;

/// The body of a request, which stays when whoever answers drops it: dropped, actix would read all of it.
#[derive(Clone)]
pub struct Unread(Rc<Shared>);

struct Shared {
    payload: RefCell<Payload>,
    has_ended: Cell<bool>,
}

impl Unread {
    /// Puts itself between the connection and whoever answers, if the request has a body.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let unread = Self(Rc::new(Shared { payload: RefCell::new(payload), has_ended: Cell::new(false) }));
        request.set_payload(Payload::Stream { payload: Box::pin(unread.clone()) });
        Some(unread)
    }

    /// Whether there may be more of it.
    pub fn is_unread(&self) -> bool {
        !self.0.has_ended.get()
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Shared { payload, has_ended } = &*self.0;
        let polled = Pin::new(&mut *payload.borrow_mut()).poll_next(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            has_ended.set(true);
        }
        polled
    }
}

/// Reads what is left of a body, and forgets it.
pub struct Linger {
    unread: Unread,
    left: usize,
    until: Instant,
    pause: Pin<Box<Sleep>>,
}

impl Linger {
    /// Begins now.
    pub fn begin(unread: Unread) -> Self {
        Self { unread, left: BYTES, until: Instant::now() + TIME, pause: Box::pin(sleep(IDLE)) }
    }

    /// Ready with whether the body has come to its end; otherwise it is too long, or too slow.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        while let Poll::Ready(piece) = Pin::new(&mut self.unread).poll_next(context) {
            let Some(Ok(piece)) = piece else { return Poll::Ready(true) };
            let Some(left) = self.left.checked_sub(piece.len()) else { return Poll::Ready(false) };
            self.left = left;
            let deadline = self.until.min(Instant::now() + IDLE);
            self.pause.as_mut().reset(deadline);
        }
        self.pause.as_mut().poll(context).map(|()| false)
    }
}
