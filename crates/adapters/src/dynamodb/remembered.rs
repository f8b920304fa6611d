//! What the table has for all rows, and that hardly ever changes.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tapebase_domain::ports::StoreError;
use tokio::sync::Mutex;

/// How long it is known before it is asked for again: a change shows within that time.
const TIME_TO_LIVE: Duration = Duration::from_secs(5);

/// A value that was read, and when.
#[derive(Debug)]
pub struct Remembered<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> Remembered<T> {
    /// The value, read anew if that is long ago; by one, while the others wait for it.
    pub async fn get<F>(&self, read: impl FnOnce() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut remembered = self.0.lock().await;
        match *remembered {
            Some((since, value)) if since.elapsed() < TIME_TO_LIVE => Ok(value),
            _ => {
                let since = Instant::now();
                let value = read().await?;
                *remembered = Some((since, value));
                Ok(value)
            }
        }
    }

    /// Whoever asks next reads it.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
