//! What a user signs in with, of which they may have several.

use chrono::TimeDelta;

use super::{
    Auth, AuthError, Caller, Device, MOST_TRIES, WithMail, mailing::DueMail, require_enabled, verifying::Reader,
};
use crate::{
    id::{IdentityId, UserId},
    ports::UpdateError,
    user::{Account, Email, Identity, LinkedIdentity, Password, PasswordHash, User},
};

/// Identities that a user has by now.
pub(super) struct Linked {
    /// The first of those that were asked for.
    first: LinkedIdentity,
    /// Those that were not there before.
    added: Vec<Identity>,
}

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
    /// It may be asked for again, as by whoever got no answer: then it is linked already. Where addresses are to be verified
    /// first, a code is mailed to whoever sends none.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::SignupClosed`], [`AuthError::UntrustedSocialId`],
    /// [`AuthError::WrongPassword`], [`AuthError::TooManyAttempts`], [`AuthError::InvalidCode`], [`AuthError::EmailTaken`],
    /// [`AuthError::TooManyIdentities`], [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn link_email(
        &self,
        caller: &Caller,
        email: Email,
        password: Password,
        code: Option<&str>,
        device: &Device,
    ) -> Result<WithMail<LinkedIdentity>, AuthError> {
        self.require_recent(caller)?;
        if !self.policy.open_signup {
            return Err(AuthError::SignupClosed);
        }
        let attempt = self.reserve_own_attempt(caller.user).await?;
        self.keep_for_its_user(&email).await?;
        let identities = [Identity::Email(email.clone())];
        for _ in 0..MOST_TRIES {
            let from = self.account_to_change(caller).await?;
            let hash = self.own_password(&from, password.clone()).await?;
            self.note_success(&attempt).await;
            let is_verified = match self.look_at_code(&from, &email, code, device).await? {
                Reader::CodeNeeded => return Ok(WithMail::CodeNeeded(DueMail::about_address(email, from))),
                Reader::Verified => true,
                Reader::Unverified => false,
            };
            match self.try_link(from, &identities, Some(hash)).await {
                Ok(None) => {}
                Ok(Some(linked)) => {
                    let linked = self.confirm_link(caller, linked).await?;
                    return self.verify_linked(caller, linked, email, is_verified).await;
                }
                Err(AuthError::IdentityTaken) => return Err(AuthError::EmailTaken),
                Err(error) => return Err(error),
            }
        }
        Err(AuthError::Busy)
    }

    /// What was linked, verified if it `is_verified`; or with the mail that is due about it.
    async fn verify_linked(
        &self,
        caller: &Caller,
        linked: LinkedIdentity,
        email: Email,
        is_verified: bool,
    ) -> Result<WithMail<LinkedIdentity>, AuthError> {
        let account = self.account(caller).await?;
        if !is_verified {
            let mail = self.if_asked(DueMail::about_address(email, account));
            return Ok(WithMail::Done(linked, mail));
        }
        let account = self.verify(account, &email).await?;
        let verified = account.user.identities.into_iter().find(|own| own.id == linked.id);
        Ok(WithMail::Done(verified.unwrap_or(linked), None))
    }

    /// Takes one of the caller's identities from them; `false` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::LastIdentity`] if nothing would be left that proves who they are,
    /// [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn unlink(&self, caller: &Caller, id: IdentityId) -> Result<bool, AuthError> {
        self.require_recent(caller)?;
        for _ in 0..MOST_TRIES {
            let from = self.account_to_change(caller).await?;
            let Some(unlinked) = from.user.identities.iter().find(|linked| linked.id == id) else { return Ok(false) };
            let to = self.without(&from, &unlinked.identity);
            if to.user.proved_since().is_none() {
                return Err(AuthError::LastIdentity);
            }
            if self.update(from, to).await? {
                return Ok(true);
            }
        }
        Err(AuthError::Busy)
    }

    /// What is left of an account without an identity. The social id that a provider proves goes with it, or it would lead
    /// whoever has that account at the provider in again; a password is of use with an email address.
    pub(super) fn without(&self, from: &Account, identity: &Identity) -> Account {
        let mut to = from.clone();
        let is_of_same = |other: &Identity| match (identity, other) {
            (Identity::Oidc(subject), Identity::Social(social)) => subject.subject() == social.id(),
            _ => identity == other,
        };
        to.user.identities.retain(|linked| !is_of_same(&linked.identity));
        if to.user.email().is_none() {
            to.password = None;
        }
        if to.user.has_unproved() {
            // Nothing else was: another proof was the first.
            self.link_social_ids_anew(&mut to.user);
        }
        to
    }

    /// The account of a caller who may change what it is signed in with.
    ///
    /// The session is looked at after the account: whoever proves that it is theirs links the proof, has all sessions end,
    /// and changes the account once more. Whatever state of it is read here, a session from before is refused.
    pub(super) async fn account_to_change(&self, caller: &Caller) -> Result<Account, AuthError> {
        let account = self.account(caller).await?;
        if account.user.has_unproved() {
            return Err(AuthError::NotRecent);
        }
        self.require_open(caller).await?;
        Ok(account)
    }

    async fn require_open(&self, caller: &Caller) -> Result<(), AuthError> {
        let open = self.users.session_of(caller.user, caller.session.id).await?;
        open.map(|_| ()).ok_or(AuthError::InvalidToken)
    }

    /// What was linked, unless the session that asked for it has ended meanwhile: then it is taken away again.
    async fn confirm_link(&self, caller: &Caller, linked: Linked) -> Result<LinkedIdentity, AuthError> {
        let Linked { first, added } = linked;
        match self.require_open(caller).await {
            Err(AuthError::InvalidToken) if !added.is_empty() => {}
            _ => return Ok(first),
        }
        for _ in 0..MOST_TRIES {
            let Some(from) = self.users.account(caller.user).await? else { break };
            let mut to = from.clone();
            to.user.identities.retain(|linked| !added.contains(&linked.identity));
            // What else there was may have been unlinked since.
            if to.user.proved_since().is_none() || self.update(from, to).await? {
                break;
            }
        }
        Err(AuthError::InvalidToken)
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
    pub(super) async fn own_password(&self, account: &Account, password: Password) -> Result<PasswordHash, AuthError> {
        if let Some(hash) = account.password.clone() {
            let is_right = self.passwords.verify(password, hash.clone()).await?;
            return if is_right { Ok(hash) } else { Err(AuthError::WrongPassword) };
        }
        if account.user.proved_since().is_none() {
            return Err(AuthError::UntrustedSocialId);
        }
        Ok(self.passwords.hash(password).await?)
    }

    /// Gives the caller identities, which they may have already; the first of them is answered.
    pub(super) async fn link(&self, caller: &Caller, identities: &[Identity]) -> Result<LinkedIdentity, AuthError> {
        for _ in 0..MOST_TRIES {
            let from = self.account_to_change(caller).await?;
            let password = from.password.clone();
            if let Some(linked) = self.try_link(from, identities, password).await? {
                return self.confirm_link(caller, linked).await;
            }
        }
        Err(AuthError::Busy)
    }

    /// `None` if the account was changed meanwhile.
    pub(super) async fn try_link(
        &self,
        from: Account,
        identities: &[Identity],
        password: Option<PasswordHash>,
    ) -> Result<Option<Linked>, AuthError> {
        let mut to = Account { password, ..from.clone() };
        let added: Vec<_> = identities.iter().filter(|identity| !from.user.has(identity)).cloned().collect();
        for identity in &added {
            to.user.identities.push(self.linked_last(&to.user, identity.clone()));
        }
        if to.user.identities.len() > User::MOST_IDENTITIES.max(from.user.identities.len()) {
            return Err(AuthError::TooManyIdentities);
        }
        let first = to.user.identities.iter().find(|linked| Some(&linked.identity) == identities.first()).cloned();
        let linked = first.map(|first| Linked { first, added });
        if to == from || self.update(from, to).await? { Ok(linked) } else { Ok(None) }
    }

    /// After all others of the user, also where a clock was set back.
    pub(super) fn linked_last(&self, user: &User, identity: Identity) -> LinkedIdentity {
        let now = self.clock.now();
        let last = user.identities.iter().map(|linked| linked.linked_at).max();
        let linked_at = last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1)));
        LinkedIdentity::new(IdentityId::generate(now), identity, linked_at)
    }

    /// A user's account, changed, also where others change it at the same time.
    pub(super) async fn change(
        &self,
        user: UserId,
        change: impl Fn(&mut Account) -> Result<(), AuthError> + Send + Sync,
    ) -> Result<Account, AuthError> {
        for _ in 0..MOST_TRIES {
            let from = self.users.account(user).await?.ok_or(AuthError::InvalidToken)?;
            let mut to = from.clone();
            change(&mut to)?;
            if to == from || self.update(from, to.clone()).await? {
                return Ok(to);
            }
        }
        Err(AuthError::Busy)
    }

    /// `false` if it was changed meanwhile.
    pub(super) async fn update(&self, from: Account, to: Account) -> Result<bool, AuthError> {
        if to.user.identities.is_empty() && to.user.erase_at.is_none() {
            // Nobody could come in any more.
            return Err(AuthError::LastIdentity);
        }
        match self.users.update(from, to).await {
            Ok(()) => Ok(true),
            Err(UpdateError::Changed) => Ok(false),
            Err(UpdateError::Taken) => Err(AuthError::IdentityTaken),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }
}
