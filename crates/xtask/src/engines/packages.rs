//! The installed engines.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::curl::CURL;
use super::dynamodb::{self, JAVA, JAVAC};
use super::{oidc, smtp};
use crate::debian::Package;
use crate::node::{NODE, NPM};
use crate::process::SETPRIV;
use crate::python::{self, Environment};

/// Python packages, for the programs they carry.
const ENVIRONMENT: Environment = Environment {
    name: "engines",
    requirements: include_str!("../../requirements/engines.txt"),
    works: |home| seaweedfs(home).is_file() && rie(home).is_ok(),
};

/// Has the program of an older `SeaweedFS`.
const OLD_SEAWEEDFS: Environment = Environment {
    name: "old-seaweedfs",
    requirements: include_str!("../../requirements/old-seaweedfs.txt"),
    works: |home| seaweedfs(home).is_file(),
};

/// Which `SeaweedFS` is started.
#[derive(Clone, Copy)]
pub enum Release {
    /// One that is right.
    Current,
    /// 4.47, which deletes the bytes of objects with what is left of their uploads.
    Old,
}

/// Copies folders.
pub const RSYNC: Package = Package { name: "rsync", program: "usr/bin/rsync", version: &["--version"] };

/// Where each engine is.
pub struct Packages {
    /// The folder of DynamoDB Local.
    pub dynamodb: PathBuf,
    /// The program of `SeaweedFS`.
    pub seaweedfs: PathBuf,
    /// The program that emulates the Lambda runtime interface. Tests start it themselves, around a function.
    pub rie: PathBuf,
    /// The folder with the packages of an OpenID provider. Tests start it themselves: it is theirs to rotate and to stop.
    pub oidc: PathBuf,
    /// The folder that `rsync` is unpacked in, with which a test moves data.
    pub rsync: PathBuf,
    /// The folder with the packages of a mail server. Tests start it themselves, too.
    pub smtp: PathBuf,
}

impl Packages {
    /// Finds the engines, which installs what is missing.
    pub fn find(release: Release) -> Result<Self> {
        let home = ENVIRONMENT.find()?;
        Ok(Self {
            dynamodb: dynamodb::find()?,
            seaweedfs: match release {
                Release::Current => seaweedfs(&home),
                Release::Old => seaweedfs(&OLD_SEAWEEDFS.find()?),
            },
            rie: rie(&home)?,
            oidc: oidc::find()?,
            rsync: RSYNC.find()?,
            smtp: smtp::find()?,
        })
    }
}

/// Fails early, and says what to install, when the engines cannot be installed or started here.
pub fn require_programs() -> Result<()> {
    python::require()?;
    [JAVA, JAVAC, NODE, NPM, CURL, SETPRIV].iter().try_for_each(|program| program.command().map(drop))
}

fn seaweedfs(home: &Path) -> PathBuf {
    home.join("bin/weed")
}

fn rie(home: &Path) -> Result<PathBuf> {
    let name = rie_name(std::env::consts::ARCH)?;
    // The folder in between is named after the version of Python.
    let libraries = std::fs::read_dir(home.join("lib"))?.flatten();
    libraries
        .map(|library| library.path().join("site-packages/samcli/local/rapid").join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("there is no {name} in {}", home.display()))
}

fn rie_name(architecture: &str) -> Result<&'static str> {
    match architecture {
        "x86_64" => Ok("aws-lambda-rie-x86_64"),
        "aarch64" => Ok("aws-lambda-rie-arm64"),
        _ => bail!("the Lambda runtime interface emulator is not made for {architecture}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulator_is_found_whatever_the_version_of_python() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("lib/python3.99/site-packages/samcli/local/rapid");
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join(rie_name(std::env::consts::ARCH).unwrap());
        std::fs::write(&program, "").unwrap();

        assert_eq!(rie(home.path()).unwrap(), program);
    }

    #[test]
    fn an_unknown_machine_is_told() {
        let error = rie_name("s390x").unwrap_err().to_string();

        assert_eq!(error, "the Lambda runtime interface emulator is not made for s390x");
    }
}
