//! What a user signs in with, of which they may have several.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, MOST_TRIES, require_enabled};
use crate::{
    id::IdentityId,
    ports::UpdateError,
    user::{Account, Email, Identity, LinkedIdentity, Password, User},
};

impl Auth {
    /// How long after they have signed in somebody may change what they sign in with: whoever finds a phone unlocked, or
    /// a token, must not take the account with it.
    pub const RECENT: TimeDelta = TimeDelta::minutes(15);

    /// The caller, with what they sign in with.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] if there is no such user any more, [`AuthError::Disabled`], or a failing port.
    pub async fn user(&self, caller: &Caller) -> Result<User, AuthError> {
        Ok(self.account(caller).await?.user)
    }

    /// Lets the caller sign in with another email address and the password they have.
    ///
    /// Who has none has proved nothing so far: anybody may have come by their social id.
    /// It may be asked for again, as by whoever got no answer: then it is linked already.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::SignupClosed`], [`AuthError::UntrustedSocialId`],
    /// [`AuthError::WrongPassword`], [`AuthError::EmailTaken`], [`AuthError::TooManyIdentities`], [`AuthError::Busy`]
    /// where the account changes all the time, or a failing port.
    pub async fn link_email(
        &self,
        caller: &Caller,
        email: Email,
        password: Password,
    ) -> Result<LinkedIdentity, AuthError> {
        self.require_recent(caller)?;
        if !self.policy.open_signup {
            return Err(AuthError::SignupClosed);
        }
        let identity = Identity::Email(email);
        for _ in 0..MOST_TRIES {
            let from = self.account(caller).await?;
            self.require_own(&from, password.clone()).await?;
            if let Some(linked) = from.user.identities.iter().find(|linked| linked.identity == identity) {
                return Ok(linked.clone());
            }
            if from.user.identities.len() >= User::MOST_IDENTITIES {
                return Err(AuthError::TooManyIdentities);
            }
            let linked = self.linked_last(&from.user, identity.clone());
            let mut to = from.clone();
            to.user.identities.push(linked.clone());
            if self.update(from, to).await? {
                return Ok(linked);
            }
        }
        Err(AuthError::Busy)
    }

    /// Takes one of the caller's identities from them; `false` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::LastIdentity`] if no email address would be left, [`AuthError::Busy`] where
    /// the account changes all the time, or a failing port.
    pub async fn unlink(&self, caller: &Caller, id: IdentityId) -> Result<bool, AuthError> {
        self.require_recent(caller)?;
        for _ in 0..MOST_TRIES {
            let from = self.account(caller).await?;
            let mut to = from.clone();
            to.user.identities.retain(|linked| linked.id != id);
            if to.user.identities.len() == from.user.identities.len() {
                return Ok(false);
            }
            if to.user.email().is_none() {
                return Err(AuthError::LastIdentity);
            }
            if self.update(from, to).await? {
                return Ok(true);
            }
        }
        Err(AuthError::Busy)
    }

    pub(super) async fn account(&self, caller: &Caller) -> Result<Account, AuthError> {
        let account = self.users.account(caller.user).await?.ok_or(AuthError::InvalidToken)?;
        // Whose session is about to end.
        require_enabled(&account.user)?;
        Ok(account)
    }

    fn require_recent(&self, caller: &Caller) -> Result<(), AuthError> {
        let age = self.clock.now() - caller.session.created_at;
        if age <= Self::RECENT { Ok(()) } else { Err(AuthError::NotRecent) }
    }

    async fn require_own(&self, account: &Account, password: Password) -> Result<(), AuthError> {
        let hash = account.password.clone().ok_or(AuthError::UntrustedSocialId)?;
        if self.passwords.verify(password, hash).await? { Ok(()) } else { Err(AuthError::WrongPassword) }
    }

    /// After all others of the user, also where a clock was set back.
    fn linked_last(&self, user: &User, identity: Identity) -> LinkedIdentity {
        let now = self.clock.now();
        let last = user.identities.iter().map(|linked| linked.linked_at).max();
        let linked_at = last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1)));
        LinkedIdentity { id: IdentityId::generate(now), identity, linked_at }
    }

    /// `false` if it was changed meanwhile.
    pub(super) async fn update(&self, from: Account, to: Account) -> Result<bool, AuthError> {
        match self.users.update(from, to).await {
            Ok(()) => Ok(true),
            Err(UpdateError::Changed) => Ok(false),
            Err(UpdateError::Taken) => Err(AuthError::EmailTaken),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }
}
