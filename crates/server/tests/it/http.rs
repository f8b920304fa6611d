//! Every case of the API, through TCP.

use std::sync::Arc;

use tapebase_conformance::http::{Tcp, cases::announcements::QUOTA};

use crate::server::{Server, Shared};

fn shared() -> (Tcp, Arc<Server>) {
    static SERVER: Shared = Shared::new();
    SERVER.get(|| Server::start(&[("TAPEBASE_LIMITS__QUOTA", QUOTA.0)]))
}

tapebase_conformance::http_tests!(shared());
tapebase_conformance::long_upload_tests!(shared());
tapebase_conformance::raw_head_tests!(shared());

/// Pages of other origins.
mod cross_origin {
    use tapebase_conformance::http::cases::cross_origin::ALLOWED_ORIGINS;

    use super::{Arc, Server, Shared, Tcp};

    fn shared() -> (Tcp, Arc<Server>) {
        static SERVER: Shared = Shared::new();
        SERVER.get(|| Server::start(&[("TAPEBASE_HTTP__ALLOWED_ORIGINS", ALLOWED_ORIGINS)]))
    }

    tapebase_conformance::cross_origin_tests!(shared());
}
