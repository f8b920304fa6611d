//! What this server does at a provider as one of its clients: where browsers are sent, what the codes are exchanged for that
//! they and apps bring, and how that is ended.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_domain::{
    oidc::{AuthorizationCode, AuthorizationRequest, IdToken, IdTokenFlaw},
    ports::{BoxError, Clock, IdTokenError},
    time::Timestamp,
};
use tokio::sync::Semaphore;

use super::fetch::{self, Exchanged, Form, Tokens, WebEndpoints};

/// What a provider knows this server, or an app of its operator's, as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// What proves it, where the provider has given one.
    pub secret: Option<ClientSecret>,
}

/// A client's secret; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// For how long it is known where a provider's endpoints are.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// How long a provider is not asked that was asked a moment ago.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How many may wait for an answer, and for codes to be exchanged; the others are told at once.
const WAITING: usize = 64;

/// Where a provider's endpoints are, as it has said last: it is asked once at a time, and nobody waits where they are known
/// but the one who asks.
pub struct Endpoints {
    issuer: String,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
    waiting: Semaphore,
    exchanging: Semaphore,
    /// Apart from those, so that whoever revokes keeps nobody from signing in.
    revoking: Semaphore,
}

#[derive(Default)]
struct Known {
    endpoints: Option<WebEndpoints>,
    fresh_until: Option<Timestamp>,
    asked_at: Option<Timestamp>,
    /// How often it was asked: whoever has waited for an answer has had it.
    asked: u64,
}

impl Endpoints {
    pub fn of(issuer: String) -> Self {
        let [waiting, exchanging, revoking] = [(); 3].map(|()| Semaphore::new(WAITING));
        Self { issuer, known: Mutex::default(), asking: tokio::sync::Mutex::default(), waiting, exchanging, revoking }
    }

    /// Where a browser is sent (OpenID Connect Core 1.0 section 3.1.2.1).
    pub async fn authorization_url(
        &self,
        client: &Client,
        request: &AuthorizationRequest,
        clock: &dyn Clock,
    ) -> Result<String, IdTokenError> {
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
        client: &Client,
        code: &AuthorizationCode,
        clock: &dyn Clock,
    ) -> Result<IdToken, IdTokenError> {
        let form = [
            ("grant_type", "authorization_code".to_owned()),
            ("redirect_uri", code.redirect_uri.clone()),
            ("code", code.code.clone()),
            ("code_verifier", code.verifier.clone()),
        ];
        let busy = |_| IdTokenError::Unavailable(TOO_MANY.into());
        let _exchanging = self.exchanging.try_acquire().map_err(busy)?;
        let tokens = self.exchange_once(client, form.into(), clock).await?;
        let token = tokens.id.ok_or_else(|| IdTokenError::Unavailable("the provider gives no ID token".into()))?;
        IdToken::parse(token).map_err(IdTokenError::Flawed)
    }

    /// Ends what the provider has given an app, for a code of the app's (RFC 7009 section 2.1): with its refresh token goes
    /// all else.
    pub async fn revoke(&self, client: &Client, code: &str, clock: &dyn Clock) -> Result<(), IdTokenError> {
        let endpoint = self.find(clock).await.map_err(IdTokenError::Unavailable)?.revocation;
        let endpoint = endpoint.ok_or(IdTokenError::CannotRevoke)?;
        let busy = |_| IdTokenError::Unavailable(TOO_MANY.into());
        let _revoking = self.revoking.try_acquire().map_err(busy)?;
        let form = [("grant_type", "authorization_code".to_owned()), ("code", code.to_owned())];
        let tokens = self.exchange_once(client, form.into(), clock).await?;
        let refresh = tokens.refresh.map(|token| (token, "refresh_token"));
        let (token, hint) = refresh
            .or_else(|| Some((tokens.access?, "access_token")))
            .ok_or_else(|| IdTokenError::NotRevoked("the provider gives nothing that can be revoked".into()))?;
        let form = of_client(client, [("token", token), ("token_type_hint", hint.to_owned())].into());
        // There is no other chance: the code is used up.
        match fetch::revoke(endpoint.clone(), form.clone()).await {
            Ok(()) => Ok(()),
            Err(_) => fetch::revoke(endpoint, form).await.map_err(IdTokenError::NotRevoked),
        }
    }

    async fn exchange_once(&self, client: &Client, form: Form, clock: &dyn Clock) -> Result<Tokens, IdTokenError> {
        let endpoint = self.find(clock).await.map_err(IdTokenError::Unavailable)?.token;
        match fetch::exchange(endpoint, of_client(client, form)).await.map_err(IdTokenError::Unavailable)? {
            Exchanged::Tokens(tokens) => Ok(tokens),
            Exchanged::Refused => Err(IdTokenError::Flawed(IdTokenFlaw::Code)),
        }
    }

    async fn find(&self, clock: &dyn Clock) -> Result<WebEndpoints, BoxError> {
        let (known, is_fresh, asked) = self.known().look_up(clock.now());
        if let Some(known) = known.clone().filter(|_| is_fresh) {
            return Ok(known);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| TOO_MANY)?;
        let asking = match known {
            Some(_) => self.asking.try_lock().ok(),
            None => Some(self.asking.lock().await),
        };
        if asking.is_some() && self.known().begin_to_ask(asked, clock.now()) {
            self.ask(clock).await;
        }
        self.known().endpoints.clone().ok_or_else(|| "the provider has not answered".into())
    }

    /// What it does not answer leaves everything as it was.
    async fn ask(&self, clock: &dyn Clock) {
        let answer = fetch::web_endpoints(self.issuer.clone()).await;
        let (now, mut known) = (clock.now(), self.known());
        known.asked += 1;
        match answer {
            Ok(endpoints) => (known.endpoints, known.fresh_until) = (Some(endpoints), Some(now + KEPT)),
            Err(error) => {
                tracing::warn!(issuer = self.issuer, %error, "the endpoints of an OpenID provider cannot be found");
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The endpoints, whether the provider need not be asked, and how often it was.
    fn look_up(&self, now: Timestamp) -> (Option<WebEndpoints>, bool, u64) {
        (self.endpoints.clone(), self.fresh_until.is_some_and(|until| now < until), self.asked)
    }

    /// Whether the provider is to be asked by somebody who came when it had been asked so often; if so, that is noted. A
    /// clock that was set back keeps nobody from asking.
    fn begin_to_ask(&mut self, asked: u64, now: Timestamp) -> bool {
        let may_ask = self.asked == asked && self.asked_at.is_none_or(|last| now >= last + PAUSE || now < last);
        if may_ask {
            self.asked_at = Some(now);
        }
        may_ask
    }
}

const TOO_MANY: &str = "too many wait for the provider";

/// With who asks, and what proves it (RFC 6749 section 2.3.1).
fn of_client(client: &Client, mut form: Form) -> Form {
    form.push(("client_id", client.id.clone()));
    form.extend(client.secret.as_ref().map(|ClientSecret(secret)| ("client_secret", secret.clone())));
    form
}

fn pair((name, value): (&str, &str)) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}
