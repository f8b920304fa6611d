//! Files that are written past the page cache (`O_DIRECT`), where the file system has that.
//!
//! What is uploaded is seldom played at once, and memory that a page cache grows by costs more than the disk.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};

/// Makes a file, for this user alone, to be written with [`write_all_at`].
pub fn create(path: &Path) -> io::Result<File> {
    match create_with(path, OFlags::DIRECT) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => create_with(path, OFlags::empty()),
        made => made,
    }
}

fn create_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | flags;
    Ok(open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Writes whole blocks, from memory that begins where a block of it begins, to where a block of the file begins.
pub fn write_all_at(file: &File, blocks: &[u8], offset: u64) -> io::Result<()> {
    match file.write_all_at(blocks, offset) {
        // Some file systems find out only now that they have no such thing.
        Err(error) if error.kind() == ErrorKind::InvalidInput && fcntl_getfl(file)?.contains(OFlags::DIRECT) => {
            fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?;
            file.write_all_at(blocks, offset)
        }
        written => written,
    }
}
