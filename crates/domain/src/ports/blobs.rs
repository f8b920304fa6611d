//! The port for bytes of recordings.

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use tokio::task::yield_now;

use super::BoxError;
use crate::{
    blob::{BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::{Hasher, Sha256},
    id::StoreId,
    lineage::{Generation, Step},
    time::Timestamp,
};

/// Why bytes could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The body itself failed; nothing was kept.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// There is no room left; nothing was kept.
    #[error("no space left for audio")]
    Full(#[source] BoxError),
    /// The bytes are not those that were stored, or not all of them.
    #[error("audio is damaged")]
    Damaged(#[source] BoxError),
    /// The store cannot answer now.
    #[error("blob store unavailable")]
    Unavailable(#[source] BoxError),
}

/// A blob as a walk through the store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Where it is.
    pub blob: BlobRef,
    /// When it was last written to.
    pub modified_at: Timestamp,
}

/// Keeps bytes under references of its own choosing.
///
/// There is no owner here: a reference is only ever found in a row of its owner.
/// Whose a blob is, it says for the day that row is lost, and nobody asks before.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Keeps everything `body` yields, as the audio of `of`.
    ///
    /// - It MUST return only once the bytes would survive a power cut.
    /// - It MUST return the size and the SHA-256 of exactly the bytes it kept.
    /// - It MUST give every blob a reference of its own, even for equal bytes.
    /// - When the body fails, it MUST return that error and keep nothing.
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError>;

    /// Takes note, once, that what becomes of a blob that was put is known: a recording refers to it, or it is deleted
    /// again. Nobody need look for it any more, see [`Batches`](super::Batches).
    fn settle(&self, blob: &BlobRef);

    /// How many bytes [`Self::put`] has in memory at once of a body of `length` bytes, or of one whose length is not
    /// known. Whoever calls it has them granted; a store that goes faster with more asks for it itself.
    fn footprint(&self, length: Option<u64>) -> u64;

    /// Opens some bytes of a blob for reading.
    ///
    /// The range lies within the blob. If it is the whole blob, a store that keeps checksums compares them, and fails
    /// with `Damaged` before it yields a piece that is wrong; other ranges are not compared.
    ///
    /// - It MUST yield exactly the bytes of the range, in order.
    /// - It MUST return `None` for a blob that is not there.
    /// - A blob opened before it is deleted MUST read to its end or fail, never end early.
    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError>;

    /// Tells what a blob says of itself.
    ///
    /// - It MUST say whose the blob is, as it was put or assembled.
    /// - It MUST return the size, and no digest but that of the blob's bytes.
    /// - It MUST return `None` for a blob that is not there.
    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError>;

    /// Whether a blob is there as it was stored: a store that keeps checksums reads all of it, one that guards its bytes
    /// itself tells by their number.
    ///
    /// - It MUST return `false` for a blob that is not there, and for one that is shorter than it was.
    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError>;

    /// Tells whose a blob is, of which nothing else need be readable; `None` if it does not say, or is not there.
    ///
    /// - It MUST say the same as [`Self::describe`].
    async fn provenance(&self, blob: &BlobRef) -> Result<Option<Provenance>, BlobError> {
        Ok(self.describe(blob).await?.and_then(|described| described.provenance))
    }

    /// Removes a blob.
    ///
    /// - It MUST succeed when the blob is already gone.
    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError>;

    /// Lists some blobs after `after`, as many as suit the store.
    ///
    /// - Walked from `None` until it is empty, the list MUST have every blob exactly once,
    ///   even while blobs it has listed are deleted.
    async fn list(&self, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError>;

    /// Takes the blobs for the rows of one store: nobody else may say which of them are orphans.
    ///
    /// - It MUST return `true` to the first store that asks and to that one ever after, `false` to every other.
    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError>;

    /// Which store has taken the blobs, if one has.
    ///
    /// - It MUST return the store that [`Self::claim`] was granted to.
    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError>;

    /// Which generation the blobs are of; `None` before the first.
    async fn generation(&self) -> Result<Option<Generation>, BlobError>;

    /// Goes on to another generation, on condition that the blobs are where the step begins.
    ///
    /// - It MUST return `true` if they are of the generation it leads to by then, whoever has brought them there, and
    ///   `false`, and change nothing, if they are elsewhere.
    /// - It MUST return only once that would survive a power cut.
    async fn step(&self, step: Step) -> Result<bool, BlobError>;

    /// Fails when the store cannot serve.
    async fn ping(&self) -> Result<(), BlobError>;
}

/// The digest of what is kept of a blob of `size` bytes, all of which is read; `None` if it is not there.
///
/// # Errors
/// As [`BlobStore::open`], and what the bytes end with.
pub async fn digest(blobs: &dyn BlobStore, blob: &BlobRef, size: u64) -> Result<Option<Sha256>, BlobError> {
    let Some(mut bytes) = blobs.open(blob, ByteRange::whole(size)).await? else { return Ok(None) };
    let mut hasher = Hasher::default();
    while let Some(piece) = bytes.try_next().await? {
        hasher.update(&piece);
        // What is in memory already comes without a wait, and others have their turn on this thread.
        yield_now().await;
    }
    Ok(Some(hasher.finish().1))
}
