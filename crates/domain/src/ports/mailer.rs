//! The port for mail.

use async_trait::async_trait;

use super::BoxError;
use crate::mail::Mail;

/// Why a mail is not on its way.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not to this address.
    #[error("the mail was refused")]
    Refused(#[source] BoxError),
    /// Nobody takes any mail now.
    #[error("no mail can be sent")]
    Unavailable(#[source] BoxError),
}

/// Sends mail.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to whoever delivers it, in words of this adapter's own.
    ///
    /// - It MUST be to the address, and have the code, as they are.
    /// - It MUST return within a minute, and fail if nobody has taken the mail by then.
    /// - No error MUST have the address in it, nor the code: it goes to a log.
    async fn send(&self, mail: Mail) -> Result<(), MailError>;
}
