//! `IdentityProviders` with ID tokens that are JSON Web Tokens (OpenID Connect Core 1.0, RFC 7519).
//!
//! A provider is chosen by what the operator calls it, never by what a token says. Nothing in a token's header leads to a
//! key: `jku`, `jwk`, `x5u` and `x5c` are not looked at, and `kid` names one of those the provider publishes.

mod claims;
mod fetch;
mod keys;
mod presets;
mod signatures;
mod signing_key;
mod web;

use std::sync::Arc;

use async_trait::async_trait;
pub use jsonwebtoken::Algorithm;
use jsonwebtoken::{Header, Validation};
use tapebase_domain::{
    digest::Sha256,
    oidc::{
        AppCode, AuthorizationCode, AuthorizationRequest, IdToken, IdTokenClaims, IdTokenFlaw, OidcSubject,
        ProviderName,
    },
    ports::{BoxError, Clock, IdTokenError, IdentityProviders},
    time::Timestamp,
};

use self::{claims::Claims, keys::Keys, web::Endpoints};
pub use self::{
    fetch::{InvalidUrl, require_secure},
    presets::preset,
    signatures::is_known,
    signing_key::{InvalidKey, SigningKey},
    web::{Client, ClientSecret},
};

/// An OpenID provider, and what is expected of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What it is called here.
    pub name: ProviderName,
    /// What it calls itself.
    pub issuer: String,
    /// What else it calls itself in some tokens.
    pub also_issuer: Option<String>,
    /// Which apps' tokens are accepted: the client ids it knows them by.
    pub audiences: Vec<String>,
    /// How it signs.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are (RFC 7517); it is asked at its usual place otherwise (OpenID Connect Discovery 1.0).
    pub jwks_uri: Option<String>,
    /// The social network whose ids are its subjects, where there is one.
    pub network: Option<String>,
    /// What it knows this server as, where browsers may sign in there.
    pub web: Option<Client>,
    /// What client secrets are signed with, where the provider wants them signed.
    pub signing_key: Option<SigningKey>,
}

impl Provider {
    /// A client of the operator's, with what proves it, if anything does.
    fn authenticated(&self, client: &str, now: Timestamp) -> Result<Client, BoxError> {
        let secret = match &self.signing_key {
            Some(key) => Some(ClientSecret(key.secret(client, &self.issuer, now)?)),
            None => self.web.as_ref().filter(|web| web.id == client).and_then(|web| web.secret.clone()),
        };
        Ok(Client { id: client.to_owned(), secret })
    }
}

/// Every provider there is.
pub struct OpenIdProviders {
    providers: Vec<(Provider, Keys, Endpoints)>,
    clock: Arc<dyn Clock>,
}

impl OpenIdProviders {
    /// Knows these providers, and asks none of them before somebody presents a token.
    #[must_use]
    pub fn new(providers: Vec<Provider>, clock: Arc<dyn Clock>) -> Self {
        signatures::install();
        let with_keys = |provider: Provider| {
            let (keys, endpoints) = (Keys::of(&provider), Endpoints::of(provider.issuer.clone()));
            (provider, keys, endpoints)
        };
        Self { providers: providers.into_iter().map(with_keys).collect(), clock }
    }

    fn find(&self, name: &ProviderName) -> Option<&(Provider, Keys, Endpoints)> {
        self.providers.iter().find(|(provider, ..)| provider.name == *name)
    }

    /// A provider where browsers may sign in, and what it knows this server as.
    fn find_web(&self, name: &ProviderName) -> Result<(&Provider, &Client, &Endpoints), IdTokenError> {
        let (provider, _, endpoints) = self.find(name).ok_or(IdTokenError::UnknownProvider)?;
        Ok((provider, provider.web.as_ref().ok_or(IdTokenError::UnknownProvider)?, endpoints))
    }
}

#[async_trait]
impl IdentityProviders for OpenIdProviders {
    fn issuer(&self, provider: &ProviderName) -> Option<String> {
        self.find(provider).map(|(provider, ..)| provider.issuer.clone())
    }

    fn of_network(&self, network: &str) -> Option<ProviderName> {
        let proving = self.providers.iter().find(|(provider, ..)| provider.network.as_deref() == Some(network));
        proving.map(|(provider, ..)| provider.name.clone())
    }

