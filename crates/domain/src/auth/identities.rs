//! What a user signs in with, of which they may have several.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, MOST_TRIES};
use crate::{
    id::IdentityId,
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
    /// [`AuthError::InvalidToken`] if there is no such user any more, or a failing port.
    pub async fn user(&self, caller: &Caller) -> Result<User, AuthError> {
        Ok(self.account(caller).await?.user)
    }

    /// Lets the caller sign in with an email address, too. The password becomes theirs, or is theirs already.
    ///
    /// It may be asked for again, as by whoever got no answer: then it is linked already.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::WrongPassword`], [`AuthError::EmailTaken`],
    /// [`AuthError::TooManyIdentities`], [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn link_email(
        &self,
        caller: &Caller,
        email: Email,
        password: Password,
    ) -> Result<LinkedIdentity, AuthError> {
        self.require_recent(caller)?;
        let identity = Identity::Email(email);
        for _ in 0..MOST_TRIES {
            let from = self.account(caller).await?;
            let hash = self.own_password(&from, password.clone()).await?;
            if let Some(linked) = from.user.identities.iter().find(|linked| linked.identity == identity) {
                return Ok(linked.clone());
            }
            let now = self.clock.now();
            let linked = LinkedIdentity { id: IdentityId::generate(now), identity: identity.clone(), linked_at: now };
            let mut to = Account { password: Some(hash), ..from.clone() };
            to.user.identities.push(linked.clone());
            if to.user.identities.len() > User::MOST_IDENTITIES {
                return Err(AuthError::TooManyIdentities);
            }
            if self.update(from, to).await? {
                return Ok(linked);
            }
        }
        Err(AuthError::Busy)
    }

    /// Takes one of the caller's identities from them; `false` if they have none of this id. The password goes with
    /// their last email address.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::LastIdentity`], [`AuthError::Busy`] where the account changes all the
    /// time, or a failing port.
    pub async fn unlink(&self, caller: &Caller, id: IdentityId) -> Result<bool, AuthError> {
        self.require_recent(caller)?;
        for _ in 0..MOST_TRIES {
            let from = self.account(caller).await?;
            let mut to = from.clone();
            to.user.identities.retain(|linked| linked.id != id);
            if to.user.identities.len() == from.user.identities.len() {
                return Ok(false);
            }
            if to.user.identities.is_empty() {
                return Err(AuthError::LastIdentity);
            }
            if to.user.email().is_none() {
                to.password = None;
            }
            if self.update(from, to).await? {
                return Ok(true);
            }
        }
        Err(AuthError::Busy)
    }

    pub(super) async fn account(&self, caller: &Caller) -> Result<Account, AuthError> {
        self.users.account(caller.user).await?.ok_or(AuthError::InvalidToken)
    }

    fn require_recent(&self, caller: &Caller) -> Result<(), AuthError> {
        let age = self.clock.now() - caller.session.created_at;
        if age <= Self::RECENT { Ok(()) } else { Err(AuthError::NotRecent) }
    }

    /// The hash of a password that is the account's, or is to become so where it has none.
    async fn own_password(&self, account: &Account, password: Password) -> Result<PasswordHash, AuthError> {
        let Some(hash) = account.password.clone() else { return Ok(self.passwords.hash(password).await?) };
        if self.passwords.verify(password, hash.clone()).await? { Ok(hash) } else { Err(AuthError::WrongPassword) }
    }

    /// `false` if it was changed meanwhile.
    async fn update(&self, from: Account, to: Account) -> Result<bool, AuthError> {
        match self.users.update(from, to).await {
            Ok(()) => Ok(true),
            Err(UpdateError::Changed) => Ok(false),
            Err(UpdateError::Taken) => Err(AuthError::EmailTaken),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }
}
