//! Signing in with a real OpenID provider, through TCP.

use std::sync::{Arc, LazyLock};

use serde_json::json;
use tapebase_conformance::{
    http::{Request, Tcp, text},
    oidc_provider::OidcProvider,
};

use crate::server::{Server, Shared, borrowed};

/// Of all tests that leave it as it is; it ends with the process.
pub static PROVIDER: LazyLock<OidcProvider> = LazyLock::new(OidcProvider::start);

/// What a server is told of a provider.
pub fn settings(provider: &OidcProvider) -> Vec<(&'static str, String)> {
    let mut settings = provider.settings().to_vec();
    settings.push(("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true".to_owned()));
    settings
}

fn start(provider: &OidcProvider) -> Server {
    Server::start(&borrowed(&settings(provider)))
}

fn shared() -> ((Tcp, &'static OidcProvider), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| start(&PROVIDER));
    ((tcp, &PROVIDER), server)
}

tapebase_conformance::openid_tests!(shared());
tapebase_conformance::web_login_tests!(shared());

/// Whether a token that the provider signs now lets somebody in.
fn outcome(server: &Server, token: impl FnOnce(&str) -> String) -> String {
    let nonce = server.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
    let nonce = text(&nonce, "nonce");
    let body = json!({"id_token": token(nonce), "nonce": nonce});
    server.send(&Request::new("POST", "/v1/auth/oidc/test").json(&body)).outcome()
}

#[test]
fn new_keys_of_the_provider_count_at_once_and_known_ones_while_it_is_down() {
    let provider = OidcProvider::start();
    let server = start(&provider);
    let fresh = |nonce: &str| provider.token("app", "ann", Some(nonce));
    assert_eq!(outcome(&server, fresh), "200");

    provider.rotate(false);
    assert_eq!(outcome(&server, fresh), "200");

    let nonce = server.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
    let nonce = text(&nonce, "nonce").to_owned();
    let token = provider.token("app", "ann", Some(&nonce));
    drop(provider);
    let body = json!({"id_token": token, "nonce": nonce});
    let _ = server.send(&Request::new("POST", "/v1/auth/oidc/test").json(&body)).expect(200);
}

#[test]
fn a_provider_that_is_down_from_the_start_is_told_and_keeps_nobody_else_out() {
    let provider = OidcProvider::start();
    let server = start(&provider);
    let nonce = server.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
    let nonce = text(&nonce, "nonce").to_owned();
    let token = provider.token("app", "ann", Some(&nonce));
    drop(provider);

    let body = json!({"id_token": token, "nonce": nonce});
    let answer = server.send(&Request::new("POST", "/v1/auth/oidc/test").json(&body));

    assert_eq!(answer.outcome(), "503 provider-unavailable");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    server.sign_up("ann");
}
