//! Blobs in files of their own: written once, and flushed. Every function here blocks.

use std::{
    fs::{self, File},
    io, mem,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use tapebase_domain::blob::BlobRef;

use super::{buffer::Buffer, direct, space};
use crate::blob_name;

/// A blob while it is being written; removed again unless it is committed.
pub struct NewFile {
    file: File,
    path: PathBuf,
    name: String,
    length: u64,
}

impl NewFile {
    /// Makes an empty file of a fresh random name.
    pub fn create(root: &Path) -> io::Result<Self> {
        let name = blob_name::fresh();
        let path = root.join(&name[..2]).join(&name);
        Ok(Self { file: direct::create(&path)?, path, name, length: 0 })
    }

    /// Writes the first `size` bytes of a buffer: whole blocks, unless they are the last.
    pub fn append(mut self, buffer: &Buffer, size: usize) -> io::Result<Self> {
        space::check(&self.file, size as u64)?;
        direct::write_all_at(&self.file, buffer.blocks(size), self.length)?;
        self.length += size as u64;
        Ok(self)
    }

    /// Makes the file survive a power cut: first its bytes, then its name.
    ///
    /// A failed flush is final: the kernel may have dropped the bytes, so the file goes.
    pub fn commit(mut self) -> io::Result<BlobRef> {
        // The last block was written whole: behind the bytes is what the buffer held before.
        self.file.set_len(self.length)?;
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
