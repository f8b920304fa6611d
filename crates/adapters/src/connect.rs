//! Picks the adapters by URL: the one place that knows them all.

mod copy;
mod inspect;

use std::{path::PathBuf, sync::Arc};

use tapebase_domain::{
    memory::Budget,
    ports::{
        AttemptStore, Batches, BlobStore, BoxError, ChangeFeed, Clock, DeletedStore, ErasureStore, Inventory,
        PairError, PartAccess, PartStore, PlaybackKeyStore, Ports, PresignDownloads, RecordStore, Salvage, SingleUse,
        StagedBlobs, Staging, SystemClock, TokenStore, UploadStore, UserStore,
    },
};

pub use self::copy::{CopyError, NewCopy};
pub use crate::s3_dialect::{S3Credentials, S3Dialect};
use crate::{
    argon2id::Argon2id,
    memory::Memory,
    oidc::{OpenIdProviders, Provider},
    smtp::Smtp,
    tokio_timer::TokioTimer,
};

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
        expected: String,
    },
    /// Whether the path begins at the root or in the working directory is a matter of opinion.
    #[error(
        "{setting}: write {scheme}:PATH for a path from the working directory, or {scheme}:///PATH for one from the root"
    )]
    TwoSlashes {
        /// The setting the URL was given in.
        setting: &'static str,
        /// What the URL begins with.
        scheme: &'static str,
    },
    /// Half of what belongs together would be gone after the next start.
    #[error("records and blobs: `memory:` goes with `memory:` only")]
    HalfInMemory,
    /// The adapter could not open its store.
    #[error("{setting}: cannot open the store (`tapebase doctor` says what to fix)")]
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
    records: Rows,
    blobs: Audio,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "there is no S3 in this build"))]
    s3: S3Dialect,
    memory: Budget,
    providers: Vec<Provider>,
    mailer: Option<Arc<Smtp>>,
    #[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "nothing is locked in this build"))]
    is_locked: bool,
    #[cfg(feature = "aws")]
    sdk: crate::aws::Sdk,
}

/// Where recordings, plans and users are kept.
#[derive(Debug)]
enum Rows {
    /// Gone with the process.
    Memory,
    /// In a database file.
    #[cfg(feature = "embedded")]
    Sqlite(PathBuf),
    /// In a table.
    #[cfg(feature = "aws")]
    DynamoDb(String),
}

/// Where audio is kept.
#[derive(Debug)]
enum Audio {
    /// Gone with the process.
    Memory,
    /// In a folder.
    #[cfg(feature = "embedded")]
    Folder(PathBuf),
    /// In a bucket.
    #[cfg(feature = "aws")]
    S3(crate::s3::Place),
}

impl Locations {
    /// Reads two URLs, for instance `sqlite:data/tapebase.db` and `file:data/blobs`,
    /// or `dynamodb://table` and `s3://bucket/prefix`.
    ///
    /// `memory:` keeps both in memory, until the process ends.
    ///
    /// # Errors
    /// [`ConnectError::UnknownUrl`] naming the setting at fault.
    pub fn parse(records: &str, blobs: &str, s3: S3Dialect) -> Result<Self, ConnectError> {
        for (setting, url, scheme) in [("records", records, "sqlite"), ("blobs", blobs, "file")] {
            let path = url.strip_prefix(scheme).and_then(|url| url.strip_prefix("://"));
            if path.is_some_and(|path| !path.starts_with('/')) {
                return Err(ConnectError::TwoSlashes { setting, scheme });
            }
        }
        let records = Rows::parse(records).ok_or_else(|| unknown("records", records, RECORDS))?;
        let blobs = Audio::parse(blobs).ok_or_else(|| unknown("blobs", blobs, BLOBS))?;
        // One without the other would be rows without audio, or audio without rows, after the next start.
        if matches!(records, Rows::Memory) != matches!(blobs, Audio::Memory) {
            return Err(ConnectError::HalfInMemory);
        }
        Ok(Self {
            records,
            blobs,
            s3,
            memory: Budget::unlimited(),
            providers: Vec::new(),
            mailer: None,
            is_locked: false,
            #[cfg(feature = "aws")]
            sdk: crate::aws::Sdk::default(),
        })
    }

    /// The same, where bodies share so much memory.
    #[must_use]
    pub fn with_memory(self, memory: Budget) -> Self {
        Self { memory, ..self }
    }

    /// The same, where somebody may sign in with these OpenID providers.
    #[must_use]
    pub fn with_providers(self, providers: Vec<Provider>) -> Self {
        Self { providers, ..self }
    }

