//! Watches a body go by: how large it may get, and whether it came whole.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future, stream};

use crate::{
    blob::{BodyError, ByteStream},
    media_type::MediaType,
};

/// How many bytes a body may have, and on whose account.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// The most bytes of one recording.
    pub recording: u64,
    /// What is left of the owner's quota.
    pub quota: u64,
}

impl Allowance {
    /// Refuses a body of `size` bytes if that is too much.
    pub const fn admit(self, size: u64) -> Result<(), BodyError> {
        if size > self.recording {
            return Err(BodyError::TooLarge { limit: self.recording });
        }
        if size > self.quota {
            return Err(BodyError::OverQuota);
        }
        Ok(())
    }
}

/// Reads as much as it takes to recognise what the body is, and puts it back. A first piece that is long enough stays
/// as it is; shorter ones are put together.
pub async fn peek(body: ByteStream<BodyError>) -> (Bytes, ByteStream<BodyError>) {
    // A short body ends here, and whoever reads it asks for more once more.
    let mut body = body.fuse();
    let mut head = BytesMut::new();
    let mut last = None;
    while head.len() < MediaType::SNIFFED_BYTES {
        match body.next().await {
            Some(Ok(piece)) if head.is_empty() && piece.len() >= MediaType::SNIFFED_BYTES => {
                return (piece.clone(), Box::pin(stream::iter([Ok(piece)]).chain(body)));
            }
            Some(Ok(mut piece)) => {
                head.extend_from_slice(&piece.split_to(piece.len().min(MediaType::SNIFFED_BYTES - head.len())));
                last = Some(Ok(piece));
            }
            Some(Err(error)) => {
                last = Some(Err(error));
                break;
            }
            None => break,
        }
    }
    let head = head.freeze();
    (head.clone(), Box::pin(stream::iter([Ok(head)]).chain(stream::iter(last)).chain(body)))
}

/// Passes a body on until it fails, exceeds its allowance, or ends at another size than expected.
pub fn metered(body: ByteStream<BodyError>, allowance: Allowance, expected: Option<u64>) -> ByteStream<BodyError> {
    let metered = stream::unfold(Some((body, 0_u64)), move |state| async move {
        let (mut body, received) = state?;
        match body.next().await {
            Some(Ok(bytes)) => {
                let received = received + bytes.len() as u64;
                match allowance.admit(received) {
                    Ok(()) => Some((Ok(bytes), Some((body, received)))),
                    Err(error) => Some((Err(error), None)),
                }
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if expected.is_some_and(|size| size != received) => Some((Err(BodyError::Incomplete), None)),
            None => None,
        }
    });
    Box::pin(metered.fuse().filter(|piece| future::ready(!matches!(piece, Ok(bytes) if bytes.is_empty()))))
}
