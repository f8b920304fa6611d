//! Keeps Schemathesis, at the versions pinned in this crate, in a virtual environment outside the repository.

use std::ffi::OsString;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::program::{self, Program};
use crate::workspace;

const REQUIREMENTS: &str = include_str!("../../schemathesis-requirements.txt");

const PYTHON: Program = Program { name: "python3", packages: "python3 python3-venv" };

/// Fails early, and says what to install, when virtual environments cannot be made here.
pub fn require_python() -> Result<()> {
    let mut command = PYTHON.command()?;
    command.args(["-c", "import ensurepip, venv"]).stderr(Stdio::null());
    program::succeed(&mut command).map_err(|_| PYTHON.lacking("cannot make virtual environments"))
}

/// The Python that can import Schemathesis, installed first if need be.
pub fn python() -> Result<PathBuf> {
    require_python()?;
    let cache = cache_folder(|name| std::env::var_os(name)).context("none of XTASK_CACHE and HOME is set")?;
    let cache = std::path::absolute(cache)?;
    let home = cache.join(format!("schemathesis-{:016x}", fingerprint(REQUIREMENTS)));
    std::fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
    // Whoever comes at the same time waits here, and then finds it installed; closing the file unlocks it.
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    if !works(&home) {
        install(&cache, &home)?;
    }
    Ok(interpreter(&home))
}

fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XTASK_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("tapebase")))
        .or_else(|| Some(set("HOME")?.join(".cache/tapebase")))
}

/// Another Rust may give another number; that costs one more installation.
fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The scripts beside it name the folder in which they were made; the interpreter does not care.
fn interpreter(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// False too for one that was deleted in part, or whose system Python is gone.
fn works(home: &Path) -> bool {
    let mut command = Command::new(interpreter(home));
    command.args(["-m", "schemathesis.cli", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs under a temporary name, so that half of it is never found under the real one.
fn install(cache: &Path, home: &Path) -> Result<()> {
    println!("installing Schemathesis into {}", home.display());
    let made = tempfile::Builder::new().prefix("half-made-").tempdir_in(cache)?;
    program::succeed(PYTHON.command()?.args(["-m", "venv"]).arg(made.path()))?;
    program::succeed(
        Command::new(interpreter(made.path()))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"])
            .arg(workspace::path("crates/xtask/schemathesis-requirements.txt")),
    )?;
    ensure!(works(made.path()), "Schemathesis does not start after its installation");
    if home.exists() {
        std::fs::remove_dir_all(home).with_context(|| format!("removing {}", home.display()))?;
    }
    std::fs::rename(made.keep(), home).with_context(|| format!("moving Schemathesis to {}", home.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        cache_folder(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_is_where_the_nearest_variable_says() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_CACHE_HOME", "/var/cache/ada");
        let own = ("XTASK_CACHE", "/srv/cache");

        assert_eq!(folder_with(&[home, xdg, own]), Some("/srv/cache".into()));
        assert_eq!(folder_with(&[home, xdg]), Some("/var/cache/ada/tapebase".into()));
        assert_eq!(folder_with(&[home, ("XTASK_CACHE", "")]), Some("/home/ada/.cache/tapebase".into()));
        assert_eq!(folder_with(&[]), None);
    }

    #[test]
    fn a_half_made_environment_does_not_work() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();

        assert!(!works(folder.path()));
    }

    #[test]
    fn every_requirement_is_pinned() {
        let requirements = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));

        for requirement in requirements {
            assert!(requirement.contains("=="), "{requirement}");
        }
    }
}
