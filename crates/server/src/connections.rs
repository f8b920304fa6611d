//! Cuts off connections that hold a place and do nothing: what actix-web has no time-outs for.
//!
//! actix times out the first head of a connection and an idle keep-alive, but a second head that stops
//! half way stays for ever. So each connection is watched: it is cut when no request has been in flight
//! for longer than an honest client needs to send the next, and all it has sent was read. A client that does
//! not take what it asked for is the kernel's to cut, by `TCP_USER_TIMEOUT`.
//!
//! Nor does actix notice that a client has hung up while it reads nothing from it, which is when a body waits for memory:
//! what was read ahead of it would stay as long as that waits.
//!
//! Here, too, each client gets its share of connections, see [`addresses`], and the answer it was given before it had
//! sent everything, see [`linger`].

mod addresses;
mod linger;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    mem::MaybeUninit,
    net::{IpAddr, Shutdown},
    pin::{Pin, pin},
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Extensions, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{StatusCode, header},
    middleware::Next,
    rt::{self, net::TcpStream},
    web::{Bytes, Data},
};
use futures_util::future::{Either, select};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, Socket};
use tapebase_config::{Config, TimeoutsConfig};
use tapebase_http::{Proxies, forwarded_client, is_local, too_many_requests};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use self::{
    addresses::{Addresses, Place},
    linger::{Linger, Unread},
};

/// How long a server that is slow to read is given each time.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked whether a client is still there.
const GLANCE: Duration = Duration::from_secs(1);

/// A connection, from when it is accepted until actix drops it.
struct Connection {
    /// A second handle on the same socket, to shut it down with.
    socket: Socket,
    in_flight: Cell<usize>,
    idle_since: Cell<Instant>,
    /// How long nothing may be in flight: for the first head only, and then also for the client to want more.
    patience: Cell<Duration>,
    /// The body of a request that was answered before it was read.
    unread: RefCell<Option<Unread>>,
    /// Told once the client has hung up.
    hung_up: Notify,
    _place: Option<Place>,
}

/// What connections share: what each may do, and how many there are.
#[derive(Clone)]
pub struct Door {
    timeouts: TimeoutsConfig,
    proxies: Proxies,
    /// By who is at the other end.
    connections: Addresses,
    /// By who proxies that are believed say has sent a request.
    requests: Addresses,
    /// Whether the log has it that there is a proxy in front that nobody has configured.
    has_told: Arc<AtomicBool>,
}

impl Door {
    /// As the settings say.
    pub fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let most = limits.connections_per_address.min(limits.connections.div_ceil(2));
        let proxies = &config.http.proxies;
        Self {
            timeouts: config.timeouts,
            proxies: proxies.clone(),
            connections: Addresses::of_peers(most, proxies.clone()),
            requests: Addresses::of_clients(most),
            has_told: Arc::default(),
        }
    }

    /// Begins to watch a connection; actix calls this for each it accepts.
    pub fn watch(&self, stream: &dyn Any, data: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        let socket = SockRef::from(stream);
        let peer = stream.peer_addr().map(|peer| peer.ip());
        let Ok(place) = peer.map_or(Ok(None), |peer| self.connections.enter(peer)) else {
            tracing::info!("a connection was cut: its address has as many as it may");
            let _ = socket.shutdown(Shutdown::Both);
            return;
        };
        // Both can only fail for a socket that is dying already.
        let _ = socket.set_tcp_user_timeout(Some(self.timeouts.send));
        let Ok(socket) = socket.try_clone() else { return };
        let connection = Rc::new(Connection {
            socket,
            in_flight: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            patience: Cell::new(self.timeouts.head),
            unread: RefCell::default(),
            hung_up: Notify::new(),
            _place: place,
        });
        rt::spawn(cut_when_idle(Rc::downgrade(&connection)));
        data.insert(connection);
    }

    /// The place of a request of a client of a proxy that is believed.
    fn place(&self, request: &ServiceRequest) -> Result<Option<Place>, addresses::TooMany> {
        self.tell_of_proxy(request);
        match forwarded_client(request.request(), &self.proxies) {
            Some(client) => self.requests.enter(client),
            None => Ok(None),
        }
    }

    /// Logs once that limits for an address do not work, and what to set.
    fn tell_of_proxy(&self, request: &ServiceRequest) {
        if self.has_told.load(Ordering::Relaxed) {
            return;
        }
        let headers = request.headers();
        let is_forwarded = headers.contains_key(header::FORWARDED) || headers.contains_key(header::X_FORWARDED_FOR);
        let peer: Option<IpAddr> = request.peer_addr().map(|peer| peer.ip().to_canonical());
        if let Some(peer) = peer.filter(|&peer| is_forwarded && is_local(peer) && !self.proxies.contains(peer)) {
            self.has_told.store(true, Ordering::Relaxed);
            tracing::warn!(
                "requests come through a proxy at {peer} that is not configured: limits for each address do not apply \
                 to its clients; set TAPEBASE_HTTP__PROXIES={peer}"
            );
        }
    }
}

