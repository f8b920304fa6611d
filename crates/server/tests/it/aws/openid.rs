//! Signing in with a real OpenID provider, where users are in DynamoDB.

use std::sync::Arc;

use tapebase_conformance::{http::Tcp, oidc_provider::OidcProvider};

use super::stores;
use crate::{
    openid::{PROVIDER, settings},
    server::{Server, Shared, borrowed},
};

fn shared() -> ((Tcp, &'static OidcProvider), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| {
        let settings = settings(&PROVIDER);
        stores::serve(&borrowed(&settings))
    });
    ((tcp, &PROVIDER), server)
}

tapebase_conformance::openid_tests!(shared());
tapebase_conformance::web_login_tests!(shared());
