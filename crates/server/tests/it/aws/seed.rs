//! The routes of 2018: every row of their contract.

use std::sync::Arc;

use tapebase_conformance::http::Tcp;

use super::stores;
use crate::server::{Server, Shared};

fn shared() -> (Tcp, Arc<Server>) {
    static SERVER: Shared = Shared::new();
    SERVER.get(|| stores::serve(&[("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true")]))
}

tapebase_conformance::seed_tests!(shared());
