//! Signing in with a social id, as the clients of 2018 do: with proof, or where the operator trusts it, without.

use super::{Auth, AuthError, Device, Grant, require_enabled};
use crate::{
    oidc::{IdToken, IdTokenFlaw},
    ports::CreateError,
    session::TokenForm,
    user::{Account, Identity, SocialId, User},
};

impl Auth {
    /// Signs in whoever knows a social id, making an account the first time; off unless the operator trusts it.
    ///
    /// Never into an account that somebody has proved to be theirs.
    ///
    /// # Errors
    /// [`AuthError::UntrustedSocialId`], [`AuthError::Disabled`], [`AuthError::WrongCredentials`] if the id is given up at
    /// this moment, or a failing port.
    pub async fn log_in_with_social_id(&self, social: SocialId, device: &Device) -> Result<Grant, AuthError> {
        if !self.policy.trust_social_ids || self.is_of_somebody_proved(&social).await? {
            return Err(AuthError::UntrustedSocialId);
        }
        let identity = Identity::Social(social);
        let user = match self.users.find(&identity).await? {
            Some(account) => account.user,
            None => self.create_or_find(identity.clone()).await?,
        };
        require_enabled(&user)?;
        if !user.lets_in(&identity) {
            return Err(AuthError::UntrustedSocialId);
        }
        let grant = self.open_session(user, device, TokenForm::Seed).await?;
        self.confirm(grant, &identity, None).await
    }

    /// Signs in whoever has an ID token of the provider whose subjects are the ids of this network, and of this subject.
    ///
    /// A token that was asked for with a nonce needs it; any other counts once.
    ///
    /// # Errors
    /// [`AuthError::InvalidIdToken`], [`AuthError::UnknownProvider`] if none proves the ids of this network,
    /// [`AuthError::SignupClosed`], [`AuthError::Disabled`], [`AuthError::IdentityTaken`] if another account has the id, or
    /// a failing port.
    pub async fn log_in_with_proved_social_id(
        &self,
        social: SocialId,
        token: IdToken,
        nonce: Option<&str>,
        device: &Device,
    ) -> Result<Grant, AuthError> {
        let provider = self.providers.of_network(social.network()).ok_or(AuthError::UnknownProvider)?;
        let claims = self.prove(&provider, &token, nonce).await?;
        if claims.subject.subject() != social.id() {
            return Err(AuthError::InvalidIdToken(IdTokenFlaw::Subject));
        }
        let identity = Identity::Oidc(claims.subject);
        let user = self.user_of(identity.clone(), Some(&social)).await?;
        let user = self.add_social_id(user, &identity, social).await?;
        let grant = self.open_session(user, device, TokenForm::Seed).await?;
        self.confirm(grant, &identity, None).await
    }

    /// Two first log-ins at once make one account: the loser of the race finds the winner's.
    async fn create_or_find(&self, identity: Identity) -> Result<User, AuthError> {
        let user = User::new(self.new_id(), identity.clone(), self.clock.now());
        match self.users.create(Account { user: user.clone(), password: None }).await {
            Err(CreateError::Taken) => match self.users.find(&identity).await? {
                Some(Account { user, .. }) => Ok(user),
                None => Err(AuthError::Unavailable("the account vanished while it was created".into())),
            },
            Err(CreateError::Store(error)) => Err(error.into()),
            Ok(()) => Ok(user),
        }
    }
}
