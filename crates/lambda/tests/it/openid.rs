//! Signing in with a real OpenID provider, with the function on DynamoDB.

use std::sync::LazyLock;

use tapebase_conformance::oidc_provider::OidcProvider;

use crate::{
    rie::{Caller, Shared},
    stores,
};

/// It ends with the process.
static PROVIDER: LazyLock<OidcProvider> = LazyLock::new(OidcProvider::start);

fn shared() -> ((Caller, &'static OidcProvider), ()) {
    static SHARED: Shared = Shared::new(&[
        ("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true"),
        // Where the provider sends browsers back to.
        ("TAPEBASE_PUBLIC_URL", "http://127.0.0.1"),
    ]);
    let stores = || stores::fresh().into_iter().chain(PROVIDER.settings()).collect();
    ((SHARED.caller_on(stores), &PROVIDER), ())
}

tapebase_conformance::openid_tests!(shared());
tapebase_conformance::web_login_tests!(shared());
