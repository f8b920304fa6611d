//! The SDK's errors to the ports', and how long to put up with them.

use std::{error::Error, time::Duration};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tapebase_domain::{
    id::random_bytes,
    ports::{BoxError, StoreError},
};
use tokio::time::sleep;

/// The driver's error as the port's; the SDK has repeated by now what can be repeated.
pub fn from_sdk<E, R>(error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        Some("ItemCollectionSizeLimitExceededException") => StoreError::Full(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// A request that could not even be put together.
pub fn from_build(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// Waits between tries: longer from one to the next, and each time for a random part of it, so that those who
/// got in each other's way do not meet again.
#[derive(Debug, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    const MOST_TRIES: u32 = 10;
    const FIRST: Duration = Duration::from_millis(25);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Waits for a moment, so that those who got in each other's way do not meet again.
    pub async fn pause() {
        let [share] = random_bytes::<1>();
        sleep(Self::FIRST * u32::from(share) / 255).await;
    }

    /// Waits before the next try; gives up with `cause` when there were enough.
    pub async fn wait(&mut self, cause: impl Into<BoxError>) -> Result<(), StoreError> {
        self.tries += 1;
        if self.tries >= Self::MOST_TRIES {
            return Err(StoreError::Unavailable(cause.into()));
        }
        let longest = (Self::FIRST * 2_u32.pow(self.tries - 1)).min(Self::LONGEST);
        let [share] = random_bytes::<1>();
        sleep(longest * u32::from(share) / 255).await;
        Ok(())
    }
}
