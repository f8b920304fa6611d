//! `cargo xtask lint-answers`: finds what httplint has against the answers of a freshly started server.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::engines::{MailServer, OidcProvider};
use crate::python::{self, Environment};
use crate::server;
use crate::{program, workspace};

const ENVIRONMENT: Environment = Environment {
    name: "httplint",
    requirements: include_str!("../requirements/httplint.txt"),
    // To import it takes what stands in for a part of it, beside the script.
    works: |home| python::runs(home, &["-c", "from importlib.util import find_spec as f; assert f('httplint')"]),
};

/// What every kind of answer can be had with: it takes little to be too much or too slow, and the routes of 2018 let in.
const SETTINGS: [(&str, &str); 11] = [
    ("TAPEBASE_AUTH__OIDC__NATIVE__CLIENT_ID", "native"),
    ("TAPEBASE_AUTH__OIDC__NATIVE__CLIENT_SECRET", "s3cret native"),
    ("TAPEBASE_AUTH__OIDC__TEST__AUDIENCES", "app"),
    ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_ID", "web"),
    ("TAPEBASE_AUTH__OIDC__TEST__SOCIAL_TYPE", "test"),
    ("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true"),
    ("TAPEBASE_HTTP__PROXIES", "127.0.0.1"),
    ("TAPEBASE_LIMITS__CONNECTIONS_PER_ADDRESS", "1"),
    ("TAPEBASE_LIMITS__QUOTA", "950 kB"),
    ("TAPEBASE_LIMITS__RECORDING", "1 MB"),
    ("TAPEBASE_TIMEOUTS__BODY", "1s"),
];

/// Installs httplint, unless that is done.
pub fn install() -> Result<()> {
    ENVIRONMENT.find().map(drop)
}

/// Builds and starts the server, asks it for every kind of answer of every route, and fails on any warning.
pub fn run() -> Result<()> {
    let python = python::interpreter(&ENVIRONMENT.find()?);
    let provider = OidcProvider::start()?;
    let mails = tempfile::NamedTempFile::new()?;
    let mail = MailServer::start(mails.path())?;
    let mut settings = SETTINGS.to_vec();
    settings.push(("TAPEBASE_AUTH__OIDC__TEST__ISSUER", provider.issuer()));
    settings.push(("TAPEBASE_AUTH__OIDC__NATIVE__ISSUER", provider.issuer()));
    settings.extend(mail.settings());
    server::serve(&settings, |address, folder| {
        let mut lint = Command::new(python);
        // Nothing is left in the workspace.
        lint.arg("-B")
            .arg(workspace::path("crates/xtask/lint_answers"))
            .arg(address)
            .arg(server::data(folder))
            .arg(provider.issuer())
            .arg(mails.path())
            .arg(server::operators_token(address, folder)?);
        program::succeed(&mut lint).context("linting the answers")
    })
}
