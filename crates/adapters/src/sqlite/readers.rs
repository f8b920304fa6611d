//! Connections that read beside the writer.
//!
//! A look-up of a row takes less than handing it to another thread, so it is made at once, where it is asked for.
//! What reads many rows is handed over, a few at a time.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use rusqlite::Connection;
use tapebase_domain::ports::StoreError;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{files::Files, from_sqlite, open_existing};

/// Opens connections as they are needed and keeps them for the next.
#[derive(Clone)]
pub struct Readers {
    path: Arc<Path>,
    files: Arc<Mutex<Files>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// More readers than this would only wait for each other, each with a thread and a page cache.
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Readers of the database at `path`, which has these files.
    pub fn new(path: &Path, files: Files) -> Self {
        let readers = 2 * available_parallelism().map_or(1, usize::from);
        Self {
            path: PathBuf::from(path).into(),
            files: Arc::new(Mutex::new(files)),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(readers)),
        }
    }

    /// Runs a query for a few rows on a snapshot of what is committed, in this thread.
    pub fn look_up<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.run(query).map_err(from_sqlite)
    }

    /// Runs a query for many rows on a snapshot of what is committed, in a thread where it holds nobody up.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|e| StoreError::Unavailable(e.into()))?;
        let readers = self.clone();
        let reading = spawn_blocking(move || {
            let _permit = permit;
            readers.run(query)
        });
        reading.await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(from_sqlite)
    }

    fn run<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = self.lock().pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        let result = query(&connection);
        self.lock().push(connection);
        result
    }

    /// What is at the path by now may be another database, which nobody is to take for this one.
    fn open(&self) -> rusqlite::Result<Connection> {
        let connection = open_existing(&self.path)?;
        let checked = self.files.lock().unwrap_or_else(PoisonError::into_inner).check();
        match checked {
            Ok(()) => Ok(connection),
            Err(error) => Err(rusqlite::Error::InvalidPath(PathBuf::from(error.to_string()))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
