//! One server at a time: two on the same files would each know sessions and changes the other does not.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tapebase_config::Config;
use tokio::time::{Instant, sleep};

/// How long another server may take to end: a restart starts the next one while the last still finishes requests.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// The right to serve the stores, for as long as this is there.
pub struct Exclusive(Option<File>);

impl Exclusive {
    /// Whether there is nobody else who serves: the stores are of one machine.
    pub const fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until no other server has the stores.
    ///
    /// Other commands do not ask for it: they work beside a server.
    pub async fn acquire(config: &Config) -> anyhow::Result<Self> {
        let Some(path) = config.locations()?.serving_lock() else { return Ok(Self(None)) };
        match File::options().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => lock(&file, &path).await.map(|()| Self(Some(file))),
            // Nobody serves what has no folder yet.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self(None)),
            Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
        }
    }
}

async fn lock(file: &File, path: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + LONGEST_WAIT;
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => bail!(
                "another server has {}: stop it first, or give this one a folder of its own with TAPEBASE_DATA_DIR",
                path.display()
            ),
            Err(TryLockError::WouldBlock) => {
                if !is_told {
                    tracing::info!(path = %path.display(), "waiting for another server to end");
                    is_told = true;
                }
                sleep(PAUSE).await;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}
