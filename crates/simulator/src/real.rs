//! Stores that other threads answer for, or other processes: a disk and SQLite, or S3 and DynamoDB. Each history has
//! its own, empty.

use std::sync::OnceLock;

use anyhow::Context as _;
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::ports::Ports;
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// What the stores run in, and what they leave behind.
pub struct Real {
    runtime: &'static Runtime,
    place: Place,
}

enum Place {
    Folder(#[expect(dead_code, reason = "the folder goes with it")] tempfile::TempDir),
    #[cfg(feature = "aws")]
    Aws,
}

impl Real {
    /// A folder and a database file.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn on_disk() -> anyhow::Result<(Self, Ports)> {
        let folder = tempfile::TempDir::new().context("a folder for the stores")?;
        let url = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());
        let locations = Locations::parse(&url("sqlite", "rows.db"), &url("file", "audio"), S3Dialect::default())?;
        let runtime = runtime()?;
        let ports = runtime.block_on(locations.connect())?;
        Ok((Self { runtime, place: Place::Folder(folder) }, ports))
    }

    /// A table and a place in a bucket, in engines on this machine.
    ///
    /// # Errors
    /// If they cannot be made.
    #[cfg(feature = "aws")]
    pub fn on_aws() -> anyhow::Result<(Self, Ports)> {
        let runtime = runtime()?;
        let ports = runtime.block_on(aws::fresh())?;
        Ok((Self { runtime, place: Place::Aws }, ports))
    }

    /// Waits for something in the stores.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Has what is polled from now on find the runtime.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Returns once all has happened that was begun, though nobody waits for it any more.
    pub fn settle(&self, ports: &Ports) {
        match &self.place {
            // The rows' one writer takes one after the other.
            Place::Folder(_) => {
                let nobody = tapebase_domain::id::UserId::generate(tapebase_domain::time::Timestamp::UNIX_EPOCH);
                let _ = self.block_on(ports.records.recount(nobody));
            }
            #[cfg(feature = "aws")]
            Place::Aws => self.block_on(async { tokio::time::sleep(aws::LATEST).await }),
        }
    }
}

/// Sends bytes as a client does that has nothing but a link.
///
/// # Errors
/// If they are not taken.
#[cfg(feature = "aws")]
pub fn send(request: &tapebase_domain::ports::PresignedRequest, audio: &[u8]) -> anyhow::Result<()> {
    let with_headers = |put, (name, value): &(String, String)| ureq::RequestBuilder::header(put, name, value);
    request.headers.iter().fold(ureq::put(&request.url), with_headers).send(audio)?;
    Ok(())
}

/// The one runtime of all stores.
fn runtime() -> anyhow::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let fresh = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| fresh))
}

/// Stores in the engines of this machine.
#[cfg(feature = "aws")]
mod aws {
    use std::time::{Duration, SystemTime};

    use anyhow::ensure;
    use tapebase_adapters::{
        aws::Sdk,
        connect::{Locations, S3Dialect},
        finding::Finding,
        s3::Place,
    };
    use tapebase_conformance::engines;
    use tapebase_domain::ports::Ports;

    /// How long an engine may be at a request whose connection is closed.
    pub const LATEST: Duration = Duration::from_millis(100);
    /// One bucket for all: stores that are like S3 keep volumes for each.
    const BUCKET: &str = "tapebase-simulator";

    /// A table and a prefix that nobody has used before.
    pub async fn fresh() -> anyhow::Result<Ports> {
        let is_here = |engine| engines::address(engine).ip().is_loopback();
        ensure!(is_here(engines::DYNAMODB) && is_here(engines::S3), "no engines of this machine");
        let name = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
        let (table, place) = (format!("simulated-{name}"), format!("{BUCKET}/{name}"));
        let (sdk, dialect) = (Sdk::default(), S3Dialect { path_style: true, ..S3Dialect::default() });
        let made = sdk.dynamodb(&table).await.map_err(anyhow::Error::from_boxed)?.make_table().await;
        ensure!(made.is_fine(), "{made:?}");
        let bucket = Place::parse(&place).ok_or_else(|| anyhow::anyhow!("{place} is no place"))?;
        // The first finding is the bucket; an engine need not know all that is asked of S3.
        let made = sdk.s3(&bucket, &dialect).await.map_err(anyhow::Error::from_boxed)?.set_up().await;
        ensure!(made.first().is_some_and(Finding::is_fine), "{made:?}");
        let locations = Locations::parse(&format!("dynamodb://{table}"), &format!("s3://{place}"), dialect)?;
        Ok(locations.connect().await?)
    }
}
