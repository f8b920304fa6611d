//! What a provider publishes and answers: where its keys are, and the keys, and what it gives for a code.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use tapebase_domain::ports::BoxError;
use tokio::task::spawn_blocking;
use ureq::{
    Agent,
    http::{StatusCode, Uri, uri::Authority},
};

/// The most that is read of an answer: the largest key sets have a few thousand bytes.
const MOST_BYTES: u64 = 64 * 1024;
/// How long an answer may take, all of it; there are two where the provider is asked where its keys are.
const PATIENCE: Duration = Duration::from_secs(5);

/// A URL at which anybody on the way could say whose keys are whose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} must begin with https://, or http:// on this very machine")]
pub struct InvalidUrl(String);

/// Fails unless a URL is secure, or of this machine.
///
/// # Errors
/// [`InvalidUrl`].
pub fn require_secure(url: &str) -> Result<(), InvalidUrl> {
    let parsed = url.parse::<Uri>().ok();
    let is_secure = parsed.is_some_and(|url| {
        let (host, authority) = (url.host().unwrap_or_default(), url.authority().map_or("", Authority::as_str));
        let is_reachable = match url.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => ["127.0.0.1", "localhost", "[::1]"].contains(&host),
            _ => false,
        };
        is_reachable && !authority.contains('@')
    });
    if is_secure { Ok(()) } else { Err(InvalidUrl(url.to_owned())) }
}

/// The keys of an issuer (RFC 7517), each of which may be of a kind nobody knows.
#[derive(Deserialize)]
pub struct KeySet {
    pub keys: Vec<serde_json::Value>,
}

/// The part of a provider's metadata that is needed (OpenID Connect Discovery 1.0 section 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    /// RFC 8414 section 2.
    revocation_endpoint: Option<serde_json::Value>,
}

/// Where browsers and codes go.
#[derive(Clone)]
pub struct WebEndpoints {
    pub authorization: String,
    pub token: String,
    /// Where tokens are ended, if the provider does that.
    pub revocation: Option<String>,
}

