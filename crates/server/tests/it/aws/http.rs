//! Every case of the API, through TCP.

use std::sync::Arc;

use tapebase_conformance::http::{Tcp, cases::announcements::QUOTA};

use super::stores;
use crate::server::{Server, Shared};

fn shared() -> (Tcp, Arc<Server>) {
    static SERVER: Shared = Shared::new();
    SERVER.get(|| stores::serve(&[("TAPEBASE_LIMITS__QUOTA", QUOTA.0)]))
}

tapebase_conformance::http_tests!(shared());
tapebase_conformance::long_upload_tests!(shared());
