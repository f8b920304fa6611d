//! A real mail server on this machine, for as long as a test wants it.

use std::{
    io::BufRead as _,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::node_program::NodeProgram;

/// Whom mail is from.
pub const FROM: &str = "no-reply@example.com";

/// The server, which keeps what it is sent; it ends with this value.
pub struct MailServer {
    _program: NodeProgram,
    url: String,
    untrusted_url: String,
    arriving: Mutex<Receiver<Mail>>,
    arrived: Mutex<Vec<Mail>>,
}

/// A mail as the server was sent it.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// Whom it is from, as the server was told.
    pub from: String,
    /// Whom it is for, as the server was told.
    pub to: Vec<String>,
    /// All of it, with its head.
    pub text: String,
}

impl MailServer {
    /// How long a mail may take to arrive.
    const SOON: Duration = Duration::from_secs(20);

    /// Starts one.
    ///
    /// # Panics
    /// If its packages are not there, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut program = NodeProgram::start("smtp/server.mjs", "SMTP_SERVER");
        let (url, untrusted_url) = (program.address(), program.address());
        let (output, (arrives, arriving)) = (program.output(), channel());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let mail = serde_json::from_str(&line).expect("a mail in a line");
                // The test may be over.
                let _ = arrives.send(mail);
            }
        });
        Self { _program: program, url, untrusted_url, arriving: Mutex::new(arriving), arrived: Mutex::default() }
    }

    /// The settings of a server that sends its mail by this one.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("TAPEBASE_MAIL__SMTP", self.url.clone()),
            ("TAPEBASE_MAIL__FROM", format!("Recorder <{FROM}>")),
            ("TAPEBASE_MAIL__RESET_LINK", "https://app.example.com/reset?email={email}&code={code}".to_owned()),
            ("TAPEBASE_MAIL__VERIFY_LINK", "recorder:verify?email={email}&code={code}".to_owned()),
        ]
    }

    /// The same of one that has this `auth.email_verification`.
    #[must_use]
    pub fn verifying(&self, verification: &str) -> Vec<(&'static str, String)> {
        let verification = ("TAPEBASE_AUTH__EMAIL_VERIFICATION", verification.to_owned());
        self.settings().into_iter().chain([verification]).collect()
    }

    /// Where it is, for somebody with an account there.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same with TLS, by a certificate that nobody has issued.
    #[must_use]
    pub fn untrusted_url(&self) -> &str {
        &self.untrusted_url
    }

    /// The next mail to this address, which is waited for.
    ///
    /// # Panics
    /// If none arrives.
    #[must_use]
    pub fn mail_to(&self, address: &str) -> Mail {
        let begun = Instant::now();
        // The others' stay for them.
        while begun.elapsed() < Self::SOON {
            self.receive(Duration::from_millis(50));
            let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = arrived.iter().position(|mail| mail.to == [address]) {
                return arrived.remove(place);
            }
        }
        panic!("no mail to {address} after {:?}", Self::SOON);
    }

    /// The next so many, each of which is waited for.
    ///
    /// # Panics
    /// If fewer arrive.
    #[must_use]
    pub fn mails_to(&self, address: &str, count: usize) -> Vec<Mail> {
        (0..count).map(|_| self.mail_to(address)).collect()
    }

    /// Every mail that has arrived at this address and was not looked at.
    #[must_use]
    pub fn all_mails_to(&self, address: &str) -> Vec<Mail> {
        self.receive(Duration::ZERO);
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.extract_if(.., |mail| mail.to == [address]).collect()
    }

    fn receive(&self, wait: Duration) {
        let arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        let first = arriving.recv_timeout(wait).ok();
        let mails: Vec<Mail> = first.into_iter().chain(arriving.try_iter()).collect();
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).extend(mails);
    }
}

impl Mail {
    /// The code in it: three groups of four, in a line of its own.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn code(&self) -> String {
        let is_code = |line: &&str| line.len() == 14 && line.split('-').all(|group| group.len() == 4);
        self.text.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("no code in {}", self.text)).to_owned()
    }
}
