//! Whether a user reads the mail of an address: a code that is mailed there shows it.

use super::{Auth, AuthError, Caller, Device, MOST_TRIES, mailing::DueMail};
use crate::{
    id::IdentityId,
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

impl Auth {
    /// The mail with which the caller verifies one of their addresses; `None` if they have none of this id.
    ///
    /// # Errors
    /// [`AuthError::NoMail`], [`AuthError::InvalidToken`], [`AuthError::Disabled`], or a failing port.
    pub async fn ask_for_verification(&self, caller: &Caller, id: IdentityId) -> Result<Option<DueMail>, AuthError> {
        if self.mailer.is_none() {
            return Err(AuthError::NoMail);
        }
        let account = self.account(caller).await?;
        let Some(email) = email_of(&account, id) else { return Ok(None) };
        let unverified = Some(account).filter(|account| !account.user.reads(&email));
        Ok(Some(DueMail::about_address(email, unverified)))
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
        let account = self.mark_verified(account, &email).await?;
        Ok(account.user.identities.into_iter().find(|linked| linked.id == id))
    }

    /// Verifies somebody's address: the operator's way, who knows whose it is. `false` if nobody has it.
    ///
    /// # Errors
    /// [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn vouch_for(&self, email: Email) -> Result<bool, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let Some(account) = account else { return Ok(false) };
        Ok(self.mark_verified(account, &email).await?.user.reads(&email))
    }

    /// Whether the address must be verified first.
    pub(super) fn must_verify(&self, account: &Account, email: &Email) -> bool {
        self.policy.email_verification == EmailVerification::Required && !account.user.reads(email)
    }

    /// The mail that is due once somebody has an address.
    pub(super) fn mail_about(&self, account: &Account, email: Email) -> Option<DueMail> {
        let is_due = self.policy.email_verification == EmailVerification::Asked && !account.user.reads(&email);
        is_due.then(|| DueMail::about_address(email, Some(account.clone())))
    }

    /// Passes where the code was mailed to the address for this user, or is not needed any more.
    ///
    /// Wrong ones count as wrong passwords of the address they come from.
    pub(super) async fn require_code(
        &self,
        account: &Account,
        email: &Email,
        code: &str,
        device: &Device,
    ) -> Result<(), AuthError> {
        if account.user.reads(email) {
            return Ok(());
        }
        let now = self.clock.now();
        self.wrong_passwords.check(device.address, now)?;
        let keys = self.keys.playback_keys().await?;
        if CodePurpose::verification(account.user.id, email).is_typed(code, &keys, now) {
            return Ok(());
        }
        self.wrong_passwords.count(device.address, now);
        Err(AuthError::InvalidCode)
    }

    /// The account with its address verified, which it may have lost meanwhile.
    pub(super) async fn mark_verified(&self, mut from: Account, email: &Email) -> Result<Account, AuthError> {
        for _ in 0..MOST_TRIES {
            let mut to = from.clone();
            let unverified =
                |linked: &&mut LinkedIdentity| linked.identity.is_email(email) && linked.verified_at.is_none();
            for linked in to.user.identities.iter_mut().filter(unverified) {
                linked.verified_at = Some(self.clock.now());
            }
            if to == from || self.update(from, to.clone()).await? {
                return Ok(to);
            }
            from = self.users.account(to.user.id).await?.ok_or(AuthError::InvalidToken)?;
        }
        Err(AuthError::Busy)
    }
}

fn email_of(account: &Account, id: IdentityId) -> Option<Email> {
    account.user.identities.iter().find(|linked| linked.id == id).and_then(|linked| match &linked.identity {
        Identity::Email(email) => Some(email.clone()),
        Identity::Oidc(_) | Identity::Social(_) => None,
    })
}
