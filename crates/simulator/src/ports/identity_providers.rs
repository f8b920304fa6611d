//! A provider that believes whatever it is told: what is proved is how its word is used.

use async_trait::async_trait;
use tapebase_domain::{
    digest::Sha256,
    oidc::{
        AppCode, AuthorizationCode, AuthorizationRequest, IdToken, IdTokenClaims, IdTokenFlaw, OidcSubject,
        ProviderName,
    },
    ports::{IdTokenError, IdentityProviders},
};

/// What it calls itself.
const ISSUER: &str = "https://id.example.com";
/// What it is called, and the network whose ids are its subjects.
pub const NAME: &str = "plain";

/// Takes a subject and a nonce with a blank between for a token.
pub struct PlainProvider;

#[async_trait]
impl IdentityProviders for PlainProvider {
    fn issuer(&self, provider: &ProviderName) -> Option<String> {
        (provider.as_str() == NAME).then(|| ISSUER.to_owned())
    }

    fn of_network(&self, network: &str) -> Option<ProviderName> {
        ProviderName::parse(network).ok().filter(|name| name.as_str() == NAME)
    }

    /// In no browser.
    async fn authorization_url(&self, _: &ProviderName, _: &AuthorizationRequest) -> Result<String, IdTokenError> {
        Err(IdTokenError::UnknownProvider)
    }

    async fn exchange(&self, _: &ProviderName, _: &AuthorizationCode) -> Result<IdToken, IdTokenError> {
        Err(IdTokenError::UnknownProvider)
    }

    async fn revoke(&self, _: &ProviderName, _: &AppCode) -> Result<(), IdTokenError> {
        Err(IdTokenError::UnknownProvider)
    }

    async fn verify(&self, provider: &ProviderName, token: &IdToken) -> Result<IdTokenClaims, IdTokenError> {
        let issuer = self.issuer(provider).ok_or(IdTokenError::UnknownProvider)?;
        let flawed = IdTokenError::Flawed(IdTokenFlaw::Malformed);
        let Some((subject, nonce)) = token.expose().split_once(' ') else { return Err(flawed) };
        let subject = OidcSubject::parse(issuer, subject.to_owned()).map_err(|_| flawed)?;
        let network = Some(NAME.to_owned());
        Ok(IdTokenClaims {
            subject,
            nonce: Some(nonce.to_owned()),
            network,
            digest: Sha256::of(token.expose().as_bytes()),
        })
    }
}
