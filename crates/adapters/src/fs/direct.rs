//! Files that are written past the page cache (`O_DIRECT`), where the file system has that.
//!
//! What is uploaded is seldom played at once, and memory that a page cache grows by costs more than the disk.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Makes a file, for this user alone, to be written with [`write_all_at`].
pub fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Asked for afterwards: opening would leave a file behind where it refuses this. Refused, the page cache is used.
    let _ = fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::DIRECT);
    Ok(file)
}

/// Writes whole blocks, from memory that is aligned to one, to where a block of the file begins.
pub fn write_all_at(file: &File, blocks: &[u8], offset: u64) -> io::Result<()> {
    match file.write_all_at(blocks, offset) {
        // Some file systems find out only now that they have no such thing.
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?;
            file.write_all_at(blocks, offset)
        }
        written => written,
    }
}

/// Writes the last bytes of a file, from any memory, and through the page cache.
pub fn write_end_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?;
    file.write_all_at(bytes, offset)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_go_past_the_page_cache_goes_through_it() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("audio");
        let file = create(&path).expect("made");

        // Neither begins nor ends where direct writes must.
        write_all_at(&file, &b"xspeech"[1..], 0).expect("written");

        assert_eq!(fs::read(&path).expect("readable"), b"speech");
    }
}
