//! A disk that is a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::program::{self, Program};

const FORMATTER: Program = Program { name: "mkfs.ext4", packages: "e2fsprogs" };
const NAMESPACES: Program = Program { name: "unshare", packages: "util-linux" };

/// Room for what a round uploads; what is not written takes none.
const BYTES: u64 = 1 << 30;

/// Mounts $1 at $2, and becomes the program $3. Nobody else sees the mount, so that it ends with that program,
/// however that ends. Nothing is written down by the passing of time alone: that would hide a missing flush, and would
/// change the image while it is copied.
const MOUNT_AND_RUN: &str = r#"mount -o loop,commit=600 "$1" "$2" && exec "$3""#;

/// A disk with an ext4 file system.
pub struct Disk {
    image: PathBuf,
}

impl Disk {
    /// Makes an empty one.
    pub fn format(image: &Path) -> Result<Self> {
        std::fs::File::create_new(image)?.set_len(BYTES)?;
        program::succeed(FORMATTER.command()?.args(["-q", "-F"]).arg(image))?;
        Ok(Self { image: image.to_owned() })
    }

    /// Another with the bytes that this one has now.
    pub fn copy(&self, image: &Path) -> Result<Self> {
        program::succeed(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(image))?;
        Ok(Self { image: image.to_owned() })
    }

    /// Makes a command run a program that has this disk at a folder.
    pub fn lend(&self, command: &mut Command, mount_point: &Path, program: &Path) -> Result<()> {
        command.arg(NAMESPACES.command()?.get_program());
        command.args(["--mount", "sh", "-c", MOUNT_AND_RUN, "sh"]).arg(&self.image).arg(mount_point).arg(program);
        Ok(())
    }
}