/// What is sent to one of them.
pub type Form = Vec<(&'static str, String)>;

/// What a provider says to a code.
pub enum Exchanged {
    Tokens(Tokens),
    /// It is none, or was used, or belongs to another sign-in (`invalid_grant`, RFC 6749 section 5.2).
    Refused,
}

/// What a provider gives for a code (RFC 6749 section 5.1).
#[derive(Deserialize)]
pub struct Tokens {
    #[serde(rename = "id_token")]
    pub id: Option<String>,
    #[serde(rename = "access_token")]
    pub access: Option<String>,
    #[serde(rename = "refresh_token")]
    pub refresh: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Where a provider's endpoints are.
pub async fn web_endpoints(issuer: String) -> Result<WebEndpoints, BoxError> {
    spawn_blocking(move || {
        let metadata = metadata(&agent(), &issuer)?;
        let endpoint = |url: Option<String>| {
            let url = url.ok_or("the provider has no such endpoint")?;
            require_secure(&url)?;
            // No other leads to this machine.
            let is_reachable = url.starts_with("https://") || issuer.starts_with("http://");
            if is_reachable { Ok(url) } else { Err(BoxError::from(InvalidUrl(url))) }
        };
        let revocation = metadata.revocation_endpoint.and_then(|url| url.as_str().map(str::to_owned));
        Ok(WebEndpoints {
            authorization: endpoint(metadata.authorization_endpoint)?,
            token: endpoint(metadata.token_endpoint)?,
            // One that is of no use keeps nobody from signing in.
            revocation: revocation.and_then(|url| endpoint(Some(url)).ok()),
        })
    })
    .await?
}

/// Shows a code to a provider.
pub async fn exchange(url: String, form: Form) -> Result<Exchanged, BoxError> {
    spawn_blocking(move || {
        let (status, body) = post(&url, form)?;
        if let Some(tokens) = serde_json::from_slice(&body).ok().filter(|_| status.is_success()) {
            return Ok(Exchanged::Tokens(tokens));
        }
        let refusal = refusal(&body);
        // Anything else is the operator's mistake, perhaps: another secret, or a redirect URI that is not registered.
        if refusal == "invalid_grant" {
            Ok(Exchanged::Refused)
        } else {
            Err(format!("{url}: {status}: {refusal:?}").into())
        }
    })
    .await?
}

/// Has a provider end a token.
pub async fn revoke(url: String, form: Form) -> Result<(), BoxError> {
    spawn_blocking(move || {
        let (status, body) = post(&url, form)?;
        if status.is_success() { Ok(()) } else { Err(format!("{url}: {status}: {:?}", refusal(&body)).into()) }
    })
    .await?
}

fn post(url: &str, form: Form) -> Result<(StatusCode, Vec<u8>), BoxError> {
    let mut response = agent().post(url).header("Accept", "application/json").send_form(form)?;
    let status = response.status();
    if status.is_server_error() {
        return Err(format!("{url}: {status}").into());
    }
    Ok((status, response.body_mut().with_config().limit(MOST_BYTES).read_to_vec()?))
}

/// What a provider says is wrong (RFC 6749 section 5.2).
fn refusal(body: &[u8]) -> String {
    let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
    refusal.map_or_else(|| "no answer of OAuth".to_owned(), |refusal| refusal.error.chars().take(100).collect())
}

/// The keys, and how long they may be kept if that is said.
pub async fn key_set(issuer: String, jwks_uri: Option<String>) -> Result<(KeySet, Option<Duration>), BoxError> {
    spawn_blocking(move || {
        let agent = agent();
        let jwks_uri = jwks_uri.map_or_else(|| discover(&agent, &issuer), Ok)?;
        get(&agent, &jwks_uri)
    })
    .await?
}

fn agent() -> Agent {
    // A redirect would lead who knows where.
    let config = Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(0).http_status_as_error(false);
    config.user_agent("tapebase").build().into()
}

fn discover(agent: &Agent, issuer: &str) -> Result<String, BoxError> {
    let jwks_uri = metadata(agent, issuer)?.jwks_uri;
    require_secure(&jwks_uri)?;
    Ok(jwks_uri)
}

fn metadata(agent: &Agent, issuer: &str) -> Result<Metadata, BoxError> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let (metadata, _): (Metadata, _) = get(agent, &url)?;
    if metadata.issuer != issuer {
        return Err(format!("{url} is of another issuer: {:?}", metadata.issuer).into());
    }
    Ok(metadata)
}

fn get<T: DeserializeOwned>(agent: &Agent, url: &str) -> Result<(T, Option<Duration>), BoxError> {
    let about = |error: BoxError| format!("{url}: {error}");
    let mut response =
        agent.get(url).header("Accept", "application/json").call().map_err(|error| about(error.into()))?;
    if response.status() != 200 {
        return Err(about(response.status().to_string().into()).into());
    }
    let caching = response.headers().get("Cache-Control").and_then(|value| value.to_str().ok()).and_then(max_age);
    let body =
        response.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(|error| about(error.into()))?;
    let answer = serde_json::from_slice(&body).map_err(|error| about(error.into()))?;
    Ok((answer, caching))
}

/// How long an answer may be kept (RFC 9111 section 5.2.2.1).
fn max_age(cache_control: &str) -> Option<Duration> {
    let mut directives = cache_control.split(',').filter_map(|directive| directive.trim().split_once('='));
    let (_, seconds) = directives.find(|(name, _)| name.eq_ignore_ascii_case("max-age"))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_where_nobody_is_on_the_way() {
        for url in ["https://id.example.com/keys", "http://127.0.0.1:8090/jwks", "http://[::1]:1/", "http://localhost"]
        {
            assert_eq!(require_secure(url), Ok(()), "{url}");
        }
        for url in [
            "http://id.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://localhost:80@evil.example.com/keys",
            "https://",
            "https://a@id.example.com",
            "file:///",
            "",
        ] {
            assert!(require_secure(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_age_is_read_among_other_directives() {
        assert_eq!(max_age("public, max-age=19204, must-revalidate"), Some(Duration::from_secs(19_204)));
        assert_eq!(max_age("Max-Age=\"5\""), Some(Duration::from_secs(5)));
        for text in ["", "no-store", "max-age", "max-age=-1", "s-maxage=3"] {
            assert_eq!(max_age(text), None, "{text}");
        }
    }
}
