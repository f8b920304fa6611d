//! Every case of the API, through TCP.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tapebase_conformance::http::Tcp;

use crate::server::Server;

/// The server all cases share that run at the same time; the last one to end takes it down.
fn shared() -> (Tcp, Arc<Server>) {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut latest = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = latest.upgrade().unwrap_or_else(|| Arc::new(Server::start(&[])));
    *latest = Arc::downgrade(&server);
    (server.tcp(), server)
}

tapebase_conformance::http_tests!(shared());
tapebase_conformance::raw_head_tests!(shared());
