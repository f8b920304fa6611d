//! What one blob store yields, as another takes it in.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt as _;

use super::BlobError;
use crate::blob::{BodyError, ByteStream};

/// Why a relayed body broke off: a body has no cause of its own to tell.
pub struct Cause(Arc<Mutex<Option<BlobError>>>);

impl Cause {
    /// What the body's store said; `error` itself if it said nothing.
    #[must_use]
    pub fn of(self, error: BodyError) -> BlobError {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(BlobError::Body(error))
    }
}

/// Makes a body to be stored out of what was stored before.
#[must_use]
pub fn relay(bytes: ByteStream<BlobError>) -> (ByteStream<BodyError>, Cause) {
    let cause = Arc::new(Mutex::new(None));
    let noted = cause.clone();
    let body = bytes.map_err(move |error| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        BodyError::Incomplete
    });
    (Box::pin(body), Cause(cause))
}
