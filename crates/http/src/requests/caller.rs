//! Extractor: who is asking, by bearer token (RFC 6750) or by cookie.

use std::{
    borrow::Cow,
    future::{Future, ready},
    net::IpAddr,
    ops::Deref,
    pin::Pin,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web::Data};
use tapebase_api::Slug;
use tapebase_domain::{
    Services,
    api_token::Scope,
    auth::{self, AuthError, Bearer, Device},
    id::{ApiTokenId, RecordingId, UserId},
    session::{Session, SessionToken},
};

use crate::{
    HttpPolicy,
    answers::problem::{CHALLENGE, Problem},
    forwarded_client, is_local, rates,
    requests::cookie,
};

/// A request by somebody who is signed in; a handler that takes it answers nobody else, whatever their API token may do.
pub struct Caller(pub auth::Caller);

impl Deref for Caller {
    type Target = auth::Caller;

    fn deref(&self) -> &auth::Caller {
        &self.0
    }
}

/// A request by somebody who may read recordings.
pub struct Reader {
    /// Whose recordings.
    pub user: UserId,
    session: Option<Session>,
}

impl Reader {
    /// The session they came by: an API token makes no links, which would outlive it.
    pub fn session(&self) -> Result<&Session, Problem> {
        self.session.as_ref().ok_or_else(needs_session)
    }
}

/// A request by somebody who may upload.
pub struct Uploader {
    /// Whose recordings.
    pub user: UserId,
    bearer: Bearer,
}

impl Uploader {
    /// Refuses whose token is for another recording than this, or for one and the server is to choose the id.
    pub fn require(&self, id: Option<&RecordingId>) -> Result<(), Problem> {
        if self.bearer.may(Scope::Upload, id) {
            return Ok(());
        }
        Err(insufficient(
            Scope::Upload,
            "The token is for one recording: upload it under the id the token was made for.",
        ))
    }
}

/// A request by somebody who may rename and delete recordings.
pub struct Editor {
    /// Whose recordings.
    pub user: UserId,
}

/// A request by somebody who may look after the accounts of all users.
pub struct Operator {
    /// Who it is.
    pub user: UserId,
    /// By which token.
    pub token: ApiTokenId,
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, |bearer| match bearer {
            Bearer::Session(caller) => Ok(Self(caller)),
            Bearer::Token(_) => Err(needs_session()),
        })
    }
}

impl FromRequest for Reader {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, |bearer| {
            require(&bearer, Scope::Read)?;
            let user = bearer.user();
            let session = match bearer {
                Bearer::Session(caller) => Some(caller.session),
                Bearer::Token(_) => None,
            };
            Ok(Self { user, session })
        })
    }
}

impl FromRequest for Uploader {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, |bearer| {
            if bearer.may_upload() { Ok(Self { user: bearer.user(), bearer }) } else { Err(lacks(Scope::Upload)) }
        })
    }
}

impl FromRequest for Editor {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(request, |bearer| require(&bearer, Scope::Full).map(|()| Self { user: bearer.user() }))
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // A cookie would be sent by pages as well, which have no business here.
        if cookie::is_presented(request) {
            return Box::pin(ready(Err(unauthenticated())));
        }
        extract(request, |bearer| match bearer {
            Bearer::Token(token) if token.allows(Scope::Admin, None) => Ok(Self { user: token.user, token: token.id }),
            _ => Err(insufficient(
                Scope::Admin,
                "This takes an API token with the scope `admin`, as `tapebase user create-token` makes it.",
            )),
        })
    }
}

/// Makes something of whoever presents the token of a request.
fn extract<T: 'static>(
    request: &HttpRequest,
    make: impl FnOnce(Bearer) -> Result<T, Problem> + 'static,
) -> Extracted<T> {
    let token = presented_token(request).map(str::to_owned);
    let is_cookie = cookie::is_presented(request);
    let services = request.app_data::<Data<Services>>().cloned();
    let policy = request.app_data::<Data<HttpPolicy>>().cloned();
    Box::pin(async move {
        let token = token?;
        let services = services.ok_or_else(|| Problem::internal("the app has no services"))?;
        let bearer = match services.auth.bearer(&token).await {
            // No script can take it out of the browser.
            Err(error @ AuthError::InvalidToken) if is_cookie => {
                return Err(Problem::from(error).with_header(header::SET_COOKIE, cookie::none()));
            }
            bearer => bearer?,
        };
        rates::count_user(policy.as_ref(), bearer.user())?;
        make(bearer)
    })
}

fn require(bearer: &Bearer, scope: Scope) -> Result<(), Problem> {
    if bearer.may(scope, None) { Ok(()) } else { Err(lacks(scope)) }
}

fn lacks(scope: Scope) -> Problem {
    insufficient(scope, format!("The token has not got the scope `{}`, nor `full`.", scope.as_str()))
}

/// 403 as RFC 6750 section 3.1 has it.
fn insufficient(scope: Scope, detail: impl Into<Cow<'static, str>>) -> Problem {
    let challenge = format!("{CHALLENGE}, error=\"insufficient_scope\", scope=\"{}\"", scope.as_str());
    Problem::new(Slug::InsufficientScope, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn needs_session() -> Problem {
    Problem::new(Slug::InsufficientScope, "Sign in: no API token can do this.")
}

/// The header goes before the cookie: whoever sends one means it.
fn presented_token(request: &HttpRequest) -> Result<&str, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Problem::new(Slug::InvalidParameter, "Send one Authorization header."));
    }
    if first.is_none()
        && let Some(token) = cookie::token(request)?
    {
        return Ok(token);
    }
    let credentials = first.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthenticated()),
    }
}

fn unauthenticated() -> Problem {
    Problem::new(Slug::Unauthenticated, "Send the header Authorization: Bearer TOKEN.")
        .with_header(header::WWW_AUTHENTICATE, CHALLENGE.to_owned())
}

/// What the client calls itself, where it is, and the token of an earlier session that it may send where none is needed.
pub fn device(request: &HttpRequest) -> Device {
    let name = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // What can be no token says nothing, and nor does a cookie that another page has sent.
    let earlier = presented_token(request).ok().and_then(|token| SessionToken::parse(token).ok());
    Device { name: name.to_owned(), address: client_address(request), earlier }
}

/// Where the client is: as a proxy that is believed says, or else its own address. A private one is that of a proxy nobody
/// has told of, and says nothing, like that of a proxy that names nobody.
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let proxies = request.app_data::<Data<HttpPolicy>>().map(|policy| &policy.proxies);
    let forwarded = proxies.and_then(|proxies| forwarded_client(request, proxies));
    let is_client = |peer: &IpAddr| !is_local(*peer) && proxies.is_none_or(|proxies| !proxies.contains(*peer));
    let own = || request.peer_addr().map(|peer| peer.ip().to_canonical()).filter(is_client);
    forwarded.or_else(own)
}
