//! Virtual environments for Python programs, out of packages whose versions and digests stand in this crate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::cache::{Installation, versioned};
use crate::program::{self, Program};

const PYTHON: Program = Program { name: "python3", packages: "python3 python3-venv" };

/// A virtual environment.
pub struct Environment {
    /// What it is for, in a word.
    pub name: &'static str,
    /// The content of a requirements file with every package it needs.
    pub requirements: &'static str,
    /// Whether it can do what it is for, given the folder it is in.
    pub works: fn(&Path) -> bool,
}

impl Environment {
    /// The folder of the environment, made first if need be.
    pub fn find(&self) -> Result<PathBuf> {
        Installation {
            title: self.name,
            name: versioned(self.name, self.requirements),
            works: &self.works,
            make: &|folder| self.make(folder),
        }
        .find()
    }

    fn make(&self, folder: &Path) -> Result<()> {
        require()?;
        program::succeed(PYTHON.command()?.args(["-m", "venv"]).arg(folder))?;
        let requirements = folder.join("requirements.txt");
        std::fs::write(&requirements, self.requirements).context("writing the requirements")?;
        program::succeed(
            Command::new(interpreter(folder))
                .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
                // Nothing that is not listed, nothing with another digest, and no code run to build it.
                .args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement"])
                .arg(requirements),
        )
    }
}

/// Fails early, and says what to install, when virtual environments cannot be made here.
pub fn require() -> Result<()> {
    let mut command = PYTHON.command()?;
    command.args(["-c", "import ensurepip, venv"]).stderr(Stdio::null());
    program::succeed(&mut command).map_err(|_| PYTHON.lacking("cannot make virtual environments"))
}

/// The scripts beside it name the folder in which they were made; the interpreter does not care.
pub fn interpreter(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// Whether the environment's Python runs with these arguments. Without, too, when its system Python is gone.
pub fn runs(home: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(interpreter(home));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_made_environment_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();

        assert!(!runs(folder.path(), &["--version"]));
    }

    #[test]
    fn every_requirement_is_pinned() {
        let files = std::fs::read_dir(crate::workspace::path("crates/xtask/requirements")).unwrap();

        for file in files {
            let requirements = std::fs::read_to_string(file.unwrap().path()).unwrap().replace("\\\n", "");
            for requirement in requirements.lines().filter(|line| !line.starts_with('#')) {
                assert!(requirement.contains("=="), "{requirement}");
                assert!(requirement.contains("--hash=sha256:"), "{requirement}");
            }
        }
    }
}
