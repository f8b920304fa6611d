//! An OpenID provider: npm's oidc-provider, behind a script that signs everybody in. Tests start one each, theirs to rotate
//! and to stop.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::node::{NODE, Packages};
use crate::workspace;

const PACKAGES: Packages = Packages {
    name: "oidc-provider",
    manifest: include_str!("../../engines/oidc/package.json"),
    lock: include_str!("../../engines/oidc/package-lock.json"),
};

/// The folder with its packages.
pub fn find() -> Result<PathBuf> {
    PACKAGES.find()
}

/// One that runs until it is dropped, or whoever started it is gone: its input ends then.
pub struct OidcProvider {
    process: Child,
    issuer: String,
}

impl OidcProvider {
    /// Installs what is missing, and starts one.
    pub fn start() -> Result<Self> {
        let mut node = NODE.command()?;
        node.arg(workspace::path("crates/conformance/oidc/provider.mjs")).arg(find()?);
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("the OpenID provider has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line.starts_with("http://"), "the OpenID provider does not start");
        Ok(Self { process, issuer: line.trim_end().to_owned() })
    }

    /// Settings of a server where browsers sign in at it.
    pub fn web_settings(&self) -> [(&str, &str); 3] {
        [
            ("TAPEBASE_AUTH__OIDC__TEST__ISSUER", &self.issuer),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_ID", "web"),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_SECRET", "s3cret web"),
        ]
    }

    /// Where it is, which is what it calls itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
