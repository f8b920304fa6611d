//! Whose account it is that somebody proves an identity of, and what becomes of one that was given for a social id alone.
//!
//! Three steps make it its owner's: the proof is linked, from when on nothing begins without one; all that began before
//! ends; the social id is linked anew, behind the proof, which says that it is done. No clock is asked whether it is.

use std::slice;

use super::{Auth, AuthError, require_enabled};
use crate::{
    oidc::OidcSubject,
    ports::CreateError,
    user::{Account, Identity, SocialId, User},
};

/// In how many steps a sign-in finds its account: to claim one takes three, and others may change it meanwhile.
const MOST_STEPS: usize = 6;

impl Auth {
    /// Whose proved identity it is: the user that has it, or who has had nothing but the social id which it proves, or a
    /// new one, who gets both.
    pub(super) async fn user_of(&self, identity: Identity, social: Option<&SocialId>) -> Result<User, AuthError> {
        for _ in 0..MOST_STEPS {
            let Some(account) = self.users.find(&identity).await? else {
                self.claim_or_create(&identity, social).await?;
                continue;
            };
            require_enabled(&account.user)?;
            if !account.user.has_unproved() {
                return Ok(account.user);
            }
            self.end_unproved(account).await?;
        }
        Err(AuthError::Unavailable("an identity is taken by nobody, or changes hands all the time".into()))
    }

    /// Who loses a race finds what the winner has made.
    async fn claim_or_create(&self, identity: &Identity, social: Option<&SocialId>) -> Result<(), AuthError> {
        let social = social.map(|social| Identity::Social(social.clone()));
        let by_social_id = match &social {
            Some(social) => self.users.find(social).await?,
            None => None,
        };
        let is_free = by_social_id.is_none();
        if let Some(account) = by_social_id.filter(|account| account.user.proved_since().is_none()) {
            require_enabled(&account.user)?;
            let password = account.password.clone();
            return match self.try_link(account, slice::from_ref(identity), password).await {
                Ok(_) | Err(AuthError::IdentityTaken) => Ok(()),
                Err(error) => Err(error),
            };
        }
        if !self.policy.open_signup {
            return Err(AuthError::SignupClosed);
        }
        let mut user = User::new(self.new_id(), identity.clone(), self.clock.now());
        if let Some(social) = social.filter(|_| is_free) {
            user.identities.push(self.linked_last(&user, social));
        }
        match self.users.create(Account { user, password: None }).await {
            Ok(()) | Err(CreateError::Taken) => Ok(()),
            Err(CreateError::Store(error)) => Err(error.into()),
        }
    }

    /// Where it is cut short, the next sign-in does it.
    async fn end_unproved(&self, from: Account) -> Result<(), AuthError> {
        self.end_access(from.user.id).await?;
        let mut to = from.clone();
        self.link_social_ids_anew(&mut to.user);
        // Changed meanwhile, it is looked at again.
        self.update(from, to).await.map(|_| ())
    }

    /// Behind all that is proved.
    pub(super) fn link_social_ids_anew(&self, user: &mut User) {
        let social: Vec<_> = user.identities.extract_if(.., |linked| !linked.identity.is_proof()).collect();
        for linked in social {
            user.identities.push(self.linked_last(user, linked.identity));
        }
    }

    /// Gives a user the social id that a client of 2018 calls them by, where they were made before it was known to be
    /// theirs.
    pub(super) async fn add_social_id(
        &self,
        user: User,
        proof: &Identity,
        social: SocialId,
    ) -> Result<User, AuthError> {
        let identity = [Identity::Social(social)];
        if user.has(&identity[0]) {
            return Ok(user);
        }
        for _ in 0..MOST_STEPS {
            let from = self.users.account(user.id).await?.ok_or(AuthError::InvalidToken)?;
            require_enabled(&from.user)?;
            // It may have been unlinked meanwhile, and the social id goes with it.
            if !from.user.has(proof) {
                return Err(AuthError::WrongCredentials);
            }
            let password = from.password.clone();
            if self.try_link(from, &identity, password).await?.is_some() {
                return Ok(self.users.account(user.id).await?.ok_or(AuthError::InvalidToken)?.user);
            }
        }
        Err(AuthError::Busy)
    }

    /// Whether an account is of the very person at the provider that has the id, whoever has that account.
    pub(super) async fn is_of_somebody_proved(&self, social: &SocialId) -> Result<bool, AuthError> {
        let issuer = self.providers.of_network(social.network()).and_then(|provider| self.providers.issuer(&provider));
        let subject = issuer.and_then(|issuer| OidcSubject::parse(issuer, social.id().to_owned()).ok());
        let Some(subject) = subject else { return Ok(false) };
        Ok(self.users.find(&Identity::Oidc(subject)).await?.is_some())
    }
}
