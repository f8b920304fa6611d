//! `cargo xtask simulate`: builds the simulator with optimizations and every check, and runs it.

use std::ffi::OsString;

use anyhow::Result;

use crate::program;
use crate::workspace::cargo;

/// Runs the simulator with these options.
pub fn run(options: &[OsString]) -> Result<()> {
    let build = ["run", "--quiet", "--profile", "simulation", "--package", "tapebase-simulator", "--"];
    program::succeed(cargo(&build).args(options))
}
