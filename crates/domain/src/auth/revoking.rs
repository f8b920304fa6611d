//! Ending what an OpenID provider has given an app.

use super::{Auth, AuthError, Caller};
use crate::oidc::{AppCode, ProviderName};

impl Auth {
    /// Has a provider end what it has given the caller's app: Apple wants that of whoever deletes an account. Each try at a
    /// provider that is configured counts as a wrong password of the caller's until it was none.
    ///
    /// # Errors
    /// [`AuthError::UnknownProvider`], [`AuthError::CannotRevoke`], [`AuthError::UnknownClient`],
    /// [`AuthError::InvalidIdToken`], [`AuthError::ProviderUnavailable`], [`AuthError::NotRevoked`],
    /// [`AuthError::TooManyAttempts`], or a failing port.
    pub async fn revoke_at_provider(
        &self,
        caller: &Caller,
        provider: &ProviderName,
        code: &AppCode,
    ) -> Result<(), AuthError> {
        self.providers.issuer(provider).ok_or(AuthError::UnknownProvider)?;
        self.reserve_own_try(caller.user).await?;
        self.providers.revoke(provider, code).await?;
        self.note_own_success(caller.user).await;
        Ok(())
    }
}
