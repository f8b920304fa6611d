//! The API over stores in memory, without a connection: every case, in seconds.
//!
//! What needs a wire (heads that break off, bodies that stall, clients that hang up) is in the server's tests.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

mod in_process;

use std::sync::LazyLock;

use in_process::InProcess;
use tapebase_config::AuthConfig;

mod api {
    use super::{AuthConfig, InProcess, LazyLock};

    static APP: LazyLock<InProcess> = LazyLock::new(|| InProcess::start(AuthConfig::default()));

    tapebase_conformance::http_tests!((&*APP, ()));
    tapebase_conformance::long_upload_tests!((&*APP, ()));
    tapebase_conformance::raw_head_tests!((&*APP, ()));
}

/// The routes of 2018.
mod seed {
    use super::{AuthConfig, InProcess, LazyLock};

    static APP: LazyLock<InProcess> =
        LazyLock::new(|| InProcess::start(AuthConfig { trust_social_ids: true, ..AuthConfig::default() }));

    tapebase_conformance::seed_tests!((&*APP, ()));
}
