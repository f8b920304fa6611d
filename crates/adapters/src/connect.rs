//! Picks the adapters by URL: the one place that knows them all.

use std::sync::Arc;

use tapebase_domain::ports::{BlobStore, BoxError, Ports, RecordStore, SystemClock, UserStore};

use crate::{argon2id::Argon2id, memory::Memory};

/// Why the stores could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No adapter of this build answers to this URL.
    #[error("{setting}: {given:?} is not {expected}")]
    UnknownUrl {
        /// The setting the URL was given in.
        setting: &'static str,
        /// What the URL begins with; the rest may hold secrets.
        given: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Half of what belongs together would be gone after the next start.
    #[error("records and blobs: `memory:` goes with `memory:` only")]
    HalfInMemory,
    /// The adapter could not open its store.
    #[error("{setting}: cannot open the store")]
    Open {
        /// The setting the URL was given in.
        setting: &'static str,
        /// The driver's own error.
        source: BoxError,
    },
}

/// Where everything is kept.
#[derive(Debug)]
pub struct Locations {
    records: Location,
    blobs: Location,
}

#[derive(Debug)]
enum Location {
    /// Gone with the process.
    Memory,
    /// A file or a folder.
    #[cfg(feature = "embedded")]
    Path(std::path::PathBuf),
}

impl Locations {
    /// Reads two URLs, for instance `sqlite:data/tapebase.db` and `file:data/blobs`.
    ///
    /// `memory:` keeps either in memory, until the process ends.
    ///
    /// # Errors
    /// [`ConnectError::UnknownUrl`] naming the setting at fault.
    pub fn parse(records: &str, blobs: &str) -> Result<Self, ConnectError> {
        let records = Location::parse("records", records, "sqlite", "sqlite:PATH or memory:")?;
        let blobs = Location::parse("blobs", blobs, "file", "file:PATH or memory:")?;
        // One without the other would be rows without audio, or audio without rows, after the next start.
        match (&records, &blobs) {
            (Location::Memory, Location::Memory) => Ok(Self { records, blobs }),
            (Location::Memory, _) | (_, Location::Memory) => Err(ConnectError::HalfInMemory),
            #[cfg(feature = "embedded")]
            _ => Ok(Self { records, blobs }),
        }
    }

    /// Opens the stores, and makes sure that they belong together.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn connect(&self) -> Result<Ports, ConnectError> {
        let (records, users) = self.records.open_records().map_err(|source| open("records", source))?;
        let blobs = self.blobs.open_blobs().map_err(|source| open("blobs", source))?;
        let (clock, passwords) = (Arc::new(SystemClock), Arc::new(Argon2id::default()));
        let ports = Ports { records, blobs, users, clock, passwords };
        ports.pair().await.map_err(|error| open("blobs", error.into()))?;
        Ok(ports)
    }
}

/// Recordings and users live in the same place.
type RowStores = (Arc<dyn RecordStore>, Arc<dyn UserStore>);

impl Location {
    fn parse(setting: &'static str, url: &str, scheme: &str, expected: &'static str) -> Result<Self, ConnectError> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            #[cfg(feature = "embedded")]
            Some((given, path)) if given == scheme && !path.is_empty() => Ok(Self::Path(path.into())),
            _ => {
                let given = url.split(':').next().unwrap_or_default().to_owned();
                Err(ConnectError::UnknownUrl { setting, given, expected })
            }
        }
    }

    fn open_records(&self) -> Result<RowStores, BoxError> {
        match self {
            Self::Memory => {
                let memory = Arc::new(Memory::default());
                Ok((memory.clone(), memory))
            }
            #[cfg(feature = "embedded")]
            Self::Path(path) => {
                let sqlite = Arc::new(crate::sqlite::Sqlite::open(path)?);
                Ok((sqlite.clone(), sqlite))
            }
        }
    }

    fn open_blobs(&self) -> Result<Arc<dyn BlobStore>, BoxError> {
        match self {
            Self::Memory => Ok(Arc::new(Memory::default())),
            #[cfg(feature = "embedded")]
            Self::Path(path) => Ok(Arc::new(crate::fs::Fs::open(path)?)),
        }
    }
}

fn open(setting: &'static str, source: BoxError) -> ConnectError {
    ConnectError::Open { setting, source }
}
