//! Blob files: written once, flushed, read at any place. Every function here blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    mem,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tapebase_domain::{
    blob::{BlobRef, ByteRange, StoredBlob},
    digest::Hasher,
};

use crate::blob_name;

/// What audio may not use up: with no space left at all, not even a delete could be written down.
const RESERVED_BYTES: u64 = 16 << 20;

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
        self.check_space(pieces.iter().map(|piece| piece.len() as u64).sum())?;
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

    fn check_space(&self, more: u64) -> io::Result<()> {
        let volume = rustix::fs::fstatvfs(&self.file)?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        if free < more.saturating_add(RESERVED_BYTES) {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
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

/// A blob that can be read, even after its name is gone.
pub struct BlobFile(File);

impl BlobFile {
    /// Opens a blob that has the bytes of `range`; `None` if it is not there.
    pub fn open(path: &Path, range: ByteRange) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < range.end() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Self(file)))
    }

    /// Reads the bytes of `range`, all of them.
    pub fn read(&self, range: ByteRange) -> io::Result<Bytes> {
        let mut bytes = vec![0; usize::try_from(range.length).map_err(io::Error::other)?];
        self.0.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}