    /// The same, where mail is sent like that.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Smtp>) -> Self {
        Self { mailer: mailer.map(Arc::new), ..self }
    }

    /// The same for the server, which has locked [`Self::serving_lock`].
    #[must_use]
    pub fn locked(self) -> Self {
        Self { is_locked: true, ..self }
    }

    /// The file whoever serves these stores holds locked, beside the rows or the folder of audio; `None` where any number
    /// of servers may be at work.
    #[must_use]
    pub fn serving_lock(&self) -> Option<PathBuf> {
        #[cfg(feature = "embedded")]
        if let (Rows::Sqlite(path), _) | (_, Audio::Folder(path)) = (&self.records, &self.blobs) {
            return Some(crate::serving_lock::path(path));
        }
        None
    }

    /// Opens the stores, and makes sure that they belong together.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn connect(&self) -> Result<Ports, ConnectError> {
        let ports = self.open().await?;
        ports.pair().await.map_err(|error| match error {
            PairError::Rows(error) => open("records", error),
            PairError::Strangers | PairError::Blobs(_) => open("blobs", error),
        })?;
        Ok(ports)
    }

    /// Opens the stores without a question to any: whoever sweeps must call [`Ports::pair`] first.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn open(&self) -> Result<Ports, ConnectError> {
        let rows = self.open_rows().await.map_err(|source| open("records", source))?;
        let blobs = self.open_blobs().await.map_err(|source| open("blobs", source))?;
        let ports = join(rows, blobs, self.providers.clone(), self.memory.clone());
        Ok(Ports { mailer: self.mailer.clone().map(|mailer| mailer as _), ..ports })
    }

    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked over the network"))]
    async fn open_rows(&self) -> Result<RowPorts, BoxError> {
        match &self.records {
            Rows::Memory => Ok(RowPorts::of(Arc::new(Memory::default()))),
            #[cfg(feature = "embedded")]
            Rows::Sqlite(path) => {
                let open =
                    if self.is_locked { crate::sqlite::Sqlite::open_to_serve } else { crate::sqlite::Sqlite::open };
                Ok(RowPorts::of(Arc::new(open(path)?)))
            }
            #[cfg(feature = "aws")]
            Rows::DynamoDb(table) => Ok(RowPorts::of(Arc::new(self.sdk.dynamodb(table).await?))),
        }
    }

    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked over the network"))]
    async fn open_blobs(&self) -> Result<BlobPorts, BoxError> {
        match &self.blobs {
            Audio::Memory => Ok(BlobPorts::here(Memory::default())),
            #[cfg(feature = "embedded")]
            Audio::Folder(path) => {
                Ok(BlobPorts::in_folder(crate::fs::Fs::open(path)?.with_memory(self.memory.clone())))
            }
            #[cfg(feature = "aws")]
            Audio::S3(place) => {
                let s3 = Arc::new(self.sdk.s3(place, &self.s3).await?.with_memory(self.memory.clone()));
                let staging = Staging { blobs: s3.clone(), parts: PartAccess::Presigned(s3.clone()) };
                let downloads = self.s3.redirect.then(|| s3.clone() as Arc<dyn PresignDownloads>);
                Ok(BlobPorts { blobs: s3.clone(), batches: s3, salvage: None, staging, downloads })
            }
        }
    }
}

/// What `records` may be in this build, and `blobs`.
const RECORDS: &[&str] = &[
    #[cfg(feature = "embedded")]
    "sqlite:PATH",
    #[cfg(feature = "aws")]
    "dynamodb://TABLE (3 to 255 letters, digits, _, - and .)",
    "memory:",
];
const BLOBS: &[&str] = &[
    #[cfg(feature = "embedded")]
    "file:PATH",
    #[cfg(feature = "aws")]
    "s3://BUCKET/PREFIX",
    "memory:",
];

impl Rows {
    fn parse(url: &str) -> Option<Self> {
        match url.split_once(':')? {
            ("memory", "") => Some(Self::Memory),
            #[cfg(feature = "embedded")]
            ("sqlite", path) if !path.is_empty() => Some(Self::Sqlite(path.into())),
            #[cfg(feature = "aws")]
            ("dynamodb", table) => {
                let table = table.strip_prefix("//").filter(|table| is_table_name(table))?;
                Some(Self::DynamoDb(table.to_owned()))
            }
            _ => None,
        }
    }
}

