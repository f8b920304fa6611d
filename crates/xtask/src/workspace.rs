//! Where the workspace is, and the cargo that builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

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
