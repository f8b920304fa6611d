//! Audio bytes and how they are named, cut and streamed.

mod pieces;

pub use self::pieces::Pieces;

use std::{fmt, pin::Pin};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;

use crate::{
    digest::Sha256,
    id::{RecordingId, UserId},
    pending::PendingUpload,
    recording::{DigestOrigin, Recording},
    time::Timestamp,
};

/// Bytes that arrive piece by piece.
pub type ByteStream<E> = Pin<Box<dyn Stream<Item = Result<Bytes, E>> + Send>>;

/// Why a body that a client is sending could not be received to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection ended, or the framing broke, before the body was whole.
    #[error("the body ended early")]
    Incomplete,
    /// What frames the body contradicts itself: sending it again changes nothing.
    #[error("the body is malformed")]
    Malformed,
    /// The client stopped sending, or sends too slowly to ever finish.
    #[error("the body stalled")]
    Stalled,
    /// The body is larger than one recording may be.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes one recording may have.
        limit: u64,
    },
    /// The body does not fit in what is left of its owner's quota.
    #[error("the body does not fit in the quota")]
    OverQuota,
}

/// Where a blob store put some bytes: text the store chose and only the store understands.
///
/// It is never made from anything a client sent, never reused and never overwritten.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef(String);

impl BlobRef {
    /// Wraps the text a store chose; only stores and the rows that keep it call this.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The store's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What audio says of whose it is, for the day its row is lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// Whose recording it is of.
    pub owner: UserId,
    /// Which of their recordings.
    pub recording: RecordingId,
}

impl From<&Recording> for Provenance {
    fn from(recording: &Recording) -> Self {
        Self { owner: recording.owner, recording: recording.id.clone() }
    }
}

impl From<&PendingUpload> for Provenance {
    fn from(plan: &PendingUpload) -> Self {
        Self { owner: plan.owner, recording: plan.id.clone() }
    }
}

/// What a blob says of itself, without its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobDescription {
    /// Whose it is; audio of older versions does not say.
    pub provenance: Option<Provenance>,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of those bytes, where it is written beside them, and who says so.
    pub sha256: Option<(Sha256, DigestOrigin)>,
    /// When it was stored.
    pub written_at: Timestamp,
}

/// What a blob store kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Where it is.
    pub blob: BlobRef,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of those bytes.
    pub sha256: Sha256,
}

/// Some consecutive bytes of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte, counted from 0.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
}

impl ByteRange {
    /// All of a blob of `size` bytes.
    #[must_use]
    pub const fn whole(size: u64) -> Self {
        Self { start: 0, length: size }
    }

    /// The byte after the last one.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// A stream of one piece, for bytes that are already here.
#[must_use]
pub fn once<E: Send + 'static>(bytes: Bytes) -> ByteStream<E> {
    Box::pin(stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
}
