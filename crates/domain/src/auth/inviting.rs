//! Inviting somebody to sign up.

use super::{Auth, AuthError, Mailed};
use crate::{
    mail::{CodePurpose, Mail, MailedCode, Message},
    user::Email,
};

/// With what somebody signs up while sign-up is closed as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The address they sign up with.
    pub email: Email,
    /// The code they send.
    pub code: MailedCode,
}

impl Auth {
    /// Invites somebody: the operator's way.
    ///
    /// # Errors
    /// [`AuthError::EmailTaken`], or a failing port.
    pub async fn invite(&self, email: Email) -> Result<Invitation, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        if account.is_some() {
            return Err(AuthError::EmailTaken);
        }
        let code = CodePurpose::invitation(&email).issue(&self.keys.playback_keys().await?, self.clock.now());
        Ok(Invitation { email, code })
    }

    /// Mails an invitation, where mail is sent.
    pub async fn mail_invitation(&self, invitation: Invitation) -> Mailed {
        let Invitation { email, code } = invitation;
        self.deliver(Mail { to: email, message: Message::Invitation(code) }).await
    }
}
