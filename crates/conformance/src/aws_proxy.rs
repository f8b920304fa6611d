//! A proxy between an AWS client and the engine of a test: it counts requests, and breaks some of them.
//!
//! Everything passes as it came, `Host` included, for requests are signed over it. Clients send to
//! [`AwsProxy::address`]; buckets go into the path.

mod actions;
mod connection;
mod faults;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use self::{actions::Action, faults::Dice};
pub use self::{
    actions::permission,
    faults::{Fault, Faults},
};

/// Serves until it is dropped.
pub struct AwsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections share.
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    under_way: watch::Sender<usize>,
    /// Where requests are held, until there are permits.
    gate: Semaphore,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<String, u64>,
    /// How the next requests are broken, whatever the dice say.
    next: VecDeque<Fault>,
    dice: Option<Dice>,
    injected: u64,
}

impl AwsProxy {
    /// Listens on a free port of this machine and passes everything to `upstream`; needs a `tokio` runtime.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        listener.set_nonblocking(true).expect("a socket can be so");
        let listener = TcpListener::from_std(listener).expect("there is a runtime");
        let address = listener.local_addr().expect("it is bound");
        let (state, under_way, gate) = (Mutex::default(), watch::Sender::default(), Semaphore::new(0));
        let shared = Arc::new(Shared { upstream, state, under_way, gate });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients take for the endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came, of each action, broken ones included.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.shared.lock().counts.clone()
    }

    /// Counts from zero again.
    pub fn reset_counts(&self) {
        self.shared.lock().counts.clear();
    }

    /// Breaks requests from now on.
    pub fn inject(&self, faults: Faults) {
        self.shared.lock().dice = Some(Dice::new(faults));
    }

    /// Breaks the next request in this way, before whatever else is injected.
    pub fn inject_next(&self, fault: Fault) {
        self.shared.lock().next.push_back(fault);
    }

    /// Passes on what is held, and holds nothing from now on.
    pub fn let_go(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Breaks nothing from now on.
    pub fn stop_injecting(&self) {
        self.shared.lock().dice = None;
    }

    /// Waits until no request is under way, delayed ones included.
    pub async fn settle(&self) {
        // An error says that there are no connections any more.
        let _ = self.shared.under_way.subscribe().wait_for(|requests| *requests == 0).await;
    }

    /// How many requests were broken.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.shared.lock().injected
    }
}

impl Drop for AwsProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and decides whether and how to break it.
    fn admit(&self, action: &Action) -> Option<Fault> {
        let mut state = self.lock();
        *state.counts.entry(action.name.clone()).or_default() += 1;
        let next = state.next.pop_front();
        let fault = next.or_else(|| state.dice.as_mut().and_then(|dice| dice.throw(action)));
        state.injected += u64::from(fault.is_some());
        fault
    }
}

/// A request under way, until this is dropped.
struct UnderWay<'a>(&'a Shared);

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.under_way.send_modify(|requests| *requests += 1);
        Self(shared)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|requests| *requests -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        // A connection that fails is the client's concern.
        tokio::spawn(async move { connection::serve(client, &shared).await });
    }
}

/// Ends a connection with a reset instead of a farewell.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests;
