//! A mail server: npm's smtp-server, behind a script that delivers to nobody. Tests start one each, theirs to stop.

use std::path::PathBuf;

use anyhow::Result;

use crate::node::Packages;

const PACKAGES: Packages = Packages {
    name: "smtp-server",
    manifest: include_str!("../../engines/smtp/package.json"),
    lock: include_str!("../../engines/smtp/package-lock.json"),
};

/// The folder with its packages.
pub fn find() -> Result<PathBuf> {
    PACKAGES.find()
}
