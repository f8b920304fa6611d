//! The port for OpenID providers.

use async_trait::async_trait;

use super::BoxError;
use crate::oidc::{
    AppCode, AuthorizationCode, AuthorizationRequest, IdToken, IdTokenClaims, IdTokenFlaw, ProviderName,
};

/// Why an ID token or a code was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// No provider is called so.
    #[error("no such provider")]
    UnknownProvider,
    /// It ends nothing that it has given, or the operator has not said what proves this server to it.
    #[error("nothing that the provider has given can be revoked")]
    CannotRevoke,
    /// No app of the operator's is called so there.
    #[error("no such client")]
    UnknownClient,
    /// The code was accepted, which it is once, and nothing was revoked.
    #[error("the provider has revoked nothing")]
    NotRevoked(#[source] BoxError),
    /// It proves nothing.
    #[error("the token proves nothing: {0}")]
    Flawed(IdTokenFlaw),
    /// The keys it would be checked with cannot be had.
    #[error("the provider's keys cannot be fetched")]
    Unavailable(#[source] BoxError),
}

/// Knows what OpenID providers sign (OpenID Connect Core 1.0 section 3.1.3.7).
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait IdentityProviders: Send + Sync {
    /// What a provider calls itself; `None` if there is none of this name.
    fn issuer(&self, provider: &ProviderName) -> Option<String>;

    /// The provider whose subjects are the ids of a social network, where there is one.
    fn of_network(&self, network: &str) -> Option<ProviderName>;

    /// Where a browser is sent to sign in (RFC 6749 section 4.1.1).
    ///
    /// - It MUST fail with `UnknownProvider` where the operator has not said how browsers sign in.
    async fn authorization_url(
        &self,
        provider: &ProviderName,
        request: &AuthorizationRequest,
    ) -> Result<String, IdTokenError>;

    /// The ID token that a provider gives for a code (RFC 6749 section 4.1.3), which nobody has looked at.
    ///
    /// - It MUST fail with `Flawed` for a code that the provider does not accept.
    async fn exchange(&self, provider: &ProviderName, code: &AuthorizationCode) -> Result<IdToken, IdTokenError>;

    /// Has a provider end what it has given an app, for a code that the app got when somebody signed in (RFC 7009).
    ///
    /// - It MUST fail with `CannotRevoke` where the operator has not said what proves this server to the provider, or the
    ///   provider ends nothing.
    /// - It MUST fail with `UnknownClient` for an app that the operator has not named.
    /// - It MUST fail with `Flawed` for a code that the provider does not accept, and with `NotRevoked` once it has accepted
    ///   one in vain.
    async fn revoke(&self, provider: &ProviderName, code: &AppCode) -> Result<(), IdTokenError>;

    /// Checks an ID token, and reads what it says.
    ///
    /// - It MUST refuse what is not signed by a key that `provider` publishes now, or did a moment ago, in a way that the
    ///   operator expects of it.
    /// - It MUST refuse what another issued, or was issued to another app, or before its time or after it.
    /// - Where the provider has answered, it MUST NOT be asked more than once a minute for keys that are not known, whatever
    ///   is presented, nor more than once a minute for new ones in place of old ones.
    /// - It MUST know the keys it knew while the provider does not answer.
    ///
    /// Whether it was asked for here, and for the first time, is the caller's business.
    async fn verify(&self, provider: &ProviderName, token: &IdToken) -> Result<IdTokenClaims, IdTokenError>;
}
