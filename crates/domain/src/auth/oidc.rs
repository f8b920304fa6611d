//! Signing in with an account at an OpenID provider, which its ID token proves.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, Grant, require_enabled};
use crate::{
    oidc::{IdToken, IdTokenClaims, IdTokenFlaw, Nonce, ProviderName},
    ports::{CreateError, IdTokenError},
    session::TokenForm,
    user::{Account, Identity, LinkedIdentity, SocialId, User},
};

/// In how many steps a sign-in finds its account: to claim it takes three, and others may change it meanwhile.
const MOST_STEPS: usize = 6;

impl Auth {
    /// How long a token without a nonce may be accepted: longer than any is after it was issued.
    const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);
    /// How much longer it is remembered that something was used: one server forgets it by its clock, and another might
    /// accept it again by its own.
    const CLOCKS_APART: TimeDelta = TimeDelta::days(1);

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
        client: &str,
    ) -> Result<Grant, AuthError> {
        let claims = self.prove(provider, &token, Some(nonce)).await?;
        let subject = claims.subject.subject().to_owned();
        let social = claims.network.and_then(|network| SocialId::parse(network, subject).ok());
        let identity = Identity::Oidc(claims.subject);
        let user = self.user_of(identity.clone(), social.as_ref()).await?;
        let grant = self.open_session(user, client, TokenForm::Prefixed).await?;
        self.confirm(grant, &identity, None).await
    }

    /// Lets the caller sign in with an account at a provider, too.
    ///
    /// Who has proved nothing so far cannot: anybody may have come by their social id.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::UntrustedSocialId`], [`AuthError::UnknownProvider`],
    /// [`AuthError::InvalidIdToken`], [`AuthError::IdentityTaken`], [`AuthError::TooManyIdentities`], [`AuthError::Busy`]
    /// where the account changes all the time, or a failing port.
    pub async fn link_id_token(
        &self,
        caller: &Caller,
        provider: &ProviderName,
        token: IdToken,
        nonce: &str,
    ) -> Result<LinkedIdentity, AuthError> {
        self.require_recent(caller)?;
        if self.account(caller).await?.user.proved_since().is_none() {
            return Err(AuthError::UntrustedSocialId);
        }
        let claims = self.prove(provider, &token, Some(nonce)).await?;
        self.link(caller.user, Identity::Oidc(claims.subject)).await
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

    /// Whose proved identity it is: the user that has it, or that has the social id which it proves, or a new one.
    pub(super) async fn user_of(&self, identity: Identity, social: Option<&SocialId>) -> Result<User, AuthError> {
        for _ in 0..MOST_STEPS {
            match self.users.find(&identity).await? {
                Some(account) if account.user.disabled_at.is_some() => return Err(AuthError::Disabled),
                Some(account) if account.user.has_unproved() => self.end_unproved(account).await?,
                Some(account) => return Ok(account.user),
                None => self.claim_or_create(&identity, social).await?,
            }
        }
        Err(AuthError::Busy)
    }

    /// Who loses a race finds what the winner has made.
    async fn claim_or_create(&self, identity: &Identity, social: Option<&SocialId>) -> Result<(), AuthError> {
        let by_social_id = match social {
            Some(social) => self.users.find(&Identity::Social(social.clone())).await?,
            None => None,
        };
        if let Some(Account { user, .. }) = by_social_id {
            require_enabled(&user)?;
            return match self.link(user.id, identity.clone()).await {
                Ok(_) | Err(AuthError::IdentityTaken) => Ok(()),
                Err(error) => Err(error),
            };
        }
        if !self.policy.open_signup {
            return Err(AuthError::SignupClosed);
        }
        match self.create(self.new_id(), identity.clone(), None).await {
            Ok(_) | Err(CreateError::Taken) => Ok(()),
            Err(CreateError::Store(error)) => Err(error.into()),
        }
    }

    /// Ends what began by a social id alone, by whoever knew it: nothing more begins since there is a proof. Then the social
    /// id is linked anew, behind the proof, which says that it is done; where that is cut short, the next sign-in does it.
    async fn end_unproved(&self, from: Account) -> Result<(), AuthError> {
        self.users.close_sessions(from.user.id).await?;
        let mut to = from.clone();
        let (social, proved): (Vec<_>, Vec<_>) =
            from.user.identities.iter().cloned().partition(|linked| matches!(linked.identity, Identity::Social(_)));
        to.user.identities = proved;
        for linked in social {
            let anew = self.linked_last(&to.user, linked.identity);
            to.user.identities.push(anew);
        }
        // Changed meanwhile, it is looked at again.
        self.update(from, to).await.map(|_| ())
    }
}

impl From<IdTokenError> for AuthError {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::UnknownProvider => Self::UnknownProvider,
            IdTokenError::Flawed(flaw) => Self::InvalidIdToken(flaw),
            IdTokenError::Unavailable(source) => Self::ProviderUnavailable(source),
        }
    }
}
