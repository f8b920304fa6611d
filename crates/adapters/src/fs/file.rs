//! Blobs in files of their own: written once, and flushed. Every function here blocks.

use std::{
    fs::{self, File},
    io, mem,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use super::{
    buffer::Buffer,
    direct,
    entry::{BLOCK_BYTES, Block},
    space,
};

/// A file while it is being written; removed again unless it is committed.
pub struct NewFile {
    file: File,
    path: PathBuf,
    /// How many bytes are written, or wait to be.
    length: u64,
    /// The bytes of the last block, as long as it is not full.
    begun: Vec<u8>,
}

impl NewFile {
    /// Makes an empty file.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        Ok(Self { file: direct::create(&path)?, path, length: 0, begun: Vec::new() })
    }

    /// Writes the first `size` bytes of a buffer: whole blocks, unless they are the last. What is behind the last whole
    /// block waits for what [`Self::commit`] puts behind it.
    pub fn append(mut self, buffer: &Buffer, size: usize) -> io::Result<Self> {
        space::check(&self.file, size as u64)?;
        let whole = size / size_of::<Block>() * size_of::<Block>();
        direct::write_all_at(&self.file, buffer.blocks(whole), self.length)?;
        self.begun.extend_from_slice(&buffer.bytes()[whole..size]);
        self.length += size as u64;
        Ok(self)
    }

    /// Removes the file again.
    pub fn discard(mut self) -> io::Result<()> {
        fs::remove_file(mem::take(&mut self.path))
    }

    /// Writes what stands behind the bytes, and makes the file survive a power cut: first its bytes, then its name.
    ///
    /// A failed flush is final: the kernel may have dropped the bytes, so the file goes.
    pub fn commit(mut self, behind: &[u8]) -> io::Result<()> {
        self.write_end(behind)?;
        self.file.sync_data()?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        // Whoever cleans up beside this upload, and takes its file for a leftover, must make it fail.
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("the file was removed while it was written"));
        }
        self.path = PathBuf::new();
        Ok(())
    }

    /// Writes the last bytes, which need not be whole blocks, through the page cache: to write a block and cut off what
    /// fills it would have the file system read it again.
    fn write_end(&mut self, behind: &[u8]) -> io::Result<()> {
        space::check(&self.file, behind.len() as u64)?;
        self.begun.extend_from_slice(behind);
        direct::write_end_at(&self.file, &self.begun, self.length / BLOCK_BYTES * BLOCK_BYTES)
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
