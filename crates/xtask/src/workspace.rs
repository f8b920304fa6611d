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

/// Builds with these arguments for cargo, and returns where it has put the program of this name.
pub fn build(arguments: &[&str], name: &str) -> Result<PathBuf> {
    let messages = program::read(cargo(arguments).args(["--message-format", "json-render-diagnostics"]))?;
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
