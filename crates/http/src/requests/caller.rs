//! Extractor: who is asking, by bearer token (RFC 6750).

use std::{future::Future, net::IpAddr, ops::Deref, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web::Data};
use tapebase_api::Slug;
use tapebase_domain::{
    Services,
    auth::{self, Device},
};

use crate::{
    HttpPolicy,
    answers::problem::{CHALLENGE, Problem},
    forwarded_client, is_local,
};

/// A request by somebody who proved who they are; a handler that takes it answers nobody else.
pub struct Caller(pub auth::Caller);

impl Deref for Caller {
    type Target = auth::Caller;

    fn deref(&self) -> &auth::Caller {
        &self.0
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let token = bearer_token(request).map(str::to_owned);
        let services = request.app_data::<Data<Services>>().cloned();
        Box::pin(async move {
            let token = token?;
            let services = services.ok_or_else(|| Problem::internal("the app has no services"))?;
            Ok(Self(services.auth.authenticate(&token).await?))
        })
    }
}

fn bearer_token(request: &HttpRequest) -> Result<&str, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Problem::new(Slug::InvalidParameter, "Send one Authorization header."));
    }
    let credentials = first.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::new(Slug::Unauthenticated, "Send the header Authorization: Bearer TOKEN.")
            .with_header(header::WWW_AUTHENTICATE, CHALLENGE.to_owned())),
    }
}

/// What the client calls itself, and where it is: as a proxy that is believed says, or else its own address. A private
/// one is that of a proxy nobody has told of, and says nothing, like that of a proxy that names nobody.
pub fn device(request: &HttpRequest) -> Device {
    let name = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let proxies = request.app_data::<Data<HttpPolicy>>().map(|policy| &policy.proxies);
    let forwarded = proxies.and_then(|proxies| forwarded_client(request, proxies));
    let is_client = |peer: &IpAddr| !is_local(*peer) && proxies.is_none_or(|proxies| !proxies.contains(*peer));
    let own = || request.peer_addr().map(|peer| peer.ip().to_canonical()).filter(is_client);
    Device { name: name.to_owned(), address: forwarded.or_else(own) }
}
