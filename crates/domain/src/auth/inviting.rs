//! Inviting somebody to sign up.

use super::{Auth, AuthError, Mailed};
use crate::{
    mail::{CodePurpose, Mail, MailedCode, Message},
    user::Email,
};

impl Auth {
    /// The code with which somebody signs up with this address, while sign-up is closed as well: the operator's way. It is
    /// mailed to them where mail is sent.
    ///
    /// # Errors
    /// [`AuthError::EmailTaken`], or a failing port.
    pub async fn invite(&self, email: Email) -> Result<(MailedCode, Mailed), AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        if account.is_some() {
            return Err(AuthError::EmailTaken);
        }
        let code = CodePurpose::invitation(&email).issue(&self.keys.playback_keys().await?, self.clock.now());
        let mail = Mail { to: email, message: Message::Invitation(code.clone()) };
        Ok((code, self.deliver(mail).await))
    }
}
