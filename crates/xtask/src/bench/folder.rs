//! Where the servers keep their data while they are measured.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::statvfs;

use crate::program;

/// Removes a folder when its standard input ends, which happens however this process does.
const REMOVE: &str = r#"cat; rm -rf -- "$0""#;

/// A folder that is removed at the very end, and never before: creating files is many times slower after many were removed.
pub struct Folder {
    root: PathBuf,
    /// Out of reach of Ctrl-C, which may end this process before it can remove anything.
    remover: Child,
    /// How many folders in it were handed out.
    count: Cell<usize>,
}

impl Folder {
    /// Makes one on a disk: in `parent`, or in the folder for temporary files.
    pub fn on_disk(parent: Option<&Path>) -> Result<Self> {
        let parent = std::path::absolute(parent.map_or_else(std::env::temp_dir, Path::to_owned))?;
        ensure!(file_system(&parent)? != "tmpfs", "{} is in memory; choose another with --folder", parent.display());
        Self::make(&parent)
    }

    fn make(parent: &Path) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("tapebase-bench-").tempdir_in(parent)?.keep();
        let mut remover = Command::new("sh");
        remover.args(["-c", REMOVE]).arg(&root).process_group(0).stdin(Stdio::piped());
        Ok(Self { remover: remover.spawn()?, root, count: Cell::new(0) })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// An empty folder in it.
    pub fn next(&self, name: &str) -> Result<PathBuf> {
        self.count.set(self.count.get() + 1);
        let folder = self.root.join(format!("{:04}-{name}", self.count.get()));
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        eprintln!("removing {}; for five minutes files are created slowly now, so measure later", self.root.display());
        drop(self.remover.stdin.take());
        // It fails only for a child that was waited for already.
        let _ = self.remover.wait();
    }
}

/// The kind of file system that a folder is on.
pub fn file_system(folder: &Path) -> Result<String> {
    let kind =
        program::read(Command::new("findmnt").args(["--noheadings", "--output", "FSTYPE", "--target"]).arg(folder))?;
    Ok(String::from_utf8(kind)?.trim().to_owned())
}

/// MB that are free on the disk of a folder.
pub fn free(folder: &Path) -> Result<f64> {
    let disk = statvfs(folder)?;
    #[expect(clippy::cast_precision_loss, reason = "to a few bytes")]
    Ok((disk.f_bavail * disk.f_frsize) as f64 / 1e6)
}

/// Gives back the space of what nobody needs any more, and removes no file.
pub fn set_aside(folder: &Path) -> Result<()> {
    empty(folder).with_context(|| format!("emptying {}", folder.display()))
}

fn empty(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            empty(&entry.path())?;
        } else if kind.is_file() {
            File::options().write(true).open(entry.path())?.set_len(0)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_everything_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::make(parent.path()).unwrap();
        std::fs::write(folder.next("a").unwrap().join("file"), "content").unwrap();

        drop(folder);

        assert_eq!(parent.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_is_set_aside_takes_no_space_but_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/c");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "content").unwrap();

        set_aside(folder.path()).unwrap();

        assert_eq!(std::fs::read(file).unwrap(), b"");
    }
}
