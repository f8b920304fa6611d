//! Where the workspace is, and the cargo that builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::program;

/// A path inside the workspace, from its root.
pub fn path(relative: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).join(relative)
}

/// The cargo that runs this command, so that a `+toolchain` given once holds for every step.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(path(""));
    command
}

/// `cargo test` of every crate, built by [`linting_cargo`].
pub fn tests(arguments: &[&str]) -> Command {
    let mut command = linting_cargo(&["test", "--workspace"]);
    command.args(arguments);
    command
}

/// The cargo that has clippy read what it compiles, where a warning is an error. A build and a `cargo clippy` take half
/// as long again: each compiles all dependencies in a way of its own.
pub fn linting_cargo(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.env("RUSTC_WORKSPACE_WRAPPER", path("crates/xtask/linting-rustc.sh"));
    not_incrementally(&mut command);
    // A panic says where it was; the lines of a backtrace take a tenth of the time longer.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command
}

/// Has cargo compile each crate as a whole: what it notes for the next time makes the first take twice as long.
pub fn not_incrementally(command: &mut Command) {
    command.env("CARGO_INCREMENTAL", "0");
}

/// Builds with these arguments for cargo, and returns where it has put the program of this name.
pub fn build(arguments: &[&str], name: &str) -> Result<PathBuf> {
    built(&mut cargo(arguments), name)
}

/// Has this command of cargo build, and returns where it has put the program of this name.
pub fn built(command: &mut Command, name: &str) -> Result<PathBuf> {
    let messages = program::read(command.args(["--message-format", "json-render-diagnostics"]))?;
    let messages = String::from_utf8(messages).context("reading what cargo says")?;
    executable(&messages, name).with_context(|| format!("cargo has built no {name}"))
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .filter(|message| message["profile"]["test"] != true)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_among_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"tapebase_http"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"tapebase"},"executable":"/target/debug/tapebase"}
            {"reason":"build-finished","success":true}"#;

        assert_eq!(executable(messages, "tapebase"), Some("/target/debug/tapebase".into()));
    }
}
