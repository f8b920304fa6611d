//! Runs other programs, and says what to install when one is missing.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};

/// A program that this crate does not bring along.
pub struct Program {
    /// What it is called on the `PATH`.
    pub name: &'static str,
    /// The Debian packages that install it.
    pub packages: &'static str,
}

impl Program {
    /// A command to run it with, or an error that names what to install.
    pub fn command(&self) -> Result<Command> {
        let probe = Command::new(self.name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match probe {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.lacking("is missing")),
            Err(error) => Err(error).with_context(|| format!("`{}` does not start", self.name)),
            Ok(_) => Ok(Command::new(self.name)),
        }
    }

    /// The error for when it, or a part of it, is not there.
    pub fn lacking(&self, what: &str) -> anyhow::Error {
        anyhow!("`{}` {what}; on Debian: apt-get install {}", self.name, self.packages)
    }
}

/// Runs a command to its end with its output shown.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` does not start", line(command)))?;
    accept(command, status)
}

/// Runs a command to its end and returns what it printed.
pub fn read(command: &mut Command) -> Result<Vec<u8>> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("`{}` does not start", line(command)))?;
    accept(command, output.status)?;
    Ok(output.stdout)
}

/// Turns the status of a failed command into an error that names the command.
pub fn accept(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_the_package_that_brings_it() {
        let program = Program { name: "tapebase-no-such-program", packages: "some-package" };

        let error = program.command().unwrap_err().to_string();

        assert_eq!(error, "`tapebase-no-such-program` is missing; on Debian: apt-get install some-package");
    }

    #[test]
    fn a_failed_command_is_named_without_its_folder() {
        let error = succeed(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err().to_string();

        assert!(error.starts_with("`sh -c exit 3` failed"), "{error}");
    }
}
