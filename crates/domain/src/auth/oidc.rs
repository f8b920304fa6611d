//! Signing in with an account at an OpenID provider, which its ID token proves.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, Device, Grant};
use crate::{
    oidc::{IdToken, IdTokenClaims, IdTokenFlaw, Nonce, ProviderName},
    ports::IdTokenError,
    session::TokenForm,
    user::{Identity, LinkedIdentity, Password, SocialId},
};

impl Auth {
    /// How long a token without a nonce may be accepted: longer than any is after it was issued.
    const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);

    /// What an app is to have a provider repeat in the ID token, for it to be accepted once.
    ///
    /// # Errors
    /// [`AuthError::UnknownProvider`], or a failing port.
    pub async fn nonce(&self, provider: &ProviderName) -> Result<Nonce, AuthError> {
        self.providers.issuer(provider).ok_or(AuthError::UnknownProvider)?;
        Ok(Nonce::issue(provider, &self.keys.playback_keys().await?, self.clock.now()))
    }

    /// Signs in whoever has an ID token that was asked for with a nonce of [`Self::nonce`], making an account the first
    /// time.
    ///
    /// An account that its owner was given for their social id alone is theirs from now on, and nobody else's.
    ///
    /// # Errors
    /// [`AuthError::UnknownProvider`], [`AuthError::InvalidIdToken`], [`AuthError::ProviderUnavailable`],
    /// [`AuthError::SignupClosed`], [`AuthError::Disabled`], or a failing port.
    pub async fn log_in_with_id_token(
        &self,
        provider: &ProviderName,
        token: IdToken,
        nonce: &str,
        device: &Device,
    ) -> Result<Grant, AuthError> {
        let claims = self.prove(provider, &token, Some(nonce)).await?;
        let social = social_id(&claims);
        let identity = Identity::Oidc(claims.subject);
        let user = self.user_of(identity.clone(), social.as_ref()).await?;
        let grant = self.open_session(user, device, TokenForm::Prefixed).await?;
        self.confirm(grant, &identity, None).await
    }

    /// Lets the caller sign in with an account at a provider, too; whoever has a password gives it.
    ///
    /// Who has proved nothing so far cannot: anybody may have come by their social id.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::UntrustedSocialId`], [`AuthError::WrongPassword`],
    /// [`AuthError::TooManyAttempts`], [`AuthError::UnknownProvider`], [`AuthError::InvalidIdToken`],
    /// [`AuthError::IdentityTaken`], [`AuthError::TooManyIdentities`], [`AuthError::Busy`] where the account changes all
    /// the time, or a failing port.
    pub async fn link_id_token(
        &self,
        caller: &Caller,
        provider: &ProviderName,
        token: IdToken,
        nonce: &str,
        password: Option<Password>,
    ) -> Result<LinkedIdentity, AuthError> {
        self.require_recent(caller)?;
        let account = self.account_to_change(caller).await?;
        if account.user.proved_since().is_none() {
            return Err(AuthError::UntrustedSocialId);
        }
        if account.password.is_some() {
            let password = password.ok_or(AuthError::WrongPassword)?;
            let attempt = self.reserve_own_attempt(caller.user).await?;
            self.own_password(&account, password).await?;
            self.note_success(&attempt).await;
        }
        let claims = self.prove(provider, &token, Some(nonce)).await?;
        let social = social_id(&claims).map(Identity::Social);
        let mut identities = vec![Identity::Oidc(claims.subject)];
        if let Some(social) = social {
            // Whoever has recordings under it signs in with the token, and has them.
            let owner = self.users.find(&social).await?;
            if owner.is_some_and(|owner| owner.user.id != caller.user) {
                return Err(AuthError::IdentityTaken);
            }
            identities.push(social);
        }
        self.link(caller, &identities).await
    }

    /// What a token says that is true, was asked for here, and is used for the first time.
    pub(super) async fn prove(
        &self,
        provider: &ProviderName,
        token: &IdToken,
        nonce: Option<&str>,
    ) -> Result<IdTokenClaims, AuthError> {
        self.providers.issuer(provider).ok_or(AuthError::UnknownProvider)?;
        let now = self.clock.now();
        let nonce = match nonce {
            Some(nonce) => {
                let opened = Nonce::open(nonce, provider, &self.keys.playback_keys().await?, now);
                Some(opened.map_err(|_| AuthError::InvalidIdToken(IdTokenFlaw::Nonce))?)
            }
            None => None,
        };
        let claims = self.providers.verify(provider, token).await?;
        let (digest, expires_at, flaw) = match (&nonce, &claims.nonce) {
            (Some(nonce), Some(told)) if nonce.is_told_by(told) => {
                (nonce.digest(), nonce.expires_at(), IdTokenFlaw::Nonce)
            }
            (None, None) => (claims.digest, now + Self::TOKEN_LIFETIME, IdTokenFlaw::Used),
            _ => return Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce)),
        };
        if self.single_use.use_up(digest, expires_at + Self::CLOCKS_APART).await? {
            Ok(claims)
        } else {
            Err(AuthError::InvalidIdToken(flaw))
        }
    }
}

/// The social id that a token proves.
fn social_id(claims: &IdTokenClaims) -> Option<SocialId> {
    SocialId::parse(claims.network.clone()?, claims.subject.subject().to_owned()).ok()
}

impl From<IdTokenError> for AuthError {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::UnknownProvider => Self::UnknownProvider,
            IdTokenError::CannotRevoke => Self::CannotRevoke,
            IdTokenError::NotRevoked(source) => Self::NotRevoked(source),
            IdTokenError::UnknownClient => Self::UnknownClient,
            IdTokenError::Flawed(flaw) => Self::InvalidIdToken(flaw),
            IdTokenError::Unavailable(source) => Self::ProviderUnavailable(source),
        }
    }
}
