//! Programs out of Debian packages, unpacked and not installed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::{Installation, versioned};
use crate::program::{self, Program};

const APT_GET: Program = Program { name: "apt-get", packages: "apt" };
const APT_CACHE: Program = Program { name: "apt-cache", packages: "apt" };
const DPKG: Program = Program { name: "dpkg", packages: "dpkg" };

/// Part of every system; one of another system would not fit.
const LIBC: &str = "libc6";

/// A program in a package.
pub struct Package {
    pub name: &'static str,
    /// Its path in the package.
    pub program: &'static str,
    /// The arguments with which it says its version.
    pub version: &'static [&'static str],
}

impl Package {
    /// The folder in which it is unpacked, downloaded first if need be.
    pub fn find(&self) -> Result<PathBuf> {
        Installation {
            title: self.name,
            name: versioned(self.name, "out of its Debian package"),
            works: &|home| self.runs(home),
            make: &|home| self.unpack(home),
        }
        .find()
    }

    /// A command that says the program's version.
    pub fn ask_version(&self, home: &Path) -> Command {
        let mut command = Command::new(home.join(self.program));
        command.args(self.version).env("LD_LIBRARY_PATH", libraries(home));
        command
    }

    fn runs(&self, home: &Path) -> bool {
        self.ask_version(home).output().is_ok_and(|output| output.status.success())
    }

    /// Unpacks it, and the libraries it needs where the system has not all of them.
    fn unpack(&self, home: &Path) -> Result<()> {
        unpack(home, &[self.name])?;
        if !self.runs(home) {
            let needs = program::read(APT_CACHE.command()?.args(["depends", "--important", self.name]))?;
            unpack(home, &needed_libraries(&String::from_utf8(needs)?))?;
        }
        Ok(())
    }
}

/// Programs that take more than a library or two: unpacked with all that `apt-get` would install for them here.
pub struct Bundle {
    pub name: &'static str,
    pub packages: &'static [&'static str],
    /// The paths of the programs.
    pub programs: &'static [&'static str],
}

impl Bundle {
    /// The folder below which the programs are that are not installed: the root if all are.
    pub fn find(&self) -> Result<PathBuf> {
        let root = Path::new("/");
        let has_programs = |home: &Path| self.programs.iter().all(|program| in_bundle(home, program).is_file());
        if has_programs(root) {
            return Ok(root.to_owned());
        }
        Installation {
            title: self.name,
            name: versioned(self.name, &self.packages.join(" ")),
            works: &has_programs,
            make: &|home| {
                // What apt knows of packages may be old, or nothing yet.
                self.unpack(home).or_else(|error| {
                    program::succeed(APT_GET.command()?.args(["update", "--quiet"])).context(error.to_string())?;
                    self.unpack(home)
                })
            },
        }
        .find()
    }

    fn unpack(&self, home: &Path) -> Result<()> {
        unpack(home, &missing(self.packages)?)
    }
}

/// Where a program of a bundle is: it is left out where it is installed.
pub fn in_bundle(home: &Path, program: &str) -> PathBuf {
    let unpacked = home.join(program);
    if unpacked.is_file() { unpacked } else { Path::new("/").join(program) }
}

/// What the programs of a bundle want to be told, if some are unpacked.
pub fn environment(home: &Path) -> Option<(&'static str, String)> {
    (home != Path::new("/")).then(|| ("LD_LIBRARY_PATH", libraries(home)))
}

/// Those of these packages, and those they need, that are not installed.
fn missing(packages: &[&str]) -> Result<Vec<String>> {
    let mut simulation = APT_GET.command()?;
    simulation.args(["install", "--simulate", "--quiet", "--no-install-recommends"]).args(packages);
    let plan = program::read(&mut simulation).context("`apt-get update` may be needed first")?;
    Ok(planned(&String::from_utf8(plan)?).map(str::to_owned).collect())
}

/// The packages that a simulation of `apt-get install` installs.
fn planned(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
}

fn unpack(home: &Path, packages: &[impl AsRef<OsStr>]) -> Result<()> {
    let mut download = APT_GET.command()?;
    download.args(["download", "--quiet", "--option", "APT::Sandbox::User=root"]).args(packages).current_dir(home);
    program::read(&mut download).context("`apt-get update` may be needed first")?;
    for file in std::fs::read_dir(home)? {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            program::succeed(DPKG.command()?.arg("--extract").arg(&file).arg(home))?;
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// Where the libraries of packages are, as the loader wants to be told.
pub fn libraries(home: &Path) -> String {
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = ["usr/lib", "lib"].map(|folder| home.join(folder).join(&triple));
    // Some keep a library to themselves.
    let own = folders.iter().map(|folder| folder.join("pulseaudio"));
    own.chain(folders.clone()).map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

/// The libraries among what a package depends on, as `apt-cache depends` lists it.
fn needed_libraries(depends: &str) -> Vec<&str> {
    let packages = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    packages.filter(|package| *package != LIBC && (package.starts_with("lib") || package.starts_with("zlib"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_says_what_would_be_installed() {
        let plan = "Reading package lists...\nInst libx (1.0 Debian:12 [amd64])\nInst chromium (148 Debian)\nConf libx (1.0)\n";

        assert_eq!(planned(plan).collect::<Vec<_>>(), ["libx", "chromium"]);
    }

    #[test]
    fn only_libraries_are_taken_along() {
        let depends =
            "nginx\n  Depends: libc6\n  Depends: libssl3\n  Depends: zlib1g\n  Depends: iproute2\n |Depends: libx\n";

        assert_eq!(needed_libraries(depends), ["libssl3", "zlib1g"]);
    }
}
