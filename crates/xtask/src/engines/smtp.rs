//! A mail server: npm's smtp-server, behind a script that delivers to nobody. Tests start one each, theirs to stop.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::node::{NODE, Packages};
use crate::workspace;

const PACKAGES: Packages = Packages {
    name: "smtp-server",
    manifest: include_str!("../../engines/smtp/package.json"),
    lock: include_str!("../../engines/smtp/package-lock.json"),
};

/// The folder with its packages.
pub fn find() -> Result<PathBuf> {
    PACKAGES.find()
}

/// One that runs until it is dropped, or whoever started it is gone: its input ends then.
pub struct MailServer {
    process: Child,
    url: String,
}

impl MailServer {
    /// Installs what is missing, and starts one that writes each mail to `mails`, in a line.
    pub fn start(mails: &Path) -> Result<Self> {
        let mut node = NODE.command()?;
        node.arg(workspace::path("crates/conformance/smtp/server.mjs")).arg(find()?);
        node.arg(mails);
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("the mail server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line.starts_with("smtp://"), "the mail server does not start");
        Ok(Self { process, url: line.trim_end().to_owned() })
    }

    /// Settings of a server that sends its mail by it.
    pub fn settings(&self) -> [(&str, &str); 2] {
        [("TAPEBASE_MAIL__SMTP", &self.url), ("TAPEBASE_MAIL__FROM", "Recorder <no-reply@example.com>")]
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
