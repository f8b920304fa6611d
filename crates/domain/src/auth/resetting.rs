//! A forgotten password: a code that only whoever reads the user's mail is told lets them choose another one.

use super::{Auth, AuthError, Device, MOST_TRIES, require_enabled};
use crate::{
    attempts::AttemptKey,
    id::UserId,
    mail::{Mail, ResetCode},
    ports::{BoxError, MailError},
    user::{Account, Email, Identity, Password},
};

/// Whose password is to be reset, if it is anybody's: what is done about it takes its time, and must not tell.
pub struct Forgotten {
    email: Email,
    account: Option<Account>,
}

/// What has become of a mail.
#[derive(Debug)]
pub enum Mailed {
    /// There was none to be sent.
    Nothing,
    /// It is on its way.
    Sent,
    /// Its address takes none.
    Refused,
    /// The mail server takes none now.
    Failed(BoxError),
}

impl Auth {
    /// Takes it that somebody has forgotten their password. [`Self::mail_code`] does the rest.
    ///
    /// An address that nobody has costs the same time and the same calls.
    ///
    /// # Errors
    /// [`AuthError::NoMail`], [`AuthError::TooManyFromAddress`], or a failing port.
    pub async fn forgot_password(&self, email: Email, device: &Device) -> Result<Forgotten, AuthError> {
        if self.mailer.is_none() {
            return Err(AuthError::NoMail);
        }
        let now = self.clock.now();
        self.sign_ups.check(device.address, now)?;
        self.sign_ups.count(device.address, now);
        let (email, account) = self.find_by_email(email).await?;
        Ok(Forgotten { email, account })
    }

    /// Mails a code to whoever has forgotten their password; it goes to the address as it is filed, whoever typed it how.
    ///
    /// Nobody is sent more than a few in half an hour, and nobody who is not let in.
    ///
    /// # Errors
    /// A failing port, which the client must not hear of.
    pub async fn mail_code(&self, forgotten: Forgotten) -> Result<Mailed, AuthError> {
        let Forgotten { email, account } = forgotten;
        let account = account.filter(|account| require_enabled(&account.user).is_ok());
        let (Some(account), Some(mailer)) = (account, &self.mailer) else { return Ok(Mailed::Nothing) };
        let now = self.clock.now();
        let keys = self.keys.playback_keys().await?;
        let Some(code) = ResetCode::issue(&account, &email, &keys, now) else { return Ok(Mailed::Nothing) };
        for number in 0..ResetCode::MOST_MAILS {
            let (mail, ends_at) = code.nth_mail(number, now);
            if self.single_use.use_up(mail, ends_at + Self::CLOCKS_APART).await? {
                return match mailer.send(Mail { to: email, code }).await {
                    Ok(()) => Ok(Mailed::Sent),
                    Err(MailError::Refused(_)) => Ok(Mailed::Refused),
                    Err(MailError::Unavailable(error)) => Ok(Mailed::Failed(error)),
                };
            }
        }
        Ok(Mailed::Nothing)
    }

    /// The code that lets a user choose a new password, for the operator to hand over; `None` if nobody who has a password
    /// has this address.
    ///
    /// # Errors
    /// [`AuthError::Disabled`], [`AuthError::BeingErased`], or a failing port.
    pub async fn reset_code(&self, email: Email) -> Result<Option<ResetCode>, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let Some(account) = account else { return Ok(None) };
        require_enabled(&account.user)?;
        Ok(ResetCode::issue(&account, &email, &self.keys.playback_keys().await?, self.clock.now()))
    }

    /// Replaces the password of whoever has been told a code, ends all their sessions, API tokens and links, and unlinks their
    /// other email addresses: somebody else may have signed up with theirs, or come by their password, and could be told a
    /// code as well.
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
        let Some(account) = account.filter(|account| ResetCode::is_typed(code, account, &email, &keys, now)) else {
            self.wrong_passwords.count(device.address, now);
            return Err(AuthError::InvalidCode);
        };
        require_enabled(&account.user)?;
        let place = self.queue.enter_known(device.address)?;
        let to = self.passwords.hash(new).await?;
        drop(place);
        // Before, since the code is of no use any more to whoever has to try again; and after, since sessions make tokens.
        self.end_access(account.user.id).await?;
        self.unlink_other_emails(account.user.id, &email).await?;
        // Refused, the password was changed meanwhile, and the code is of no use any more.
        if !self.users.change_password(account.user.id, account.password, to, None).await? {
            return Err(AuthError::InvalidCode);
        }
        self.unlink_other_emails(account.user.id, &email).await?;
        self.tokens.revoke_tokens(account.user.id).await?;
        self.know(AttemptKey::of_email(&email), device.address).await;
        Ok(())
    }

    async fn unlink_other_emails(&self, user: UserId, email: &Email) -> Result<(), AuthError> {
        for _ in 0..MOST_TRIES {
            let from = self.users.account(user).await?.ok_or(AuthError::InvalidCode)?;
            let mut to = from.clone();
            to.user.identities.retain(|linked| match &linked.identity {
                Identity::Email(other) => other == email,
                Identity::Oidc(_) | Identity::Social(_) => true,
            });
            if to == from || self.update(from, to).await? {
                return Ok(());
            }
        }
        Err(AuthError::Busy)
    }
}
