//! Signing in at an OpenID provider in a browser.

use super::{Auth, AuthError, Device, Grant};
use crate::{
    oidc::{AuthorizationCode, AuthorizationRequest, IdTokenFlaw, Nonce, PendingLogin, ProviderName, ReturnTo},
    ports::IdTokenError,
};

/// Where a provider is asked from: what it knows of this server, and whom the page expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPage {
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Where the browser goes then.
    pub return_to: ReturnTo,
    /// Who is to sign in, if that is known.
    pub login_hint: Option<String>,
}

impl Auth {
    /// Begins a sign-in in a browser: where it is sent, and what it keeps until it comes back.
    ///
    /// # Errors
    /// [`AuthError::UnknownProvider`], also where the operator has not said how browsers sign in there;
    /// [`AuthError::ProviderUnavailable`], or a failing port.
    pub async fn begin_web_login(
        &self,
        provider: &ProviderName,
        page: WebPage,
    ) -> Result<(String, PendingLogin), AuthError> {
        let nonce = self.nonce(provider).await?.expose().to_owned();
        let pending = PendingLogin::begin(nonce.clone(), page.return_to);
        let request = AuthorizationRequest {
            redirect_uri: page.redirect_uri,
            state: pending.state(),
            nonce,
            challenge: pending.challenge(),
            login_hint: page.login_hint,
        };
        Ok((self.providers.authorization_url(provider, &request).await?, pending))
    }

    /// Signs in whoever comes back from the provider with a code that was asked for by this very browser.
    ///
    /// # Errors
    /// [`AuthError::UnknownProvider`], [`AuthError::InvalidIdToken`], [`AuthError::ProviderUnavailable`],
    /// [`AuthError::TooManyFromAddress`], [`AuthError::SignupClosed`], [`AuthError::Disabled`], or a failing port.
    pub async fn finish_web_login(
        &self,
        provider: &ProviderName,
        code: String,
        redirect_uri: String,
        pending: &PendingLogin,
        device: &Device,
    ) -> Result<Grant, AuthError> {
        let now = self.clock.now();
        self.wrong_passwords.check(device.address, now)?;
        // Before anybody is asked: whoever makes one up, or has it of another provider, costs no more than this.
        let keys = self.keys.playback_keys().await?;
        Nonce::open(pending.nonce(), provider, &keys, now)
            .map_err(|_| AuthError::InvalidIdToken(IdTokenFlaw::Nonce))?;
        let code = AuthorizationCode { code, verifier: pending.verifier().to_owned(), redirect_uri };
        let token = self.providers.exchange(provider, &code).await.inspect_err(|error| {
            if matches!(error, IdTokenError::Flawed(_)) {
                self.wrong_passwords.count(device.address, now);
            }
        })?;
        self.log_in_with_id_token(provider, token, pending.nonce(), device).await
    }
}
