//! How a browser signs in at a provider: where it is sent, and what the code is exchanged for that it brings back.

use chrono::TimeDelta;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_domain::{
    oidc::{AuthorizationCode, AuthorizationRequest, IdToken, IdTokenFlaw},
    ports::{BoxError, Clock, IdTokenError},
    time::Timestamp,
};
use tokio::sync::{Mutex, Semaphore};

use super::fetch::{self, Exchanged, WebEndpoints};

/// What a provider knows this server as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebClient {
    /// The client id.
    pub id: String,
    /// What proves it, where the provider has given one.
    pub secret: Option<ClientSecret>,
}

/// A client's secret; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(pub String);

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// For how long it is known where a provider's endpoints are.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// How long a provider is not asked that has not answered.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How many may wait for an answer, or for codes to be exchanged; the others are told at once.
const WAITING: usize = 64;

/// Where a provider's endpoints are, as it has said last.
pub struct Endpoints {
    issuer: String,
    known: Mutex<Known>,
    waiting: Semaphore,
}

#[derive(Default)]
struct Known {
    endpoints: Option<WebEndpoints>,
    ask_again_at: Option<Timestamp>,
}

impl Endpoints {
    pub fn of(issuer: String) -> Self {
        Self { issuer, known: Mutex::default(), waiting: Semaphore::new(WAITING) }
    }

    /// Where a browser is sent (OpenID Connect Core 1.0 section 3.1.2.1).
    pub async fn authorization_url(
        &self,
        client: &WebClient,
        request: &AuthorizationRequest,
        clock: &dyn Clock,
    ) -> Result<String, IdTokenError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let endpoint = self.find(clock).await.map_err(IdTokenError::Unavailable)?.authorization;
        let hint = request.login_hint.as_ref().map(|hint| ("login_hint", hint.as_str()));
        let parameters = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("client_id", &client.id),
            ("redirect_uri", &request.redirect_uri),
            ("state", &request.state),
            ("nonce", &request.nonce),
            ("code_challenge", &request.challenge),
            ("code_challenge_method", "S256"),
        ];
        let query: Vec<String> = parameters.into_iter().chain(hint).map(pair).collect();
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{}", query.join("&")))
    }

    /// The ID token for a code (OpenID Connect Core 1.0 section 3.1.3.1).
    pub async fn exchange(
        &self,
        client: &WebClient,
        code: &AuthorizationCode,
        clock: &dyn Clock,
    ) -> Result<IdToken, IdTokenError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let endpoint = self.find(clock).await.map_err(IdTokenError::Unavailable)?.token;
        let secret = client.secret.as_ref().map(|ClientSecret(secret)| ("client_secret", secret.clone()));
        let form = [
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", client.id.clone()),
            ("redirect_uri", code.redirect_uri.clone()),
            ("code", code.code.clone()),
            ("code_verifier", code.verifier.clone()),
        ];
        let form = form.into_iter().chain(secret).collect();
        match fetch::exchange(endpoint, form).await.map_err(IdTokenError::Unavailable)? {
            Exchanged::Token(token) => IdToken::parse(token).map_err(IdTokenError::Flawed),
            Exchanged::Refused(error) => {
                // Which may be the operator's mistake: another secret, or another redirect URI.
                tracing::warn!(issuer = self.issuer, error, "an OpenID provider gives no token for a code");
                Err(IdTokenError::Flawed(IdTokenFlaw::Code))
            }
        }
    }

    /// One asks, and the others wait; what was known is used where the provider does not answer.
    async fn find(&self, clock: &dyn Clock) -> Result<WebEndpoints, BoxError> {
        let mut known = self.known.lock().await;
        let now = clock.now();
        let may_ask = known.ask_again_at.is_none_or(|at| now >= at || at > now + KEPT);
        if may_ask {
            match fetch::web_endpoints(self.issuer.clone()).await {
                Ok(endpoints) => {
                    *known = Known { endpoints: Some(endpoints), ask_again_at: Some(now + KEPT) };
                }
                Err(error) => {
                    tracing::warn!(issuer = self.issuer, %error, "the endpoints of an OpenID provider cannot be found");
                    known.ask_again_at = Some(now + PAUSE);
                }
            }
        }
        known.endpoints.clone().ok_or_else(|| "the provider has not answered".into())
    }
}

fn busy() -> IdTokenError {
    IdTokenError::Unavailable("too many wait for the provider".into())
}

fn pair((name, value): (&str, &str)) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}
