//! Whether a user reads the mail of an address: a code that is mailed there shows it.

use super::{Auth, AuthError, Caller, Device, mailing::DueMail};
use crate::{
    id::{IdentityId, UserId},
    mail::CodePurpose,
    user::{Account, Email, Identity, LinkedIdentity},
};

/// What is asked of whoever comes with an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailVerification {
    /// Nothing; who wants to may verify it.
    Off,
    /// They are mailed a code, and may use the address all the same.
    Asked,
    /// They come in by it, or link it, once they have given a code back.
    Required,
}

/// Whether somebody reads the mail of an address.
pub(super) enum Reader {
    /// They do.
    Verified,
    /// Nobody knows, and nobody has to.
    Unverified,
    /// Nobody knows, and they are to ask again with a code.
    CodeNeeded,
}

impl Auth {
    /// The mail with which the caller verifies one of their addresses; `None` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::NoMail`], [`AuthError::InvalidToken`], [`AuthError::Disabled`], or a failing port.
    pub async fn ask_for_verification(&self, caller: &Caller, id: IdentityId) -> Result<Option<DueMail>, AuthError> {
        if !self.sends_mail() {
            return Err(AuthError::NoMail);
        }
        let account = self.account(caller).await?;
        let Some(email) = email_of(&account, id) else { return Ok(None) };
        Ok(Some(DueMail::about_address(email, account)))
    }

    /// Verifies one of the caller's addresses with a code that was mailed there; `None` if they have none of this id.
    ///
    /// It may be asked for again, as by whoever got no answer: what is verified stays so, whatever code is sent.
    ///
    /// # Errors
    /// [`AuthError::InvalidCode`], [`AuthError::TooManyFromAddress`], [`AuthError::InvalidToken`], [`AuthError::Disabled`],
    /// [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn verify_email(
        &self,
        caller: &Caller,
        id: IdentityId,
        code: &str,
        device: &Device,
    ) -> Result<Option<LinkedIdentity>, AuthError> {
        let account = self.account(caller).await?;
        let Some(email) = email_of(&account, id) else { return Ok(None) };
        self.require_code(&account, &email, code, device).await?;
        self.verify_identity(account, &email, id).await
    }

    /// Verifies somebody's address: the operator's way, who knows whose it is. `false` if nobody has it.
    ///
    /// # Errors
    /// [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn vouch_for(&self, email: Email) -> Result<bool, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let Some(account) = account else { return Ok(false) };
        Ok(self.verify(account, &email).await?.user.reads(&email))
    }

    /// Verifies an address of a user: the operator's way, by its id. `None` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn vouch_for_identity(&self, user: UserId, id: IdentityId) -> Result<Option<LinkedIdentity>, AuthError> {
        let Some(account) = self.users.account(user).await? else { return Ok(None) };
        let Some(email) = email_of(&account, id) else { return Ok(None) };
        self.verify_identity(account, &email, id).await
    }

    /// What is known of somebody who comes with an address, and perhaps a code. Where none is needed, a wrong one does no
    /// harm.
    pub(super) async fn look_at_code(
        &self,
        account: &Account,
        email: &Email,
        code: Option<&str>,
        device: &Device,
    ) -> Result<Reader, AuthError> {
        let is_needed = self.policy.email_verification == EmailVerification::Required;
        match code {
            _ if account.user.reads(email) => Ok(Reader::Verified),
            None if is_needed => Ok(Reader::CodeNeeded),
            None => Ok(Reader::Unverified),
            Some(code) => match self.require_code(account, email, code, device).await {
                Ok(()) => Ok(Reader::Verified),
                Err(AuthError::InvalidCode) if !is_needed => Ok(Reader::Unverified),
                Err(error) => Err(error),
            },
        }
    }

    /// The mail that is due once somebody has an address, where they are asked.
    pub(super) fn if_asked(&self, mail: DueMail) -> Option<DueMail> {
        Some(mail).filter(|_| self.policy.email_verification == EmailVerification::Asked)
    }

    /// Passes where the code was mailed to the address for this user, or is not needed any more.
    async fn require_code(
        &self,
        account: &Account,
        email: &Email,
        code: &str,
        device: &Device,
    ) -> Result<(), AuthError> {
        if account.user.reads(email) {
            return Ok(());
        }
        self.require_typed(Some(CodePurpose::verification(account.user.id, email)), code, device).await
    }

    /// Passes with a code for this.
    ///
    /// Wrong ones count as wrong passwords of the address they come from. They keep nobody waiting at other addresses, as
    /// wrong passwords do: a code cannot be guessed, and the owner must not be kept from theirs.
    pub(super) async fn require_typed(
        &self,
        purpose: Option<CodePurpose<'_>>,
        code: &str,
        device: &Device,
    ) -> Result<(), AuthError> {
        let now = self.clock.now();
        self.wrong_passwords.check(device.address, now)?;
        let keys = self.keys.playback_keys().await?;
        if purpose.is_some_and(|purpose| purpose.is_typed(code, &keys, now)) {
            return Ok(());
        }
        self.wrong_passwords.count(device.address, now);
        Err(AuthError::InvalidCode)
    }

    async fn verify_identity(
        &self,
        account: Account,
        email: &Email,
        id: IdentityId,
    ) -> Result<Option<LinkedIdentity>, AuthError> {
        let account = self.verify(account, email).await?;
        Ok(account.user.identities.into_iter().find(|linked| linked.id == id))
    }

    /// The account with its address verified, which it may have lost meanwhile.
    pub(super) async fn verify(&self, account: Account, email: &Email) -> Result<Account, AuthError> {
        if account.user.reads(email) {
            return Ok(account);
        }
        let verify = |account: &mut Account| {
            account.user.verify(email, self.clock.now());
            Ok(())
        };
        self.change(account.user.id, verify).await
    }
}

fn email_of(account: &Account, id: IdentityId) -> Option<Email> {
    account.user.identities.iter().find(|linked| linked.id == id).and_then(|linked| match &linked.identity {
        Identity::Email(email) => Some(email.clone()),
        Identity::Oidc(_) | Identity::Social(_) => None,
    })
}
