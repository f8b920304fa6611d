//! Stores on a disk and in SQLite, each history in a folder of its own.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::{
    id::UserId,
    ports::{Ports, Timestamp},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// What the stores run in, and the folder they are in.
pub struct Embedded {
    runtime: Arc<Runtime>,
    _folder: TempDir,
}

impl Embedded {
    /// Opens fresh stores.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn open() -> anyhow::Result<(Self, Ports)> {
        static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
        let runtime = if let Some(runtime) = RUNTIME.get() {
            runtime.clone()
        } else {
            let fresh = Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build()?);
            RUNTIME.get_or_init(|| fresh).clone()
        };
        let folder = TempDir::new().context("a folder for the stores")?;
        let url = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());
        let locations = Locations::parse(&url("sqlite", "rows.db"), &url("file", "audio"), S3Dialect::default())?;
        let ports = runtime.block_on(locations.connect())?;
        Ok((Self { runtime, _folder: folder }, ports))
    }

    /// Waits for something in the stores.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Has what is polled from now on find the runtime.
    pub fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Returns once all has happened that was begun: the rows' one writer takes one after the other.
    pub fn settle(&self, ports: &Ports) {
        let _ = self.block_on(ports.records.recount(UserId::generate(Timestamp::UNIX_EPOCH)));
    }
}
