//! What a user signs in with, of which they may have several.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, MOST_TRIES, require_enabled};
use crate::{
    id::{IdentityId, UserId},
    ports::UpdateError,
    user::{Account, Email, Identity, LinkedIdentity, Password, PasswordHash, User},
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

    /// Lets the caller sign in with another email address and the password they have; or get with it, if they came by a
    /// provider.
    ///
    /// Who has proved nothing so far cannot: anybody may have come by their social id.
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
            let hash = self.own_password(&from, password.clone()).await?;
            match self.try_link(from, identity.clone(), Some(hash)).await {
                Ok(None) => {}
                Ok(Some(linked)) => return Ok(linked),
                Err(AuthError::IdentityTaken) => return Err(AuthError::EmailTaken),
                Err(error) => return Err(error),
            }
        }
        Err(AuthError::Busy)
    }

    /// Takes one of the caller's identities from them; `false` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::LastIdentity`] if nothing would be left that proves who they are, [`AuthError::Busy`] where
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
            if to.user.proved_since().is_none() {
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

    pub(super) fn require_recent(&self, caller: &Caller) -> Result<(), AuthError> {
        let age = self.clock.now() - caller.session.created_at;
        if age <= Self::RECENT { Ok(()) } else { Err(AuthError::NotRecent) }
    }

    /// The hash of the caller's password, which this is, or is to be if they have none.
    async fn own_password(&self, account: &Account, password: Password) -> Result<PasswordHash, AuthError> {
        if let Some(hash) = account.password.clone() {
            let is_right = self.passwords.verify(password, hash.clone()).await?;
            return if is_right { Ok(hash) } else { Err(AuthError::WrongPassword) };
        }
        if account.user.proved_since().is_none() {
            return Err(AuthError::UntrustedSocialId);
        }
        Ok(self.passwords.hash(password).await?)
    }

    /// Gives a user an identity, which they may have already.
    pub(super) async fn link(&self, user: UserId, identity: Identity) -> Result<LinkedIdentity, AuthError> {
        for _ in 0..MOST_TRIES {
            let from = self.users.account(user).await?.ok_or(AuthError::InvalidToken)?;
            let password = from.password.clone();
            if let Some(linked) = self.try_link(from, identity.clone(), password).await? {
                return Ok(linked);
            }
        }
        Err(AuthError::Busy)
    }

    /// `None` if the account was changed meanwhile.
    async fn try_link(
        &self,
        from: Account,
        identity: Identity,
        password: Option<PasswordHash>,
    ) -> Result<Option<LinkedIdentity>, AuthError> {
        if let Some(linked) = from.user.identities.iter().find(|linked| linked.identity == identity) {
            return Ok(Some(linked.clone()));
        }
        if from.user.identities.len() >= User::MOST_IDENTITIES {
            return Err(AuthError::TooManyIdentities);
        }
        let linked = self.linked_last(&from.user, identity);
        let mut to = Account { password, ..from.clone() };
        to.user.identities.push(linked.clone());
        Ok(self.update(from, to).await?.then_some(linked))
    }

    /// After all others of the user, also where a clock was set back.
    pub(super) fn linked_last(&self, user: &User, identity: Identity) -> LinkedIdentity {
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
            Err(UpdateError::Taken) => Err(AuthError::IdentityTaken),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }
}
