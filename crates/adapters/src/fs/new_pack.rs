//! A pack that this process appends to. Every function here blocks.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FlockOperation, flock};
use tapebase_domain::id::random_bytes;

use super::{
    batches,
    buffer::{Buffer, HUGE_PAGE_BYTES},
    direct,
    entry::BLOCK_BYTES,
    folder,
    place::{PackId, Version},
    space,
};
use crate::batches::OwnBatches;

/// How many zeros are written in one piece: the flush of an upload waits for whatever is being written.
const FILL_BYTES: usize = 512 << 10;

/// A pack that this process appends to.
pub struct NewPack {
    pub id: PackId,
    root: Arc<Path>,
    batches: Arc<OwnBatches>,
    file: File,
    path: PathBuf,
    /// How many bytes it has room for.
    capacity: u64,
    /// Where the next entry begins.
    end: u64,
}

impl NewPack {
    /// Makes a pack of zeros, safe from a power cut: of `wanted` bytes, or smaller if the disk is nearly full,
    /// but of `needed` at least.
    ///
    /// Writing over blocks that are there costs a flush half of what growing a file costs: the file system has
    /// nothing of its own to write down.
    pub fn create(root: &Arc<Path>, batches: &Arc<OwnBatches>, wanted: u64, needed: u64) -> io::Result<Self> {
        let packs = root.join("packs");
        let id = PackId { number: u64::from_le_bytes(random_bytes()), version: Version::Second };
        let (temporary, path) = (packs.join(format!(".{id}")), packs.join(id.to_string()));
        let made = direct::create(&temporary).and_then(|file| {
            let capacity = fill(&file, wanted, needed)?;
            batches.add(&id.to_string(), 0);
            batches::note(root, &id.to_string())?;
            fs::rename(&temporary, &path)?;
            folder::sync(&packs)?;
            let (root, batches) = (root.clone(), batches.clone());
            Ok(Self { id, root, batches, file, path: path.clone(), capacity, end: 0 })
        });
        made.inspect_err(|_| {
            // If this fails too, the sweeper comes by.
            for path in [&temporary, &path] {
                let _ = fs::remove_file(path);
            }
            batches.forget(&id.to_string());
            batches::forget(root, &[id.to_string()]);
        })
    }

    /// Where the next entry goes.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Whether there is room for `bytes` more.
    pub const fn has_room(&self, bytes: u64) -> bool {
        bytes <= self.capacity - self.end
    }

    /// Appends what there is room for, and makes it safe from a power cut.
    ///
    /// A failure is final: the kernel may have dropped bytes and forgotten that, so that the next flush would
    /// succeed without them. Nothing may be appended to this pack after it.
    pub fn append(&mut self, entries: &[u8]) -> io::Result<()> {
        direct::write_all_at(&self.file, entries, self.end)?;
        self.file.sync_data()?;
        // Whoever moves the folder away under a running server must make it fail.
        if fs::metadata(&self.path)?.ino() != self.file.metadata()?.ino() {
            return Err(io::Error::other("the pack is not where it was"));
        }
        self.end += entries.len() as u64;
        Ok(())
    }
}

impl Drop for NewPack {
    /// Gives back the room that was not used. If that fails, the sweeper comes by.
    fn drop(&mut self) {
        let batch = self.id.to_string();
        if self.end > 0 {
            let _ = self.file.set_len(self.end);
        } else if fs::remove_file(&self.path).is_ok() {
            self.batches.forget(&batch);
            batches::forget(&self.root, &[batch]);
            return;
        }
        self.batches.fill(&batch);
        batches::forget(&self.root, &self.batches.take_finished());
    }
}

/// Locks the file and fills it; how many zeros there are now.
fn fill(file: &File, wanted: u64, needed: u64) -> io::Result<u64> {
    flock(file, FlockOperation::NonBlockingLockExclusive)?;
    // Large blobs need room, too.
    let share = space::free(file)? / 8 / BLOCK_BYTES * BLOCK_BYTES;
    let capacity = wanted.min(share).max(needed);
    space::check(file, capacity)?;
    // Larger than a piece, to be one huge page.
    let zeros = Buffer::of_zeros(HUGE_PAGE_BYTES)?;
    let mut offset = 0;
    while offset < capacity {
        let piece = usize::try_from(capacity - offset).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        direct::write_all_at(file, &zeros.bytes()[..piece], offset)?;
        offset += piece as u64;
    }
    file.sync_all()?;
    Ok(capacity)
}
