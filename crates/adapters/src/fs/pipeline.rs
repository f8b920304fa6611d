//! Receives, hashes and writes a large blob at the same time: it takes as long as the slowest of the three, not their
//! sum.
//!
//! Each chunk is hashed and written independently; its memory is used again when both are done.

use std::{
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _, future};
use tapebase_domain::{
    blob::{BodyError, StoredBlob},
    memory::{Budget, Spare},
    ports::{BlobError, Clock as _, SystemClock},
};
use tokio::sync::mpsc;

use super::{
    blocking,
    buffer::Buffer,
    checksums::{Checked, Checker},
    entry::BLOCK_BYTES,
    file::NewFile,
    from_io,
    name::FileName,
    trailer::Trailer,
};

/// How many bytes are hashed, and handed to the disk, together, at first and where memory is short: fewer cost more
/// hand-overs than they save memory.
pub const CHUNK_BYTES: usize = 320 << 10;
/// How many where memory is to spare.
const LARGE_CHUNK_BYTES: usize = 1 << 20;
/// How many chunks of a blob are in memory at most: one is filled while one is hashed and one is written. One is enough,
/// if no memory is to spare.
const CHUNKS: usize = 3;

/// Writes a blob of this name, with a trailer behind it.
pub async fn store(
    root: Arc<Path>,
    name: FileName,
    memory: &Budget,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<StoredBlob, BlobError> {
    let path = name.path(&root);
    let file = blocking(move || NewFile::create(path)).await?;
    let (file, checked) = write_all(file, memory, body).await?;
    let (size, sha256) = (checked.length, checked.sha256);
    let trailer = Trailer::new(checked, SystemClock.now().timestamp_micros());
    blocking(move || file.commit(&trailer.encode())).await?;
    Ok(StoredBlob { blob: name.to_ref(), size, sha256 })
}

/// Writes bytes that are no blob yet to `path`, and nothing behind them.
pub async fn store_part(
    path: PathBuf,
    memory: &Budget,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<(), BlobError> {
    let file = blocking(move || NewFile::create(path)).await?;
    let (file, _) = write_all(file, memory, body).await?;
    blocking(move || file.commit(&[])).await
}

/// Writes everything a body yields, and says what it hashes to.
async fn write_all(
    file: NewFile,
    memory: &Budget,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<(NewFile, Checked), BlobError> {
    let (to_hash, hashing) = mpsc::channel(CHUNKS);
    let (to_write, writing) = mpsc::channel(CHUNKS);
    let mut pool = Pool::new(memory);
    let stages = future::join3(receive(body, &mut pool, [to_hash, to_write]), hash(hashing), write(writing, file));
    let (received, checked, file) = stages.await;
    let (file, checked) = (file?, checked?);
    if let Err(error) = received {
        // Removing a large file takes its time.
        blocking(move || file.discard()).await?;
        return Err(error);
    }
    Ok((file, checked))
}

/// Hands over the body chunk by chunk, until it ends or a stage takes no more.
async fn receive(
    mut body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
    pool: &mut Pool<'_>,
    stages: [mpsc::Sender<Arc<Chunk>>; 2],
) -> Result<(), BlobError> {
    let mut chunk = pool.next().await.map_err(from_io)?;
    while let Some(mut bytes) = body.next().await.transpose()? {
        while bytes.has_remaining() {
            chunk.fill(&mut bytes);
            if chunk.is_full() {
                if !hand_over(chunk, &stages) {
                    return Ok(());
                }
                chunk = pool.next().await.map_err(from_io)?;
            }
        }
    }
    hand_over(chunk, &stages);
    Ok(())
}

/// Whether every stage took it; one that did not has failed, and says so itself. There is room for all there are.
fn hand_over(chunk: Chunk, stages: &[mpsc::Sender<Arc<Chunk>>]) -> bool {
    let chunk = Arc::new(chunk);
    stages.iter().all(|stage| stage.try_send(chunk.clone()).is_ok())
}

async fn hash(mut chunks: mpsc::Receiver<Arc<Chunk>>) -> Result<Checked, BlobError> {
    let mut hashing = Checker::default();
    while let Some(chunk) = chunks.recv().await {
        hashing = blocking(move || {
            hashing.update(chunk.bytes());
            Ok(hashing)
        })
        .await?;
    }
    Ok(hashing.finish())
}

async fn write(mut chunks: mpsc::Receiver<Arc<Chunk>>, mut file: NewFile) -> Result<NewFile, BlobError> {
    while let Some(chunk) = chunks.recv().await {
        file = blocking(move || file.append(&chunk.buffer, chunk.size)).await?;
    }
    Ok(file)
}

/// Consecutive bytes of a body; their memory goes back to the pool when this is dropped.
struct Chunk {
    buffer: Buffer,
    size: usize,
    used: mpsc::Sender<Buffer>,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[..self.size]
    }

    fn is_full(&self) -> bool {
        self.size == self.buffer.bytes().len()
    }

    /// Takes over as much as there is room for.
    fn fill(&mut self, bytes: &mut Bytes) {
        let room = &mut self.buffer.bytes_mut()[self.size..];
        let count = room.len().min(bytes.len());
        bytes.copy_to_slice(&mut room[..count]);
        self.size += count;
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // The pool has room for all, and may be gone.
        let _ = self.used.try_send(mem::take(&mut self.buffer));
    }
}

/// The memory of a blob's chunks, used again and again.
struct Pool<'budget> {
    budget: &'budget Budget,
    used: mpsc::Sender<Buffer>,
    free: mpsc::Receiver<Buffer>,
    /// The first chunk is what whoever sends the body was granted.
    has_first: bool,
    /// For all others.
    spare: Vec<Spare>,
}

impl<'budget> Pool<'budget> {
    fn new(budget: &'budget Budget) -> Self {
        let (used, free) = mpsc::channel(CHUNKS);
        Self { budget, used, free, has_first: false, spare: Vec::new() }
    }

    /// An empty chunk; waits for one if all are in use and there cannot be another.
    async fn next(&mut self) -> io::Result<Chunk> {
        if self.free.is_empty() {
            self.grow()?;
        }
        // It never ends: the other end is here, too.
        let buffer = self.free.recv().await.map_or_else(|| Buffer::of_zeros(CHUNK_BYTES), Ok)?;
        Ok(Chunk { buffer, size: 0, used: self.used.clone() })
    }

    /// Adds a chunk, as large as there is memory for, if there may be another.
    fn grow(&mut self) -> io::Result<()> {
        if !self.has_first {
            self.has_first = true;
            return self.add(CHUNK_BYTES);
        }
        if self.spare.len() == CHUNKS - 1 {
            return Ok(());
        }
        for bytes in [LARGE_CHUNK_BYTES, CHUNK_BYTES] {
            if let Some(spare) = self.budget.try_spare(bytes as u64) {
                self.spare.push(spare);
                return self.add(bytes);
            }
        }
        Ok(())
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        // There is room for all.
        let _ = self.used.try_send(Buffer::of_zeros(bytes)?);
        Ok(())
    }
}

// Only the last write of a file may end within a block.
const _: () = assert!((CHUNK_BYTES as u64).is_multiple_of(BLOCK_BYTES));
const _: () = assert!((LARGE_CHUNK_BYTES as u64).is_multiple_of(BLOCK_BYTES));

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn how_many_chunks_there_are_and_how_large_is_for_memory_to_say() {
        let (some, many) = (CHUNK_BYTES, LARGE_CHUNK_BYTES);
        let budgets = [
            (Budget::LEAST_BYTES, vec![some, many, many]),
            (4 * some as u64, vec![some, some, some]),
            (some as u64, vec![some]),
        ];
        for (bytes, chunks) in budgets {
            let budget = Budget::new(bytes);
            let mut pool = Pool::new(&budget);
            let mut taken = Vec::new();
            while let Some(chunk) = pool.next().now_or_never() {
                taken.push(chunk.expect("there is memory"));
            }
            let sizes: Vec<_> = taken.iter().map(|chunk| chunk.buffer.bytes().len()).collect();
            assert_eq!(sizes, chunks, "of {bytes} bytes");

            drop(taken.pop());

            assert!(pool.next().now_or_never().is_some(), "it is used again");
        }
    }
}
