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

/// What takes an operator's token.
const OPERATORS: &str = "^/v1/admin/";
/// What could end the operator's own token, if it found their id: it is called by itself.
const OPERATORS_LAST: [&str; 2] = ["PATCH /v1/admin/users/{id}", "DELETE /v1/admin/users/{id}"];

/// Installs Schemathesis, unless that is done.
pub fn install() -> Result<()> {
    ENVIRONMENT.find().map(drop)
}

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
    let run = |token: String, filters: Vec<&str>| {
        let mut command = schemathesis(python, address, &token);
        // What it writes beside its output goes with the server's data.
        let status = command.args(filters).args(options).current_dir(folder).status();
        let status = status.context("Schemathesis does not start")?;
        ensure!(status.success(), "Schemathesis found failures ({status})");
        Ok(())
    };
    let user = |email| sign_up(address, email).context("signing up");
    run(user("first@example.com")?, [each("--exclude-name", &LAST), vec!["--exclude-path-regex", OPERATORS]].concat())?;
    run(user("second@example.com")?, each("--include-name", &LAST))?;
    let operator = server::operators_token(address, folder)?;
    let filters = [each("--exclude-name", &OPERATORS_LAST), vec!["--include-path-regex", OPERATORS]].concat();
    run(operator.clone(), filters)?;
    run(operator, each("--include-name", &OPERATORS_LAST))
}

/// An option with each of these operations.
fn each<'a>(option: &'a str, operations: &[&'a str]) -> Vec<&'a str> {
    operations.iter().flat_map(|operation| [option, operation]).collect()
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
