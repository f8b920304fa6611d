//! How much of a disk audio may use.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd,
};

/// What audio may not use up: with no space left at all, not even a delete could be written down.
const RESERVED_BYTES: u64 = 16 << 20;

/// How many bytes are free for audio on the disk an open file is on.
pub fn free(file: impl AsFd) -> io::Result<u64> {
    let volume = rustix::fs::fstatvfs(file)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize).saturating_sub(RESERVED_BYTES))
}

/// Fails unless `more` bytes of audio fit on the disk an open file is on.
pub fn check(file: impl AsFd, more: u64) -> io::Result<()> {
    if free(file)? < more { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
}
