//! How mail is sent.

use anyhow::Context as _;
use tapebase_adapters::smtp::{Links, Smtp};

use crate::{Config, MailConfig};

impl Config {
    /// The mail server, if there is one.
    ///
    /// # Errors
    /// If it would be told passwords in the clear, or mail would come from nobody or lead nowhere.
    pub(crate) fn mailer(&self) -> anyhow::Result<Option<Smtp>> {
        let MailConfig { smtp, from, reset_link, verify_link, invite_link } = &self.mail;
        let Some(smtp) = smtp else { return Ok(None) };
        let from = from.as_ref().context("mail.from is missing: the address that mail comes from")?;
        let links = Links { reset: reset_link.clone(), verify: verify_link.clone(), invite: invite_link.clone() };
        Ok(Some(Smtp::new(smtp.expose(), from, links)?))
    }
}
