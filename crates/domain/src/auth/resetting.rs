//! A forgotten password: a code that only whoever reads the user's mail is told lets them choose another one.

use super::{Auth, AuthError, Device, EmailVerification, MOST_TRIES, mailing::DueMail, require_enabled};
use crate::{
    attempts::AttemptKey,
    id::UserId,
    mail::{CodePurpose, MailedCode},
    user::{Account, Email, Identity, Password},
};

impl Auth {
    /// Takes it that somebody has forgotten their password, and answers the mail that is due.
    ///
    /// An address that nobody has costs the same time and the same calls.
    ///
    /// # Errors
    /// [`AuthError::NoMail`], [`AuthError::TooManyFromAddress`], or a failing port.
    pub async fn forgot_password(&self, email: Email, device: &Device) -> Result<DueMail, AuthError> {
        if self.mailer.is_none() {
            return Err(AuthError::NoMail);
        }
        let now = self.clock.now();
        self.sign_ups.check(device.address, now)?;
        self.sign_ups.count(device.address, now);
        let (email, account) = self.find_by_email(email).await?;
        Ok(DueMail::about_password(email, account))
    }

    /// The code that lets a user choose a new password, for the operator to hand over; `None` if nobody who has a password
    /// has this address.
    ///
    /// # Errors
    /// [`AuthError::Disabled`], [`AuthError::BeingErased`], or a failing port.
    pub async fn reset_code(&self, email: Email) -> Result<Option<MailedCode>, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let Some(account) = account else { return Ok(None) };
        require_enabled(&account.user)?;
        let (keys, now) = (self.keys.playback_keys().await?, self.clock.now());
        Ok(CodePurpose::password_reset(&account, &email).map(|purpose| purpose.issue(&keys, now)))
    }

    /// Replaces the password of whoever has been told a code, which verifies their address, ends all their sessions, API tokens
    /// and links, and unlinks their other email addresses: somebody else may have signed up with theirs, or come by their
    /// password, and could be told a code as well.
    ///
    /// Where addresses are to be verified, and theirs was not, it was not the reader of its mail who linked the other
    /// identities: they go as well.
    ///
    /// Wrong codes count as wrong passwords of the address they come from. They keep nobody waiting at other addresses, as
    /// wrong passwords do: a code cannot be guessed, and the owner must not be kept from theirs.
    ///
    /// # Errors
    /// [`AuthError::InvalidCode`], [`AuthError::TooManyFromAddress`], [`AuthError::Disabled`], [`AuthError::Busy`], or a
    /// failing port.
    pub async fn reset_password(
        &self,
        email: Email,
        code: &str,
        new: Password,
        device: &Device,
    ) -> Result<(), AuthError> {
        let now = self.clock.now();
        self.wrong_passwords.check(device.address, now)?;
        let (email, account) = self.find_by_email(email).await?;
        let keys = self.keys.playback_keys().await?;
        let is_typed = |account: &Account| {
            CodePurpose::password_reset(account, &email).is_some_and(|purpose| purpose.is_typed(code, &keys, now))
        };
        let Some(account) = account.filter(is_typed) else {
            self.wrong_passwords.count(device.address, now);
            return Err(AuthError::InvalidCode);
        };
        require_enabled(&account.user)?;
        let place = self.queue.enter_known(device.address)?;
        let to = self.passwords.hash(new).await?;
        drop(place);
        let is_strangers = self.policy.email_verification != EmailVerification::Off && !account.user.reads(&email);
        // Before, since the code is of no use any more to whoever has to try again; and after, since sessions make tokens.
        self.end_access(account.user.id).await?;
        self.keep_to(account.user.id, &email, is_strangers).await?;
        // Refused, the password was changed meanwhile, and the code is of no use any more.
        if !self.users.change_password(account.user.id, account.password, to, None).await? {
            return Err(AuthError::InvalidCode);
        }
        let account = self.keep_to(account.user.id, &email, is_strangers).await?;
        // Last: until then, whoever tries again finds what a stranger has linked meanwhile.
        let account = self.mark_verified(account, &email).await?;
        self.tokens.revoke_tokens(account.user.id).await?;
        self.know(AttemptKey::of_email(&email), device.address).await;
        Ok(())
    }

    /// The account with this address and no other, or with no other identity at all.
    async fn keep_to(&self, user: UserId, email: &Email, alone: bool) -> Result<Account, AuthError> {
        for _ in 0..MOST_TRIES {
            let from = self.users.account(user).await?.ok_or(AuthError::InvalidCode)?;
            let mut to = from.clone();
            to.user.identities.retain(|linked| match &linked.identity {
                Identity::Email(other) => other == email,
                Identity::Oidc(_) | Identity::Social(_) => !alone,
            });
            if to == from || self.update(from, to.clone()).await? {
                return Ok(to);
            }
        }
        Err(AuthError::Busy)
    }
}
