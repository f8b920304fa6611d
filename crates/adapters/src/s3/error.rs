//! What S3's errors are to the domain.

use std::error::Error;

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStreamError,
};
use aws_smithy_checksums::body::validate;
use tapebase_domain::ports::BlobError;

/// Whether S3 refused with this code.
pub fn has_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(code)
}

/// Whether S3 answered with this status. A HEAD has no body to name a code in.
pub fn has_status<E>(error: &SdkError<E>, status: u16) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == status)
}

/// Any other failure: the store cannot answer now.
pub fn unavailable<E, R>(error: SdkError<E, R>) -> BlobError
where
    SdkError<E, R>: std::error::Error + Send + Sync + 'static,
{
    BlobError::Unavailable(error.into())
}

/// What ends a body before its end; the SDK compares whatever checksum S3 sends with it.
pub fn reading(error: ByteStreamError) -> BlobError {
    if is_mismatch(&error) { BlobError::Damaged(error.into()) } else { BlobError::Unavailable(error.into()) }
}

fn is_mismatch(error: &(dyn Error + 'static)) -> bool {
    error.is::<validate::Error>() || error.source().is_some_and(is_mismatch)
}
