//! Every case of the API, and of the routes of 2018, with answers in one piece.

use tapebase_conformance::http::cases::announcements::QUOTA;

use crate::rie::Shared;

static SHARED: Shared =
    Shared::new(&[("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true"), ("TAPEBASE_LIMITS__QUOTA", QUOTA.0)]);

mod cases {
    tapebase_conformance::http_tests!((super::SHARED.caller(), ()));
}

mod seed {
    tapebase_conformance::seed_tests!((super::SHARED.caller(), ()));
}

/// Pages of other origins.
mod cross_origin {
    use tapebase_conformance::http::cases::cross_origin::ALLOWED_ORIGINS;

    use crate::rie::Shared;

    static SHARED: Shared = Shared::new(&[("TAPEBASE_HTTP__ALLOWED_ORIGINS", ALLOWED_ORIGINS)]);

    tapebase_conformance::cross_origin_tests!((SHARED.caller(), ()));
}
