//! Mails with codes: to whom, about what, and how many.

use super::{Auth, AuthError, require_enabled};
use crate::{
    mail::{CodePurpose, Mail, Message},
    ports::{BoxError, MailError},
    user::{Account, Email},
};

/// A mail that is due, if the address is anybody's: what is done about it takes its time, and must not tell.
#[derive(Debug)]
pub struct DueMail {
    to: Email,
    /// Who has the address, or wants to have it.
    account: Option<Account>,
    about: About,
}

#[derive(Debug, Clone, Copy)]
enum About {
    Password,
    Address,
}

/// What was asked for, and the mail that is due about it.
#[derive(Debug)]
pub struct WithMail<T> {
    /// Unless a code from the mail is to be sent along.
    pub done: Option<T>,
    /// The mail, if there is one.
    pub mail: Option<DueMail>,
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

impl DueMail {
    /// To whoever has forgotten their password.
    pub(super) fn about_password(to: Email, account: Option<Account>) -> Self {
        Self { to, account, about: About::Password }
    }

    /// To whoever is to verify their address, or knows no more that they have.
    pub(super) fn about_address(to: Email, account: Option<Account>) -> Self {
        Self { to, account, about: About::Address }
    }
}

impl<T> WithMail<T> {
    /// Done, and no mail is due.
    pub(super) fn done(done: T) -> Self {
        Self { done: Some(done), mail: None }
    }

    /// To be asked for again with the code that is in a mail.
    pub(super) fn code_needed(mail: DueMail) -> Self {
        Self { done: None, mail: Some(mail) }
    }
}

impl Auth {
    /// Sends a mail that is due; it goes to the address as it is filed, whoever typed it how.
    ///
    /// Nobody is sent more than a few in half an hour, and nobody who is not let in.
    ///
    /// # Errors
    /// A failing port, which the client must not hear of.
    pub async fn mail(&self, due: DueMail) -> Result<Mailed, AuthError> {
        let DueMail { to, account, about } = due;
        let account = account.filter(|account| require_enabled(&account.user).is_ok());
        let (Some(account), Some(mailer)) = (account, &self.mailer) else { return Ok(Mailed::Nothing) };
        let (now, keys) = (self.clock.now(), self.keys.playback_keys().await?);
        let purpose = match about {
            About::Password => CodePurpose::password_reset(&account, &to),
            About::Address => Some(CodePurpose::verification(account.user.id, &to)),
        };
        let Some(purpose) = purpose else { return Ok(Mailed::Nothing) };
        let message = match about {
            About::Password => Message::ResetPassword(purpose.issue(&keys, now)),
            About::Address if account.user.reads(&to) => Message::AccountExists,
            About::Address => Message::VerifyEmail(purpose.issue(&keys, now)),
        };
        for number in 0..CodePurpose::MOST_MAILS {
            let (mail, ends_at) = purpose.nth_mail(number, now);
            if self.single_use.use_up(mail, ends_at + Self::CLOCKS_APART).await? {
                return match mailer.send(Mail { to: to.clone(), message }).await {
                    Ok(()) => Ok(Mailed::Sent),
                    Err(MailError::Refused(_)) => Ok(Mailed::Refused),
                    Err(MailError::Unavailable(error)) => Ok(Mailed::Failed(error)),
                };
            }
        }
        Ok(Mailed::Nothing)
    }
}
