//! The program that `cargo run --release` runs, built for the least work instead of the most speed.

use std::path::PathBuf;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};

use crate::{process, program, workspace};

/// Where it is built, apart from what somebody has built themselves.
const FOLDER: &str = "target/guides";

/// What a release does to be fast takes far longer than all else. The flag also counts for crates whose level the manifest
/// chooses, which no variable of cargo's changes.
const CHEAP: [(&str, &str); 3] = [
    ("RUSTFLAGS", "-C opt-level=0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// A build that goes on beside other work, and gives way to it.
pub struct Build {
    command: Command,
    cargo: Child,
}

impl Build {
    pub fn begin() -> Result<Self> {
        let mut command = process::tied("TERM")?;
        command.args(["nice", "-n", "19", "cargo", "build", "--release", "--quiet"]).current_dir(workspace::path(""));
        cheaply(&mut command);
        let cargo = command.spawn().context("`cargo build` does not start")?;
        Ok(Self { command, cargo })
    }

    /// Waits for its end, and says where the program is.
    pub fn finish(mut self) -> Result<PathBuf> {
        let status = self.cargo.wait().context("`cargo build` was lost")?;
        program::accept(&self.command, status)?;
        Ok(workspace::path(FOLDER).join("release/tapebase"))
    }
}

/// Has what a command does with cargo find what was built.
pub fn cheaply(command: &mut Command) {
    command.envs(CHEAP).env("CARGO_TARGET_DIR", workspace::path(FOLDER));
}
