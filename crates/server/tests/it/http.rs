//! Every case of the API, through TCP.

use std::sync::Arc;

use tapebase_conformance::http::Tcp;

use crate::server::{Server, Shared};

fn shared() -> (Tcp, Arc<Server>) {
    static SERVER: Shared = Shared::new();
    SERVER.get(|| Server::start(&[]))
}

tapebase_conformance::http_tests!(shared());
tapebase_conformance::long_upload_tests!(shared());
tapebase_conformance::raw_head_tests!(shared());
