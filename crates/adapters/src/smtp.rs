//! `Mailer` by any mail server that takes mail for delivery (SMTP, RFC 5321; submission, RFC 6409).

use std::{fmt, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_domain::{
    id::random_bytes,
    mail::{Mail, MailedCode, Message},
    ports::{BoxError, MailError, Mailer, causes},
    user::Email,
};
use tokio::{sync::Semaphore, time::timeout};

/// Why mail cannot be sent like that.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSmtp {
    /// A password, and every code, would be anybody's on the way.
    #[error(
        "mail.smtp must begin with smtps:// or smtp://, as in smtps://USER:PASSWORD@smtp.example.com; user and password percent-encoded"
    )]
    Url,
    /// Mail comes from nobody.
    #[error("mail.from must be an address, as in `Recorder <no-reply@example.com>`")]
    From,
    /// Whoever opens it would have no code.
    #[error(
        "mail.reset_link, mail.verify_link and mail.invite_link must be links with {{code}} in them, as in https://app.example.com/reset?email={{email}}&code={{code}}"
    )]
    Link,
}

/// What mails lead to, with `{email}` and `{code}`; to nothing otherwise, and people type the code into the app.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Where a new password is chosen.
    pub reset: Option<String>,
    /// Where an address is verified.
    pub verify: Option<String>,
    /// Where whoever is invited signs up.
    pub invite: Option<String>,
}

/// A mail server, and what it is told of every mail.
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    links: Links,
    waiting: Semaphore,
    connections: Semaphore,
}

impl Smtp {
    /// How many mails may wait, in this process; more are not sent.
    const WAITING: usize = 64;
    /// How many are handed over at once.
    const CONNECTIONS: usize = 4;
    /// How long handing one over may take, and how long connecting.
    const PATIENCE: Duration = Duration::from_secs(30);
    const CONNECTING: Duration = Duration::from_secs(10);

    /// Sends by the server at `url`, in the name of `from`.
    ///
    /// TLS is required, but on this very machine.
    ///
    /// # Errors
    /// [`InvalidSmtp`].
    pub fn new(url: &str, from: &str, links: Links) -> Result<Self, InvalidSmtp> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&with_tls(url)?).map_err(|_| InvalidSmtp::Url)?;
        let is_link = |link: &String| link.contains("{code}") && link.contains(':');
        if ![&links.reset, &links.verify, &links.invite].into_iter().flatten().all(is_link) {
            return Err(InvalidSmtp::Link);
        }
        Ok(Self {
            server: server.timeout(Some(Self::CONNECTING)).build(),
            from: from.parse().map_err(|_| InvalidSmtp::From)?,
            links,
            waiting: Semaphore::new(Self::WAITING),
            connections: Semaphore::new(Self::CONNECTIONS),
        })
    }

    /// Signs in at the mail server, and sends nothing.
    ///
    /// # Errors
    /// What keeps it from taking mail.
    pub async fn check(&self) -> Result<(), BoxError> {
        let answered = timeout(Self::PATIENCE, self.server.test_connection()).await;
        let takes_mail = answered.map_err(|_| "the mail server takes too long")??;
        if takes_mail { Ok(()) } else { Err("the mail server takes no mail".into()) }
    }

    fn message(&self, mail: &Mail) -> Result<lettre::Message, BoxError> {
        let id = format!("<{:032x}@{}>", u128::from_be_bytes(random_bytes()), self.from.email.domain());
        // Nobody's absence is answered to (RFC 3834 section 5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let (subject, text) = self.words(mail);
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, mail.to.in_ascii_domain().parse()?))
            .subject(subject)
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        Ok(message.body(text)?)
    }

    /// Subject and text.
    fn words(&self, Mail { to, message }: &Mail) -> (&'static str, String) {
        let (email, Links { reset, verify, invite }) = (to.as_str(), &self.links);
        match message {
            Message::ResetPassword(code) => (
                "Choose a new password",
                format!(
                    "Somebody, you perhaps, wants to choose a new password for the account of {email}.\n\n\
                     {}It can be used once, in the next {} minutes. Give it to nobody.\n\
                     If it was not you, do nothing: your password is what it was.\n",
                    paragraphs(to, code, reset.as_deref()),
                    code.lifetime().num_minutes()
                ),
            ),
            Message::VerifyEmail(code) => (
                "Verify your email address",
                format!(
                    "Somebody, you perhaps, has given {email} as their email address.\n\n\
                     {}It can be used in the next {} minutes. Give it to nobody.\n\
                     If it was not you, do nothing.\n",
                    paragraphs(to, code, verify.as_deref()),
                    code.lifetime().num_minutes()
                ),
            ),
            Message::Invitation(code) => (
                "You are invited",
                format!(
                    "You are invited to sign up with {email}.\n\n\
                     {}It can be used in the next {} days. Give it to nobody.\n",
                    paragraphs(to, code, invite.as_deref()),
                    code.lifetime().num_days()
                ),
            ),
            Message::AccountExists => (
                "You have an account already",
                format!(
                    "Somebody, you perhaps, wants to sign up with {email}, which has an account already.\n\n\
                     Sign in with its password, or choose a new one if you have forgotten it.\n\
                     If it was not you, do nothing.\n"
                ),
            ),
        }
    }
}

