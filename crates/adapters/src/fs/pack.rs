//! One pack: a file of many small blobs. Every function here blocks.
//!
//! Whoever appends to a pack holds its lock (`flock`) until the last byte is written. A pack whose lock is to be
//! had is finished: nothing is ever appended to it again, and what lies behind its last entry is of no use.

mod torn;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, SeekFrom, fallocate, flock, seek},
    io::Errno,
};

pub use self::torn::{Torn, hash};
use super::{
    entry::{BLOCK_BYTES, Block},
    header::Header,
    place::{PackId, Place},
    reading::{Wait, header_at},
    remove_file,
};

/// A pack that is there, whoever appends to it.
pub struct Pack {
    id: PackId,
    path: PathBuf,
    file: File,
    length: u64,
}

impl Pack {
    /// The numbers of all packs, in order.
    pub fn all(packs: &Path) -> io::Result<Vec<PackId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(packs)? {
            ids.extend(entry?.file_name().to_str().and_then(PackId::parse));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Opens a pack; `None` if there is none of this number.
    pub fn open(packs: &Path, id: PackId) -> io::Result<Option<Self>> {
        let path = packs.join(id.to_string());
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let length = file.metadata()?.len();
        Ok(Some(Self { id, path, file, length }))
    }

    /// The header that begins at `offset`, if one does.
    pub fn header(&self, offset: u64) -> io::Result<Option<Header>> {
        header_at(&self.file, Place { pack: self.id, offset }, Wait::Yes)
    }

    /// The first entry at or behind `offset`.
    ///
    /// Between entries there are holes, where some were, and what a power cut left of some.
    pub fn next(&self, mut offset: u64) -> io::Result<Option<Header>> {
        loop {
            let Some(data) = self.data(offset)? else { return Ok(None) };
            offset = data;
            while offset < self.length {
                match self.header(offset)? {
                    Some(header) => return Ok(Some(header)),
                    None if self.is_hole(offset)? => break,
                    None => offset += BLOCK_BYTES,
                }
            }
            if offset >= self.length {
                return Ok(None);
            }
        }
    }

    fn is_hole(&self, offset: u64) -> io::Result<bool> {
        Ok(self.data(offset)?.is_none_or(|data| data >= offset + BLOCK_BYTES))
    }

    /// The first block at or behind `offset` that is not in a hole; `None` if all is a hole up to the end.
    fn data(&self, offset: u64) -> io::Result<Option<u64>> {
        match seek(&self.file, SeekFrom::Data(offset)) {
            Ok(data) => Ok(Some(data / BLOCK_BYTES * BLOCK_BYTES)),
            Err(Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an entry and gives its room back, and the whole pack with the last of a finished one.
    ///
    /// The header goes first: whoever has read some bytes and still finds it has read them before they went.
    pub fn remove(&self, offset: u64) -> io::Result<()> {
        let Some(header) = self.header(offset)? else { return Ok(()) };
        self.punch(offset, BLOCK_BYTES)?;
        if header.span() > BLOCK_BYTES {
            self.punch(offset + BLOCK_BYTES, header.span() - BLOCK_BYTES)?;
        }
        if self.data(0)?.is_none() { self.unlink_if_finished() } else { Ok(()) }
    }

    /// Makes a hole, or zeros where the file system has no holes.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length) {
            Err(Errno::OPNOTSUPP) => self.file.write_all_at(&vec![0; usize::try_from(length).unwrap_or(0)], offset),
            result => Ok(result?),
        }
    }

    fn unlink_if_finished(&self) -> io::Result<()> {
        if self.is_finished()? { remove_file(&self.path) } else { Ok(()) }
    }

    /// Whether nobody appends to it any more; it stays locked against nobody.
    pub fn is_finished(&self) -> io::Result<bool> {
        match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives back the zeros behind the last entry, which a crash has left there, and a pack of nothing but zeros.
    ///
    /// What an entry ends with may be zeros, too. Where something is behind the last one, an entry whose header is damaged
    /// perhaps, all of it stays.
    pub fn trim(&self) -> io::Result<()> {
        if !self.is_finished()? {
            return Ok(());
        }
        // Whoever had the lock until now may have cut it off already.
        let length = self.file.metadata()?.len();
        match self.end_of_bytes(length)? {
            0 => self.unlink_if_finished(),
            end if end < length => {
                let entries = self.end_of_entries()?;
                if end <= entries && entries < length { self.file.set_len(entries) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Where there are nothing but zeros from, in whole blocks.
    fn end_of_bytes(&self, length: u64) -> io::Result<u64> {
        let mut end = length;
        let mut block: Block = [0; size_of::<Block>()];
        while end > 0 {
            let begin = (end - 1) / BLOCK_BYTES * BLOCK_BYTES;
            let block = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
            self.file.read_exact_at(block, begin)?;
            if block.iter().any(|byte| *byte != 0) {
                break;
            }
            end = begin;
        }
        Ok(end)
    }

    fn end_of_entries(&self) -> io::Result<u64> {
        let mut end = 0;
        while let Some(header) = self.next(end)? {
            end = header.place.offset + header.span();
        }
        Ok(end)
    }
}
