//! Blobs in files of their own: written once, and flushed. Every function here blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    mem,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tapebase_domain::{
    blob::{BlobRef, StoredBlob},
    digest::Hasher,
};

use super::space;
use crate::blob_name;

/// A blob while it is being written; removed again unless it is committed.
pub struct NewFile {
    file: File,
    path: PathBuf,
    name: String,
    hasher: Hasher,
}

impl NewFile {
    /// Makes an empty file of a fresh random name.
    pub fn create(root: &Path) -> io::Result<Self> {
        let name = blob_name::fresh();
        let path = root.join(&name[..2]).join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, name, hasher: Hasher::default() })
    }

    /// Writes and hashes some pieces.
    pub fn append(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        space::check(&self.file, pieces.iter().map(|piece| piece.len() as u64).sum())?;
        for piece in pieces {
            self.file.write_all(piece)?;
            self.hasher.update(piece);
        }
        Ok(self)
    }

    /// Makes the file survive a power cut: first its bytes, then its name.
    ///
    /// A failed flush is final: the kernel may have dropped the bytes, so the file goes.
    pub fn commit(mut self) -> io::Result<StoredBlob> {
        self.file.sync_data()?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        // Whoever cleans up beside this upload, and takes its file for a leftover, must make it fail.
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("the file was removed while it was written"));
        }
        self.path = PathBuf::new();
        let (size, sha256) = mem::take(&mut self.hasher).finish();
        Ok(StoredBlob { blob: BlobRef::new(mem::take(&mut self.name)), size, sha256 })
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
