//! The ports for blobs that clients send in parts.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::BlobError;
use crate::{
    blob::{BlobRef, BodyError, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    pending::{Parts, StagedRef},
    time::Timestamp,
};

/// What came of putting the parts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// All parts were there.
    Whole(StoredBlob),
    /// This part was not, counted from 1.
    MissingPart(u32),
}

/// Puts blobs together from parts that were sent in any order.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait StagedBlobs: Send + Sync {
    /// Makes a place for the parts of one blob, which will be the audio of `of` and have this digest.
    ///
    /// - It MUST give every blob a place of its own.
    async fn begin(&self, parts: Parts, of: &Provenance, sha256: Sha256) -> Result<StagedRef, BlobError>;

    /// The blob that the parts will be put together to, where that is known beforehand: it may come to be past this program.
    fn destination(&self, staged: &StagedRef) -> Option<BlobRef>;

    /// Which parts are here, by their numbers.
    ///
    /// - It MUST list every part that was sent, in order, and no other.
    /// - It MUST list none when they are gone.
    async fn sent(&self, staged: &StagedRef, parts: Parts) -> Result<Vec<u32>, BlobError>;

    /// Puts the parts together, to what was begun as the audio of `of`.
    ///
    /// - It MUST return the blob only once its bytes would survive a power cut.
    /// - It MUST return the size and the SHA-256 of exactly the bytes it kept.
    /// - It MUST return `MissingPart` with the first part that was never sent, and keep the others.
    /// - It MUST return the blob again when it is repeated before [`Self::clear`], by itself or another.
    async fn assemble(&self, staged: &StagedRef, parts: Parts, of: &Provenance) -> Result<Assembled, BlobError>;

    /// Removes a blob that the parts were put together to and that has no recording, if they can be put together again.
    ///
    /// - [`Self::assemble`] MUST return a blob again after it.
    async fn take_apart(&self, staged: &StagedRef, blob: &BlobRef) -> Result<(), BlobError>;

    /// Removes the parts and keeps the blob they were put together to.
    ///
    /// - It MUST succeed when they are already gone.
    async fn clear(&self, staged: &StagedRef) -> Result<(), BlobError>;

    /// Removes everything that was sent.
    ///
    /// - It MUST succeed when it is already gone.
    async fn abort(&self, staged: &StagedRef) -> Result<(), BlobError>;

    /// Removes parts of blobs that were begun before `then` and not put together, and says of how many blobs.
    ///
    /// - It MUST leave what was begun later.
    async fn abort_begun_before(&self, then: Timestamp) -> Result<u64, BlobError>;
}

/// Takes parts from the server's own clients.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PartStore: Send + Sync {
    /// Keeps everything `body` yields as one part; sent again, the last one counts.
    ///
    /// - When the body fails, it MUST return that error and keep what was sent before.
    async fn put_part(&self, staged: &StagedRef, number: u32, body: ByteStream<BodyError>) -> Result<(), BlobError>;
}

/// A request that somebody without credentials may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedRequest {
    /// Where to.
    pub url: String,
    /// What must be sent with it; names in lower case.
    pub headers: Vec<(String, String)>,
}

/// Lets clients send parts to the store itself.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PresignParts: Send + Sync {
    /// The PUT that sends one part of the audio of `of`, good for `lifetime`; `sha256` is that of the whole blob.
    ///
    /// - It MUST NOT let anything else be written, nor anything be read.
    async fn presign_part(
        &self,
        staged: &StagedRef,
        parts: Parts,
        number: u32,
        of: &Provenance,
        sha256: Sha256,
        lifetime: Duration,
    ) -> Result<PresignedRequest, BlobError>;
}

/// Where clients send parts.
#[derive(Clone)]
pub enum PartAccess {
    /// To this server.
    Server(Arc<dyn PartStore>),
    /// To the store itself.
    Presigned(Arc<dyn PresignParts>),
}

/// Everything a direct upload needs of the blob store.
#[derive(Clone)]
pub struct Staging {
    /// Puts the parts together, to what was begun as the audio of `of`.
    pub blobs: Arc<dyn StagedBlobs>,
    /// Takes them in.
    pub parts: PartAccess,
}
