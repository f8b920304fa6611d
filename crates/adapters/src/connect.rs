//! Picks the adapters by URL: the one place that knows them all.

use std::sync::Arc;

use tapebase_domain::ports::{BlobStore, BoxError, Ports, RecordStore, SystemClock, UserStore};

use crate::{argon2id::Argon2id, memory::Memory};

/// Why the stores could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No adapter of this build answers to this URL.
    #[error("{setting} = {scheme:?}: expected {expected}")]
    UnknownScheme {
        /// The setting the URL was given in.
        setting: &'static str,
        /// What the URL begins with; the rest may hold secrets.
        scheme: String,
        /// What it may begin with.
        expected: &'static str,
    },
    /// The adapter could not open its store.
    #[error("{setting}: cannot open the store")]
    Open {
        /// The setting the URL was given in.
        setting: &'static str,
        /// The driver's own error.
        source: BoxError,
    },
}

/// Opens the stores at two URLs, for instance `sqlite:data/tapebase.db` and `file:data/blobs`.
///
/// `memory:` keeps either in memory, until the process ends.
///
/// # Errors
/// [`ConnectError`] naming the setting at fault.
pub fn connect(records: &str, blobs: &str) -> Result<Ports, ConnectError> {
    let (records, users) = open_records(records)?;
    Ok(Ports {
        records,
        users,
        blobs: open_blobs(blobs)?,
        clock: Arc::new(SystemClock),
        passwords: Arc::new(Argon2id::default()),
    })
}

/// Recordings and users live in the same place.
type RowStores = (Arc<dyn RecordStore>, Arc<dyn UserStore>);

fn open_records(url: &str) -> Result<RowStores, ConnectError> {
    match split(url) {
        ("memory", _) => {
            let memory = Arc::new(Memory::default());
            Ok((memory.clone(), memory))
        }
        #[cfg(feature = "embedded")]
        ("sqlite", path) => {
            let sqlite = crate::sqlite::Sqlite::open(path.as_ref())
                .map_err(|error| ConnectError::Open { setting: "records", source: error.into() })?;
            let sqlite = Arc::new(sqlite);
            Ok((sqlite.clone(), sqlite))
        }
        (scheme, _) => Err(ConnectError::UnknownScheme {
            setting: "records",
            scheme: scheme.to_owned(),
            expected: "sqlite:PATH or memory:",
        }),
    }
}

fn open_blobs(url: &str) -> Result<Arc<dyn BlobStore>, ConnectError> {
    match split(url) {
        ("memory", _) => Ok(Arc::new(Memory::default())),
        #[cfg(feature = "embedded")]
        ("file", path) => match crate::fs::Fs::open(path.as_ref()) {
            Ok(fs) => Ok(Arc::new(fs)),
            Err(error) => Err(ConnectError::Open { setting: "blobs", source: error.into() }),
        },
        (scheme, _) => Err(ConnectError::UnknownScheme {
            setting: "blobs",
            scheme: scheme.to_owned(),
            expected: "file:PATH or memory:",
        }),
    }
}

fn split(url: &str) -> (&str, &str) {
    url.split_once(':').unwrap_or((url, ""))
}
