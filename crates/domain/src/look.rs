//! Looks at stored audio to tell what it is.

use bytes::BytesMut;
use futures_util::TryStreamExt as _;

use crate::{
    blob::{BlobRef, ByteRange},
    media_type::{MediaType, Recognised},
    ports::{BlobError, BlobStore},
};

/// How many places of a file are looked at, at most: two are enough for nearly all of them.
const PLACES: usize = 4;

/// What a blob of `size` bytes is; `None` if it is not there.
pub async fn recognise(blobs: &dyn BlobStore, blob: &BlobRef, size: u64) -> Result<Option<Recognised>, BlobError> {
    let Some(head) = read(blobs, blob, 0, size).await? else { return Ok(None) };
    Ok(Some(go_on(blobs, blob, size, Recognised::in_head(&head)).await))
}

/// What a blob is of which the head was seen. A store that does not answer shows nothing more.
pub async fn go_on(blobs: &dyn BlobStore, blob: &BlobRef, size: u64, mut seen: Recognised) -> Recognised {
    for _ in 0..PLACES {
        let Some(at) = seen.wants().filter(|at| *at < size) else { break };
        let Ok(Some(bytes)) = read(blobs, blob, at, size).await else { break };
        seen = seen.seeing(&bytes);
    }
    seen
}

async fn read(blobs: &dyn BlobStore, blob: &BlobRef, start: u64, size: u64) -> Result<Option<BytesMut>, BlobError> {
    let length = (size - start).min(MediaType::SNIFFED_BYTES as u64);
    match blobs.open(blob, ByteRange { start, length }).await? {
        Some(bytes) => Ok(Some(bytes.try_collect().await?)),
        None => Ok(None),
    }
}
