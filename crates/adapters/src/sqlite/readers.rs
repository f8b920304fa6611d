//! Connections that read beside the writer, a few at a time.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use rusqlite::Connection;
use tapebase_domain::ports::StoreError;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{from_sqlite, open_connection};

/// Opens connections as they are needed and keeps them for the next.
#[derive(Clone)]
pub struct Readers {
    path: Arc<Path>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// More readers than this would only wait for each other, each with a thread and a page cache.
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Readers of the database at `path`.
    pub fn new(path: &Path) -> Self {
        let readers = 2 * available_parallelism().map_or(1, usize::from);
        Self { path: PathBuf::from(path).into(), idle: Arc::default(), permits: Arc::new(Semaphore::new(readers)) }
    }

    /// Runs `query` on a snapshot of what is committed.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|e| StoreError::Unavailable(e.into()))?;
        let readers = self.clone();
        let reading = spawn_blocking(move || {
            let _permit = permit;
            let idle = readers.lock().pop();
            let connection = idle.map_or_else(|| open_connection(&readers.path), Ok)?;
            let result = query(&connection);
            readers.lock().push(connection);
            result
        });
        reading.await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(from_sqlite)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
