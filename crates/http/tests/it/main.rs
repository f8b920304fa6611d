//! The API over stores in memory, without a connection: every case, in seconds.
//!
//! What needs a wire (heads that break off, bodies that stall, clients that hang up) is in the server's tests.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

mod in_process;

use std::sync::LazyLock;

use in_process::InProcess;
use tapebase_config::{AuthConfig, Config, HttpConfig, LimitsConfig};

mod api {
    use tapebase_conformance::http::cases::announcements::QUOTA;

    use super::{Config, InProcess, LazyLock, LimitsConfig};

    static APP: LazyLock<InProcess> = LazyLock::new(|| {
        let limits = LimitsConfig { quota: QUOTA.0.parse().expect("a size"), ..LimitsConfig::default() };
        InProcess::start(Config { limits, ..Config::default() })
    });

    tapebase_conformance::http_tests!((&*APP, ()));
    tapebase_conformance::long_upload_tests!((&*APP, ()));
    tapebase_conformance::raw_head_tests!((&*APP, ()));
}

/// The routes of 2018.
mod seed {
    use super::{AuthConfig, Config, InProcess, LazyLock};

    static APP: LazyLock<InProcess> = LazyLock::new(|| {
        let auth = AuthConfig { trust_social_ids: true, ..AuthConfig::default() };
        InProcess::start(Config { auth, ..Config::default() })
    });

    tapebase_conformance::seed_tests!((&*APP, ()));
}

/// Pages of other origins.
mod cross_origin {
    use tapebase_conformance::http::cases::cross_origin::ALLOWED_ORIGINS;

    use super::{Config, HttpConfig, InProcess, LazyLock};

    static APP: LazyLock<InProcess> = LazyLock::new(|| {
        let allowed_origins = ALLOWED_ORIGINS.parse().expect("origins");
        let http = HttpConfig { allowed_origins, ..HttpConfig::default() };
        InProcess::start(Config { http, ..Config::default() })
    });

    tapebase_conformance::cross_origin_tests!((&*APP, ()));
}
