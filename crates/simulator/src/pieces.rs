//! Bytes that come piece by piece, with time for others between them.

use bytes::Bytes;
use futures_util::stream;
use tapebase_domain::blob::ByteStream;

use crate::faults::yield_now;

const PIECE_BYTES: usize = 700;

/// The bytes in pieces, and the error that breaks them off, if one does. Must not be asked for more after its end.
pub fn in_pieces<E: Send + 'static>(bytes: &Bytes, broken_by: Option<E>) -> ByteStream<E> {
    let pieces = bytes.chunks(PIECE_BYTES).map(|piece| Ok(bytes.slice_ref(piece)));
    let pieces: Vec<Result<Bytes, E>> = pieces.chain(broken_by.map(Err)).collect();
    Box::pin(stream::unfold(pieces.into_iter(), |mut pieces| async {
        yield_now().await;
        Some((pieces.next()?, pieces))
    }))
}
