//! Folders of npm packages, whose versions and digests stand in a lock file of this crate.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::{Installation, versioned};
use crate::program::{self, Program};

pub const NODE: Program = Program { name: "node", packages: "nodejs" };
pub const NPM: Program = Program { name: "npm", packages: "npm" };

/// What stands in `package.json` and `package-lock.json`.
pub struct Packages {
    /// What they are for, in a word.
    pub name: &'static str,
    /// Which packages are wanted.
    pub manifest: &'static str,
    /// Every package that these need, with its digest.
    pub lock: &'static str,
}

impl Packages {
    /// The folder with `node_modules` in it, made first if need be.
    pub fn find(&self) -> Result<PathBuf> {
        Installation {
            title: self.name,
            name: versioned(self.name, self.lock),
            works: &|home| home.join("node_modules/.package-lock.json").is_file(),
            make: &|folder| self.make(folder),
        }
        .find()
    }

    fn make(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("package.json"), self.manifest)?;
        std::fs::write(folder.join("package-lock.json"), self.lock)?;
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
        program::succeed(NPM.command()?.args(install).current_dir(folder))
    }
}
