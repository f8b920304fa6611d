//! `cargo xtask simulate`: builds the simulator with optimizations and every check, and runs it.

use std::ffi::OsString;

use anyhow::Result;

use crate::engines::Engines;
use crate::program;
use crate::workspace::cargo;

/// Runs the simulator with these options; beside engines if it is to have them.
pub fn run(options: &[OsString]) -> Result<()> {
    // Built without the SDK of AWS unless it is asked for: that alone takes minutes.
    let is_aws = options.iter().any(|option| option == "aws" || option == "--stores=aws");
    let features = if is_aws { "aws" } else { "embedded" };
    let package = ["run", "--quiet", "--profile", "simulation", "--package", "tapebase-simulator"];
    let mut simulate = cargo(&package);
    simulate.args(["--no-default-features", "--features", features, "--"]).args(options);
    if !is_aws {
        return program::succeed(&mut simulate);
    }
    let engines = Engines::start()?;
    engines.lend_to(&mut simulate);
    let simulated = program::succeed(&mut simulate);
    engines.stop()?;
    simulated
}
