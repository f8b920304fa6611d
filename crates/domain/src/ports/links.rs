//! The port for downloads from the blob store itself.

use std::time::Duration;

use async_trait::async_trait;

use super::BlobError;
use crate::blob::BlobRef;

/// How the store is to present a blob to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Content-Disposition` (RFC 6266).
    pub content_disposition: String,
}

/// Lets clients read blobs from the store itself.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PresignDownloads: Send + Sync {
    /// The URL a blob can be read at without credentials, for `lifetime`.
    ///
    /// - It MUST yield exactly the blob's bytes, presented as told, and any range of them.
    /// - It MUST NOT let anything else be read, nor anything be written.
    async fn presign_download(
        &self,
        blob: &BlobRef,
        presentation: Presentation,
        lifetime: Duration,
    ) -> Result<String, BlobError>;
}
