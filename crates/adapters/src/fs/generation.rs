//! Which generation the blobs are of.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

use rustix::process::geteuid;
use tapebase_domain::lineage::{Generation, Step};

use super::folder;

/// What the file says, if it is there.
pub fn read(root: &Path) -> io::Result<Option<Generation>> {
    named(root, |path| match File::open(path) {
        Ok(file) => {
            // Somebody may be writing.
            file.lock_shared()?;
            read_from(&file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    })
}

/// Goes on to another generation from that where the step begins; `false` if the blobs are elsewhere.
///
/// It is written over what is there: a full disk has room for that, and the file stays whose it is.
pub fn step(root: &Path, step: Step) -> io::Result<bool> {
    named(root, |path| {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.lock()?;
        let found = read_from(&file)?;
        if found != step.from {
            return Ok(found == Some(step.to));
        }
        let text = format!("{}\n", step.to);
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)?;
        file.sync_all()?;
        if found.is_none() {
            leave_to_owner(root, &file)?;
            folder::sync(root)?;
        }
        Ok(true)
    })
}

/// An empty file is of whoever was about to write the first.
fn read_from(mut file: &File) -> io::Result<Option<Generation>> {
    let mut note = Vec::new();
    file.read_to_end(&mut note)?;
    Ok((!note.is_empty()).then(|| Generation::of_note(&note)))
}

/// An operator who is root makes no file that the server cannot write.
fn leave_to_owner(root: &Path, file: &File) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let folder = std::fs::metadata(root)?;
    fchown(file, Some(folder.uid()), Some(folder.gid()))
}

fn named<T>(root: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = root.join("GENERATION");
    act(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
