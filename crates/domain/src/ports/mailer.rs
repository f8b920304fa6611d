//! The port for mail.

use async_trait::async_trait;

use super::BoxError;
use crate::mail::Mail;

/// Sends mail.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to whoever delivers it, in words of this adapter's own.
    ///
    /// - It MUST be to the address, and have the code, as they are.
    /// - It MUST return within a minute, and fail if nobody has taken the mail by then.
    async fn send(&self, mail: Mail) -> Result<(), BoxError>;
}
