//! Providers that many apps use, by the name an operator would give them.

use jsonwebtoken::Algorithm;

use super::Provider;
use tapebase_domain::oidc::ProviderName;

/// What is known of a provider of this name; no audience, which each app has of its own.
#[must_use]
pub fn preset(name: &ProviderName) -> Option<Provider> {
    let (issuer, also_issuer, jwks_uri, algorithms) = match name.as_str() {
        "google" => (
            "https://accounts.google.com",
            Some("accounts.google.com"),
            Some("https://www.googleapis.com/oauth2/v3/certs"),
            [Algorithm::RS256].as_slice(),
        ),
        // Its documentation speaks of ES256; its tokens have RS256.
        "apple" => (
            "https://appleid.apple.com",
            Some("https://account.apple.com"),
            Some("https://appleid.apple.com/auth/keys"),
            [Algorithm::RS256, Algorithm::ES256].as_slice(),
        ),
        "kakao" => (
            "https://kauth.kakao.com",
            None,
            Some("https://kauth.kakao.com/.well-known/jwks.json"),
            [Algorithm::RS256].as_slice(),
        ),
        "naver" => ("https://nid.naver.com", None, None, [Algorithm::RS256, Algorithm::ES256].as_slice()),
        "line" => (
            "https://access.line.me",
            None,
            Some("https://api.line.me/oauth2/v2.1/certs"),
            [Algorithm::ES256].as_slice(),
        ),
        _ => return None,
    };
    Some(Provider {
        name: name.clone(),
        issuer: issuer.to_owned(),
        also_issuer: also_issuer.map(str::to_owned),
        audiences: Vec::new(),
        algorithms: algorithms.to_vec(),
        jwks_uri: jwks_uri.map(str::to_owned),
        network: None,
        web: None,
        signing_key: None,
    })
}