impl Connection {
    /// Whether the client has reset the connection; one that only sends no more waits for its answer.
    fn is_reset(&self) -> bool {
        let mut asked = [PollFd::new(&self.socket, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&at_once)).is_ok() && asked[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// Whether the server has yet to read something: then it is slow, and not the client.
    fn has_unread_bytes(&self) -> bool {
        self.socket.peek(&mut [MaybeUninit::uninit()]).is_ok_and(|bytes| bytes > 0)
    }
}

async fn cut_when_idle(connection: Weak<Connection>) {
    while let Some(connection) = connection.upgrade() {
        let (now, limit) = (Instant::now(), connection.patience.get());
        let is_idle = connection.in_flight.get() == 0;
        let mut deadline = if is_idle { connection.idle_since.get() + limit } else { now + GLANCE };
        if !is_idle && connection.is_reset() {
            connection.hung_up.notify_waiters();
        }
        if is_idle && deadline <= now {
            if !connection.has_unread_bytes() {
                tracing::info!("a connection was cut: nothing was in flight for too long");
                let _ = connection.socket.shutdown(Shutdown::Both);
                return;
            }
            deadline = now + GRACE;
        }
        drop(connection);
        // A request may be in flight before that.
        sleep_until(deadline.min(now + GLANCE)).await;
    }
}

/// A request in flight, until the last byte of its answer is handed to the socket.
struct InFlight(Rc<Connection>);

impl InFlight {
    fn begin(connection: Rc<Connection>, door: Option<&Data<Door>>) -> Self {
        connection.in_flight.update(|count| count + 1);
        if let Some(door) = door {
            connection.patience.set(door.timeouts.keep_alive + door.timeouts.head);
        }
        Self(connection)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.update(|count| count.saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

/// Middleware: counts the request as in flight on its connection, and lets a client that is answered early send on.
pub async fn track(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let door = request.app_data::<Data<Door>>().cloned();
    let in_flight =
        request.conn_data::<Rc<Connection>>().cloned().map(|connection| InFlight::begin(connection, door.as_ref()));
    let unread = Unread::of(&mut request);
    let place = door.map_or(Ok(None), |door| door.place(&request));
    let response = match place {
        Ok(_) => match &in_flight {
            Some(InFlight(connection)) => unless_hung_up(connection, next.call(request)).await?.map_into_boxed_body(),
            None => next.call(request).await?.map_into_boxed_body(),
        },
        Err(addresses::TooMany) => request.into_response(too_many_requests()),
    };
    let status = response.status();
    let unread = unread.filter(Unread::is_unread).filter(|_| in_flight.is_some());
    if let (Some(unread), Some(InFlight(connection))) = (&unread, &in_flight) {
        // While it is there, actix does not read all of it.
        connection.unread.replace(Some(unread.clone()));
    }
    Ok(response.map_body(|_, body| {
        // Whoever has stopped sending is waited for no longer.
        let lingers = matches!(body.size(), BodySize::Sized(1..)) && status != StatusCode::REQUEST_TIMEOUT;
        let unread = unread.filter(|_| lingers);
        Tracked { body, unread, linger: None, in_flight, place: place.ok().flatten() }
    }))
}

/// What answers a request, until its client hangs up: then it is dropped, as actix does where it notices.
async fn unless_hung_up<T>(
    connection: &Connection,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match select(pin!(answer), pin!(connection.hung_up.notified())).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(PayloadError::Incomplete(None).into()),
    }
}

struct Tracked {
    body: BoxBody,
    /// What the request has left unread, until the answer is given.
    unread: Option<Unread>,
    linger: Option<Linger>,
    /// Dropped with the body: the request is in flight until then.
    in_flight: Option<InFlight>,
    /// Kept until the answer is given, as the request counts so long.
    place: Option<Place>,
}

impl Tracked {
    /// Ready once nothing more needs to be read; a client that sends for too long is cut off.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(unread) = self.unread.take() {
            self.linger = Some(Linger::begin(unread));
        }
        let Some(linger) = &mut self.linger else { return Poll::Ready(()) };
        if !ready!(linger.poll(context))
            && let Some(InFlight(connection)) = &self.in_flight
        {
            // With a reset: a client that waits for room to send more would not notice an orderly end for a minute.
            let _ = connection.socket.set_linger(Some(Duration::ZERO));
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
        self.linger = None;
        Poll::Ready(())
    }
}

impl MessageBody for Tracked {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        match ready!(Pin::new(&mut this.body).poll_next(context)) {
            None => this.poll_linger(context).map(|()| None),
            piece => Poll::Ready(piece),
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        // What something is to happen behind goes out piece by piece.
        if self.unread.is_some() || self.place.is_some() {
            return Err(self);
        }
        let Self { body, unread, linger, in_flight, place } = self;
        body.try_into_bytes().map_err(|body| Self { body, unread, linger, in_flight, place })
    }
}