/// [Naming rules of DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html).
#[cfg(feature = "aws")]
fn is_table_name(name: &str) -> bool {
    (3..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl Audio {
    fn parse(url: &str) -> Option<Self> {
        match url.split_once(':')? {
            ("memory", "") => Some(Self::Memory),
            #[cfg(feature = "embedded")]
            ("file", path) if !path.is_empty() => Some(Self::Folder(path.into())),
            #[cfg(feature = "aws")]
            ("s3", place) => place.strip_prefix("//").and_then(crate::s3::Place::parse).map(Self::S3),
            _ => None,
        }
    }
}

/// Recordings, plans and users live in the same place.
struct RowPorts {
    records: Arc<dyn RecordStore>,
    feed: Arc<dyn ChangeFeed>,
    deleted: Arc<dyn DeletedStore>,
    inventory: Arc<dyn Inventory>,
    uploads: Arc<dyn UploadStore>,
    users: Arc<dyn UserStore>,
    tokens: Arc<dyn TokenStore>,
    erasure: Arc<dyn ErasureStore>,
    attempts: Arc<dyn AttemptStore>,
    single_use: Arc<dyn SingleUse>,
    playback_keys: Arc<dyn PlaybackKeyStore>,
}

/// Everything that a row store keeps.
trait Rowed:
    RecordStore
    + ChangeFeed
    + DeletedStore
    + Inventory
    + UploadStore
    + UserStore
    + TokenStore
    + ErasureStore
    + AttemptStore
    + SingleUse
    + PlaybackKeyStore
    + 'static
{
}

impl<S> Rowed for S where
    S: RecordStore
        + ChangeFeed
        + DeletedStore
        + Inventory
        + UploadStore
        + UserStore
        + TokenStore
        + ErasureStore
        + AttemptStore
        + SingleUse
        + PlaybackKeyStore
        + 'static
{
}

impl RowPorts {
    fn of<S: Rowed>(store: Arc<S>) -> Self {
        Self {
            records: store.clone(),
            feed: store.clone(),
            deleted: store.clone(),
            inventory: store.clone(),
            uploads: store.clone(),
            users: store.clone(),
            tokens: store.clone(),
            erasure: store.clone(),
            attempts: store.clone(),
            single_use: store.clone(),
            playback_keys: store,
        }
    }
}

struct BlobPorts {
    blobs: Arc<dyn BlobStore>,
    batches: Arc<dyn Batches>,
    salvage: Option<Arc<dyn Salvage>>,
    staging: Staging,
    downloads: Option<Arc<dyn PresignDownloads>>,
}

impl BlobPorts {
    /// Clients reach the bytes through this program only.
    fn here<S: BlobStore + Batches + StagedBlobs + PartStore + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        let staging = Staging { blobs: store.clone(), parts: PartAccess::Server(store.clone()) };
        Self { blobs: store.clone(), batches: store, salvage: None, staging, downloads: None }
    }

    /// Of files, whose layout is this program's own.
    #[cfg(feature = "embedded")]
    fn in_folder(fs: crate::fs::Fs) -> Self {
        Self { salvage: Some(Arc::new(fs.clone())), ..Self::here(fs) }
    }
}

fn join(rows: RowPorts, blobs: BlobPorts, providers: Vec<Provider>, memory: Budget) -> Ports {
    let RowPorts {
        records,
        feed,
        deleted,
        inventory,
        uploads,
        users,
        tokens,
        erasure,
        attempts,
        single_use,
        playback_keys,
    } = rows;
    let BlobPorts { blobs, batches, salvage, staging, downloads } = blobs;
    let (clock, timer): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), Arc::new(TokioTimer));
    let identity_providers = Arc::new(OpenIdProviders::new(providers, clock.clone()));
    let passwords = Arc::new(Argon2id::default());
    Ports {
        records,
        feed,
        deleted,
        inventory,
        uploads,
        blobs,
        batches,
        salvage,
        staging,
        downloads,
        users,
        tokens,
        erasure,
        attempts,
        single_use,
        identity_providers,
        mailer: None,
        clock,
        timer,
        passwords,
        playback_keys,
        memory,
    }
}

fn unknown(setting: &'static str, url: &str, expected: &[&str]) -> ConnectError {
    let given = url.split(':').next().unwrap_or_default().to_owned();
    ConnectError::UnknownUrl { setting, given, expected: expected.join(" or ") }
}

fn open(setting: &'static str, source: impl Into<BoxError>) -> ConnectError {
    ConnectError::Open { setting, source: source.into() }
}
