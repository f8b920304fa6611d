//! `cargo xtask schemathesis`: fuzzes a freshly started server along its own `OpenAPI` document.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::client::{save_description, sign_up};
use crate::python::{self, Environment};
use crate::server;
use crate::workspace;

const ENVIRONMENT: Environment = Environment {
    name: "schemathesis",
    requirements: include_str!("../requirements/schemathesis.txt"),
    works: |home| python::runs(home, &["-m", "schemathesis.cli", "--version"]),
};

/// What ends the session of its caller. It is called last, and for an account of its own.
const LAST: [&str; 4] =
    ["POST /v1/auth/logout", "DELETE /v1/me/sessions", "DELETE /v1/me/sessions/{id}", "DELETE /v1/me"];

/// Builds and starts the server, signs up, and lets Schemathesis loose on it; `options` go to `schemathesis run`.
pub fn run(options: &[OsString]) -> Result<()> {
    let python = python::interpreter(&ENVIRONMENT.find()?);
    server::serve(&[], |address, folder| {
        validate(&python, address, folder)?;
        fuzz_all(&python, address, folder, options)
    })
}

/// Fails unless the description is valid `OpenAPI`.
fn validate(python: &Path, address: &str, folder: &Path) -> Result<()> {
    let description = save_description(address, folder)?;
    let status = Command::new(python).args(["-m", "openapi_spec_validator"]).arg(description).status();
    let status = status.context("openapi-spec-validator does not start")?;
    ensure!(status.success(), "the OpenAPI description is not valid ({status})");
    Ok(())
}

fn fuzz_all(python: &Path, address: &str, folder: &Path, options: &[OsString]) -> Result<()> {
    let run = |email, filter| {
        let token = sign_up(address, email).context("signing up")?;
        let mut command = schemathesis(python, address, &token);
        command.args(LAST.into_iter().flat_map(|operation| [filter, operation])).args(options);
        // What it writes beside its output goes with the server's data.
        let status = command.current_dir(folder).status().context("Schemathesis does not start")?;
        ensure!(status.success(), "Schemathesis found failures ({status})");
        Ok(())
    };
    run("first@example.com", "--exclude-name")?;
    run("second@example.com", "--include-name")
}

fn schemathesis(python: &Path, address: &str, token: &str) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(workspace::path("crates/xtask/schemathesis.toml"))
        .arg("run")
        .arg(format!("{address}/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .env("NO_PROXY", "127.0.0.1");
    command
}
