//! What went wrong behind a blob in a file of its own. Every function here blocks.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
};

use tapebase_domain::blob::StoredBlob;

use super::super::{
    checksums::Checked,
    name::FileName,
    pack,
    reading::Wait,
    trailer::{Trailer, trailer_bytes},
};

/// Whether a file has the bytes of a blob, and behind them something else than what should be there.
pub fn has_bad_end(name: &FileName, path: &Path, stored: &StoredBlob) -> io::Result<bool> {
    let Some(file) = open(path, OpenOptions::new().read(true))? else { return Ok(false) };
    let is_right = match name.provenance {
        None => file.metadata()?.len() <= stored.size,
        Some(_) => Trailer::read(&file, stored.size, Wait::Yes).is_ok_and(|trailer| trailer.sha256 == stored.sha256),
    };
    Ok(!is_right && holds(&file, stored)?.is_some())
}

/// Writes the trailer anew, and flushes it, unless there are other bytes before it or more than it behind them.
pub fn rewrite_trailer(path: &Path, stored: &StoredBlob, written_at: i64) -> io::Result<bool> {
    let Some(file) = open(path, OpenOptions::new().read(true).write(true))? else { return Ok(false) };
    if file.metadata()?.len() > stored.size + trailer_bytes(stored.size) {
        return Ok(false);
    }
    let Some(checked) = holds(&file, stored)? else { return Ok(false) };
    file.write_all_at(&Trailer::new(checked, written_at).encode(), stored.size)?;
    file.sync_all()?;
    Ok(true)
}

fn open(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// What the first bytes of a file hash to, if they are the blob's.
fn holds(file: &File, stored: &StoredBlob) -> io::Result<Option<Checked>> {
    Ok(pack::hash(file, 0, stored.size)?.filter(|checked| checked.sha256 == stored.sha256))
}