/// The code, and a link with it where there is one.
fn paragraphs(to: &Email, code: &MailedCode, link: Option<&str>) -> String {
    let code = code.expose();
    let link = link.map(|link| {
        let email = utf8_percent_encode(to.as_str(), NON_ALPHANUMERIC).to_string();
        let link = link.replace("{email}", &email).replace("{code}", code);
        format!("Or open this link:\n\n    {link}\n\n")
    });
    format!("This is the code:\n\n    {code}\n\n{}", link.unwrap_or_default())
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let unavailable = |cause: &str| MailError::Unavailable(cause.into());
        let _waiting = self.waiting.try_acquire().map_err(|_| unavailable("too many mails are waiting to be sent"))?;
        let message = self.message(&mail).map_err(MailError::Refused)?;
        let sent = timeout(Self::PATIENCE, async {
            let _connection = self.connections.acquire().await.map_err(|error| MailError::Unavailable(error.into()))?;
            self.server.send(message).await.map_err(|error| without_address(&error, &mail.to))
        });
        sent.await.map_err(|_| unavailable("the mail server takes too long"))??;
        Ok(())
    }
}

/// Mail servers repeat the address that they refuse.
fn without_address(error: &lettre::transport::smtp::Error, to: &Email) -> MailError {
    let spellings = [to.as_str().to_owned(), to.in_ascii_domain()];
    let text = spellings.iter().fold(causes(error), |text, to| text.replace(to, "[address]"));
    // No such mailbox, or a full one (RFC 3463 section 3); what else is refused for good is refused of every mail.
    let is_of_address = ["[address]", "5.1.", "5.2."].iter().any(|sign| text.contains(sign));
    // Not in every alphabet, by this mail server (SMTPUTF8, RFC 6531).
    let is_untakable = error.is_client() && !to.in_ascii_domain().is_ascii();
    let is_refused = is_untakable || (error.is_permanent() && is_of_address);
    if is_refused { MailError::Refused(text.into()) } else { MailError::Unavailable(text.into()) }
}

/// Without the server, whose password is in it.
impl fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

/// The URL as lettre reads it: `smtp` with TLS from the second line on (STARTTLS, RFC 3207), and without only on this machine.
fn with_tls(url: &str) -> Result<String, InvalidSmtp> {
    let (scheme, rest) = url.split_once("://").ok_or(InvalidSmtp::Url)?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    // Percent-encoded, a password has none of these.
    let is_host = !host.is_empty() && !rest.contains(['/', '?', '#']);
    let is_here = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|here| host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    match scheme {
        "smtps" if is_host => Ok(url.to_owned()),
        "smtp" if is_host && is_here => Ok(url.to_owned()),
        "smtp" if is_host => Ok(format!("{url}?tls=required")),
        _ => Err(InvalidSmtp::Url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_read_by_nobody_on_the_way() {
        for (url, as_read) in [
            ("smtps://ann:s3cret@smtp.example.com", "smtps://ann:s3cret@smtp.example.com"),
            ("smtp://ann:s3cret@smtp.example.com:587", "smtp://ann:s3cret@smtp.example.com:587?tls=required"),
            ("smtp://smtp.example.com", "smtp://smtp.example.com?tls=required"),
            ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525"),
            ("smtp://localhost", "smtp://localhost"),
            ("smtp://localhost.example.com", "smtp://localhost.example.com?tls=required"),
            ("smtp://127.0.0.1@example.com", "smtp://127.0.0.1@example.com?tls=required"),
        ] {
            assert_eq!(with_tls(url).ok().as_deref(), Some(as_read), "{url}");
        }
        for url in [
            "",
            "smtp.example.com",
            "https://smtp.example.com",
            "smtp://",
            "smtps://a/b",
            "smtps://ann:/s3cret@a",
            "smtp://a/@localhost",
            "smtp://a?tls=opportunistic",
        ] {
            assert!(matches!(Smtp::new(url, "no-reply@example.com", Links::default()), Err(InvalidSmtp::Url)), "{url}");
        }
    }

    #[test]
    fn mail_comes_from_an_address_and_leads_to_the_code() {
        let smtp = |from, link: Option<&str>| {
            let links = Links { verify: link.map(str::to_owned), ..Links::default() };
            Smtp::new("smtps://smtp.example.com", from, links)
        };

        assert!(smtp("Recorder <no-reply@example.com>", Some("recorder:reset?code={code}")).is_ok());
        assert!(matches!(smtp("nobody", None), Err(InvalidSmtp::From)));
        assert!(matches!(smtp("a@example.com", Some("https://example.com/reset")), Err(InvalidSmtp::Link)));
    }
}
