//! Mails with codes: to whom, about what, and how many.

use super::{Auth, AuthError, require_enabled};
use crate::{
    mail::{CodePurpose, Mail, MailCount, Message},
    ports::{BoxError, MailError},
    time::Timestamp,
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
    /// They have forgotten it.
    Password,
    /// Somebody has signed up with it.
    SignUp,
    /// They have it, or want to, and are to show that they read its mail.
    Address,
}

/// What was asked for, and the mail that is due about it.
#[derive(Debug)]
pub enum WithMail<T> {
    /// Done; with the mail about it, if there is one.
    Done(T, Option<DueMail>),
    /// To be asked for again with the code that is in this mail.
    CodeNeeded(DueMail),
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

    /// To whoever has the address that somebody signs up with, who may have had it before.
    pub(super) fn about_sign_up(to: Email, account: Option<Account>) -> Self {
        Self { to, account, about: About::SignUp }
    }

    /// To whoever is to verify an address that they have, or want to have; nothing if they have.
    pub(super) fn about_address(to: Email, account: Account) -> Self {
        let account = Some(account).filter(|account| !account.user.reads(&to));
        Self { to, account, about: About::Address }
    }
}

impl Auth {
    /// Whether mail is sent.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.mailer.is_some()
    }

    /// Sends a mail that is due; it goes to the address as it is filed, whoever typed it how.
    ///
    /// Nobody is sent more than a few in half an hour, and nobody who is not let in.
    ///
    /// # Errors
    /// A failing port, which the client must not hear of.
    pub async fn mail(&self, due: DueMail) -> Result<Mailed, AuthError> {
        let DueMail { to, account: Some(account), about } = due else { return Ok(Mailed::Nothing) };
        let is_enabled = require_enabled(&account.user).is_ok();
        let is_known = account.user.reads(&to) || !is_enabled;
        let Account { user, .. } = &account;
        let verification = CodePurpose::verification(user.id, &to);
        let (now, keys) = (self.clock.now(), self.keys.playback_keys().await?);
        let verify = || Message::VerifyEmail(verification.issue(&keys, now));
        let (message, counts) = match about {
            About::SignUp if is_known => (Message::AccountExists, vec![MailCount::of_sign_ups(&to)]),
            About::SignUp => (verify(), vec![MailCount::of_sign_ups(&to)]),
            _ if !is_enabled => return Ok(Mailed::Nothing),
            About::Password => {
                let Some(purpose) = CodePurpose::password_reset(&account, &to) else { return Ok(Mailed::Nothing) };
                let mut counts = vec![MailCount::of_resets(user.id, &to)];
                // An account is made in a moment, and another one after it.
                counts.extend((!is_known).then(|| MailCount::of_unverified(&to)));
                (Message::ResetPassword(purpose.issue(&keys, now)), counts)
            }
            About::Address => (verify(), vec![MailCount::of_verifications(user.id), MailCount::of_unverified(&to)]),
        };
        if !self.sends_mail() {
            return Ok(Mailed::Nothing);
        }
        for count in counts {
            if !self.count_mail(&count, now).await? {
                return Ok(Mailed::Nothing);
            }
        }
        Ok(self.deliver(Mail { to, message }).await)
    }

    /// `false` if there were enough of them.
    async fn count_mail(&self, count: &MailCount, now: Timestamp) -> Result<bool, AuthError> {
        for (mail, ends_at) in count.each(now) {
            if self.single_use.use_up(mail, ends_at + Self::CLOCKS_APART).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What becomes of one mail.
    pub(super) async fn deliver(&self, mail: Mail) -> Mailed {
        let Some(mailer) = &self.mailer else { return Mailed::Nothing };
        match mailer.send(mail).await {
            Ok(()) => Mailed::Sent,
            Err(MailError::Refused(_)) => Mailed::Refused,
            Err(MailError::Unavailable(error)) => Mailed::Failed(error),
        }
    }
}
