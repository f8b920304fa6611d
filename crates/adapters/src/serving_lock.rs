//! The file that a server holds locked: beside its rows, or beside the folder of its audio.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Where it is, for rows or audio at `path`.
pub fn path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-serve");
    name.into()
}

/// Keeps servers away from what is at `path` for as long as the file is open; `None` if one has it.
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(self::path(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
