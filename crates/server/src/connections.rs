//! Cuts off connections that hold a place and do nothing: what actix-web has no time-outs for.
//!
//! actix times out the first head of a connection and an idle keep-alive, but a second head that stops
//! half way stays for ever. So each connection is watched: it is cut when no request has been in flight
//! for longer than an honest client needs to send the next. A client that does not take what it asked
//! for is the kernel's to cut, by `TCP_USER_TIMEOUT`.

use std::{
    any::Any,
    cell::Cell,
    net::Shutdown,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Extensions, ServiceRequest, ServiceResponse},
    middleware::Next,
    rt::{self, net::TcpStream},
    web::Bytes,
};
use socket2::{SockRef, Socket};
use tapebase_config::TimeoutsConfig;
use tokio::time::{Instant, sleep_until};

/// A connection, from when it is accepted until actix drops it.
struct Connection {
    /// A second handle on the same socket, to shut it down with.
    socket: Socket,
    in_flight: Cell<usize>,
    idle_since: Cell<Instant>,
}

/// Begins to watch a connection; actix calls this for each it accepts.
pub fn watch(stream: &dyn Any, data: &mut Extensions, timeouts: TimeoutsConfig) {
    let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(stream);
    // Both can only fail for a socket that is dying already.
    let _ = socket.set_tcp_user_timeout(Some(timeouts.send));
    let Ok(socket) = socket.try_clone() else { return };
    let connection = Rc::new(Connection { socket, in_flight: Cell::new(0), idle_since: Cell::new(Instant::now()) });
    rt::spawn(cut_when_idle(Rc::downgrade(&connection), timeouts.keep_alive + timeouts.head));
    data.insert(connection);
}

async fn cut_when_idle(connection: Weak<Connection>, limit: Duration) {
    while let Some(connection) = connection.upgrade() {
        let is_idle = connection.in_flight.get() == 0;
        let deadline = if is_idle { connection.idle_since.get() + limit } else { Instant::now() + limit };
        if is_idle && deadline <= Instant::now() {
            tracing::info!("a connection was cut: nothing was in flight for too long");
            let _ = connection.socket.shutdown(Shutdown::Both);
            return;
        }
        drop(connection);
        sleep_until(deadline).await;
    }
}

/// A request in flight, until the last byte of its answer is handed to the socket.
struct InFlight(Rc<Connection>);

impl InFlight {
    fn begin(connection: Rc<Connection>) -> Self {
        connection.in_flight.update(|count| count + 1);
        Self(connection)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.update(|count| count.saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

/// Middleware: counts the request as in flight on its connection.
pub async fn track(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let in_flight = request.conn_data::<Rc<Connection>>().cloned().map(InFlight::begin);
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| Tracked { body: body.boxed(), in_flight }))
}

struct Tracked {
    body: BoxBody,
    /// Dropped with the body: the request is in flight until then.
    in_flight: Option<InFlight>,
}

impl MessageBody for Tracked {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, in_flight } = self;
        body.try_into_bytes().map_err(|body| Self { body, in_flight })
    }
}
