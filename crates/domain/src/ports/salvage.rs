//! The port for what a crash or a failing disk leaves of blobs, where a store lays them out itself.

use async_trait::async_trait;

use super::BlobError;
use crate::{
    blob::{BlobRef, Provenance, StoredBlob},
    time::Timestamp,
};

/// Bytes that belong to no blob the store can list: of one that was torn, or whose label is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornWrite {
    /// Where the bytes begin.
    pub place: BlobRef,
    /// How many there are.
    pub size: u64,
    /// Every blob they could be of: while a recording refers to any of these, they are its own.
    pub blobs: Vec<BlobRef>,
    /// When something near them was last written to.
    pub modified_at: Timestamp,
}

/// Tells what is left of blobs that went wrong, and puts right what can be.
///
/// A blob's label is what the store keeps beside its bytes, about them.
/// To a store that keeps none, a blob is labelled with its size.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Salvage: Send + Sync {
    /// Whether the bytes of a blob are there, and its label contradicts them, or cannot be read.
    ///
    /// - It MUST NOT be so for a blob that is as it was put, nor for one that had bytes and is gone.
    async fn has_bad_header(&self, stored: &StoredBlob, of: &Provenance) -> Result<bool, BlobError>;

    /// Labels a blob with what it is, whose it is and when it was written.
    ///
    /// - It MUST leave the bytes of a blob as they are.
    /// - It MUST change nothing and return `false` unless the blob's bytes have this size and digest.
    async fn rewrite_header(
        &self,
        stored: &StoredBlob,
        of: &Provenance,
        written_at: Timestamp,
    ) -> Result<bool, BlobError>;

    /// Lists all remains, but for those where something is being written.
    ///
    /// - It MUST list none where blobs were only ever put and deleted.
    async fn remains(&self) -> Result<Vec<TornWrite>, BlobError>;

    /// Removes remains.
    ///
    /// - It MUST leave every blob that can be listed, and return `false` if there is one among them by now.
    async fn clear(&self, remains: &TornWrite) -> Result<bool, BlobError>;
}
