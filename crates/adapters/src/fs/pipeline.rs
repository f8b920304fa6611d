//! Receives, hashes and writes a large blob, all at once: one after the other would take as long as all together.
//!
//! What is received goes into pieces of memory that are hashed and written in no order of the two, and filled again
//! when both have been done.

use std::{mem, path::Path, sync::Arc};

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _, future};
use tapebase_domain::{
    blob::{BodyError, StoredBlob},
    digest::Hasher,
    ports::BlobError,
};
use tokio::sync::mpsc;

use super::{blocking, buffer::Buffer, file::NewFile};

/// How many bytes are hashed, and handed to the disk, together: fewer, and the hand-overs take longer than the work.
const PIECE_BYTES: usize = 320 << 10;
/// How many pieces of a blob are in memory at most: one is filled while one is hashed and one is written.
const PIECES: usize = 3;

/// Writes a blob into a file of its own.
pub async fn take_in(
    root: Arc<Path>,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<StoredBlob, BlobError> {
    let file = blocking(move || NewFile::create(&root)).await?;
    let (to_hash, hashing) = mpsc::channel(PIECES);
    let (to_write, writing) = mpsc::channel(PIECES);
    let stages = future::join3(receive(body, [to_hash, to_write]), hash(hashing), write(writing, file));
    let (received, hasher, file) = stages.await;
    let (file, hasher) = (file?, hasher?);
    if let Err(error) = received {
        // Removing a large file takes its time.
        blocking(move || {
            drop(file);
            Ok(())
        })
        .await?;
        return Err(error.into());
    }
    let (size, sha256) = hasher.finish();
    let blob = blocking(move || file.commit()).await?;
    Ok(StoredBlob { blob, size, sha256 })
}

/// Hands over the body piece by piece, until it ends or a stage takes no more.
async fn receive(
    mut body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
    stages: [mpsc::Sender<Arc<Piece>>; 2],
) -> Result<(), BodyError> {
    let mut pieces = Pieces::new();
    let mut piece = pieces.next().await;
    while let Some(mut bytes) = body.next().await.transpose()? {
        while bytes.has_remaining() {
            piece.fill(&mut bytes);
            if piece.size == PIECE_BYTES {
                if !hand_over(piece, &stages) {
                    return Ok(());
                }
                piece = pieces.next().await;
            }
        }
    }
    hand_over(piece, &stages);
    Ok(())
}

/// Whether every stage took it; one that did not has failed, and says so itself. There is room for all there are.
fn hand_over(piece: Piece, stages: &[mpsc::Sender<Arc<Piece>>]) -> bool {
    let piece = Arc::new(piece);
    stages.iter().all(|stage| stage.try_send(piece.clone()).is_ok())
}

async fn hash(mut pieces: mpsc::Receiver<Arc<Piece>>) -> Result<Hasher, BlobError> {
    let mut hasher = Hasher::default();
    while let Some(piece) = pieces.recv().await {
        hasher = blocking(move || {
            hasher.update(piece.bytes());
            Ok(hasher)
        })
        .await?;
    }
    Ok(hasher)
}

async fn write(mut pieces: mpsc::Receiver<Arc<Piece>>, mut file: NewFile) -> Result<NewFile, BlobError> {
    while let Some(piece) = pieces.recv().await {
        file = blocking(move || file.append(&piece.buffer, piece.size)).await?;
    }
    Ok(file)
}

/// Consecutive bytes of a body; their memory is filled again once this is dropped.
struct Piece {
    buffer: Buffer,
    size: usize,
    used: mpsc::Sender<Buffer>,
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[..self.size]
    }

    /// Takes over as much as there is room for.
    fn fill(&mut self, bytes: &mut Bytes) {
        let room = &mut self.buffer.bytes_mut()[self.size..];
        let count = room.len().min(bytes.len());
        bytes.copy_to_slice(&mut room[..count]);
        self.size += count;
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // Nothing is received any more at the end.
        let _ = self.used.try_send(mem::take(&mut self.buffer));
    }
}

/// Where empty pieces come from.
struct Pieces {
    made: usize,
    used: mpsc::Sender<Buffer>,
    free: mpsc::Receiver<Buffer>,
}

impl Pieces {
    fn new() -> Self {
        let (used, free) = mpsc::channel(PIECES);
        Self { made: 0, used, free }
    }

    /// An empty piece, made now or used before; waits for one if there are as many as there may be.
    async fn next(&mut self) -> Piece {
        let buffer = match self.free.try_recv() {
            Ok(buffer) => Some(buffer),
            Err(_) if self.made < PIECES => None,
            Err(_) => self.free.recv().await,
        };
        let buffer = buffer.unwrap_or_else(|| {
            self.made += 1;
            Buffer::of_zeros(PIECE_BYTES)
        });
        Piece { buffer, size: 0, used: self.used.clone() }
    }
}
