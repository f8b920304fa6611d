//! Blobs in files of their own: written once, and flushed. Every function here blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    mem,
    num::NonZeroU64,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use tapebase_domain::blob::BlobRef;

use super::space;
use crate::blob_name;

/// How many bytes are written before the disk is asked to begin with them: the final flush finds little left to do.
const WRITE_BACK_BYTES: u64 = 8 << 20;

/// A blob while it is being written; removed again unless it is committed.
pub struct NewFile {
    file: File,
    path: PathBuf,
    name: String,
    length: u64,
    /// How many bytes the disk was asked to begin with.
    begun: u64,
}

impl NewFile {
    /// Makes an empty file of a fresh random name.
    pub fn create(root: &Path) -> io::Result<Self> {
        let name = blob_name::fresh();
        let path = root.join(&name[..2]).join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, name, length: 0, begun: 0 })
    }

    /// Writes some pieces.
    pub fn append(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        space::check(&self.file, pieces.iter().map(|piece| piece.len() as u64).sum())?;
        for piece in pieces {
            self.file.write_all(piece)?;
            self.length += piece.len() as u64;
        }
        self.begin_write_back();
        Ok(self)
    }

    /// Has the disk begin with what was written, without waiting for it. It is advice: nothing depends on it.
    fn begin_write_back(&mut self) {
        if let Some(length) =
            NonZeroU64::new(self.length - self.begun).filter(|length| length.get() >= WRITE_BACK_BYTES)
        {
            // Linux begins to write what is dirty in the range, and forgets what is not.
            let _ = fadvise(&self.file, self.begun, Some(length), Advice::DontNeed);
            self.begun = self.length;
        }
    }

    /// Makes the file survive a power cut: first its bytes, then its name.
    ///
    /// A failed flush is final: the kernel may have dropped the bytes, so the file goes.
    pub fn commit(mut self) -> io::Result<BlobRef> {
        self.file.sync_data()?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        // Whoever cleans up beside this upload, and takes its file for a leftover, must make it fail.
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("the file was removed while it was written"));
        }
        self.path = PathBuf::new();
        Ok(BlobRef::new(mem::take(&mut self.name)))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // If this fails too, the sweeper comes by.
            let _ = fs::remove_file(&self.path);
        }
    }
}