    async fn authorization_url(
        &self,
        provider: &ProviderName,
        request: &AuthorizationRequest,
    ) -> Result<String, IdTokenError> {
        let (_, client, endpoints) = self.find_web(provider)?;
        endpoints.authorization_url(client, request, &*self.clock).await
    }

    async fn exchange(&self, provider: &ProviderName, code: &AuthorizationCode) -> Result<IdToken, IdTokenError> {
        let (provider, client, endpoints) = self.find_web(provider)?;
        let client = provider.authenticated(&client.id, self.clock.now()).map_err(IdTokenError::Unavailable)?;
        endpoints.exchange(&client, code, &*self.clock).await
    }

    async fn revoke(&self, provider: &ProviderName, code: &AppCode) -> Result<(), IdTokenError> {
        let (provider, _, endpoints) = self.find(provider).ok_or(IdTokenError::UnknownProvider)?;
        let known = provider.web.as_ref().map(|web| &web.id).or(provider.audiences.first());
        let client = code.client().or(known).filter(|client| provider.audiences.contains(client));
        let client = client.ok_or(IdTokenError::UnknownClient)?;
        let client = provider.authenticated(client, self.clock.now()).map_err(IdTokenError::Unavailable)?;
        // Codes that are for apps alone are shown to nobody without a secret.
        if client.secret.is_none() {
            return Err(IdTokenError::CannotRevoke);
        }
        endpoints.revoke(&client, code.expose(), &*self.clock).await
    }

    async fn verify(&self, provider: &ProviderName, token: &IdToken) -> Result<IdTokenClaims, IdTokenError> {
        let (provider, keys, _) = self.find(provider).ok_or(IdTokenError::UnknownProvider)?;
        let header = jsonwebtoken::decode_header(token.expose()).map_err(|error| flawed(of_header(&error)))?;
        require_plain(&header).map_err(flawed)?;
        if !provider.algorithms.contains(&header.alg) {
            return Err(flawed(IdTokenFlaw::Algorithm));
        }
        let key =
            keys.find(header.kid.as_deref(), header.alg, &*self.clock).await.map_err(IdTokenError::Unavailable)?;
        let key = key.ok_or(flawed(IdTokenFlaw::Key))?;
        let decoded = jsonwebtoken::decode::<Claims>(token.expose(), &key, &signature_alone(header.alg));
        let claims = decoded.map_err(|error| flawed(of_body(&error)))?.claims;
        claims.check(provider, self.clock.now()).map_err(flawed)?;
        let subject = OidcSubject::parse(provider.issuer.clone(), claims.sub);
        Ok(IdTokenClaims {
            subject: subject.map_err(|_| flawed(IdTokenFlaw::Subject))?,
            nonce: claims.nonce,
            network: provider.network.clone(),
            digest: signed_digest(token),
        })
    }
}

/// Of what is signed alone: some signatures can be written in more than one way.
fn signed_digest(token: &IdToken) -> Sha256 {
    let signed = token.expose().rsplit_once('.').map_or("", |(signed, _)| signed);
    Sha256::of(signed.as_bytes())
}

/// A token of another kind (RFC 8725 section 3.11), or with a header that must be understood (RFC 7515 section 4.1.11).
fn require_plain(header: &Header) -> Result<(), IdTokenFlaw> {
    let is_jwt = header.typ.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("JWT"));
    if is_jwt && header.crit.is_none() { Ok(()) } else { Err(IdTokenFlaw::Malformed) }
}

/// The claims are checked here, by this program's own clock.
fn signature_alone(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// The algorithms that are no signatures, `none` first of all, are none that the crate has a name for.
fn of_header(error: &jsonwebtoken::errors::Error) -> IdTokenFlaw {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::Json(error) if error.to_string().contains("unknown variant") => IdTokenFlaw::Algorithm,
        _ => IdTokenFlaw::Malformed,
    }
}

fn of_body(error: &jsonwebtoken::errors::Error) -> IdTokenFlaw {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => IdTokenFlaw::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidKeyFormat => IdTokenFlaw::Key,
        _ => IdTokenFlaw::Malformed,
    }
}

const fn flawed(flaw: IdTokenFlaw) -> IdTokenError {
    IdTokenError::Flawed(flaw)
}
