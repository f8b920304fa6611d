//! `RecordStore`, `ChangeFeed`, `DeletedStore`, `UploadStore`, `UserStore`, `TokenStore`, `ErasureStore` and `Inventory` in
//! one SQLite database file.
//!
//! It needs write permission on the file's directory, on a local file system: SQLite's write-ahead log
//! does not work over NFS. `synchronous=FULL` flushes the log on every commit, so that what is answered
//! survives a power cut. One connection writes, see [`writer`]; one moves what it wrote from the log into the
//! database, see [`checkpoints`]; a few others read, see [`readers`]. Nothing is written once the file is not where it was,
//! see [`files`].

mod addresses;
mod attempts;
mod checkpoints;
mod commit;
mod copy;
mod counting;
mod deleted;
mod due;
mod erasure;
mod expiry;
mod faults;
mod feed;
mod files;
mod generations;
mod inventory;
mod migrations;
mod playback;
mod readers;
mod records;
mod rows;
mod session_cache;
mod single_use;
mod tokens;
mod uploads;
mod users;
mod writer;

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};
use rustix::process::{Resource, getrlimit};
use tapebase_domain::{
    history::HistoryId,
    id::StoreId,
    ports::{Clock as _, StoreError, SystemClock},
};

use self::{
    checkpoints::Checkpoints,
    files::Files,
    readers::Readers,
    session_cache::SessionCache,
    writer::{Outcome, Writer},
};

/// Rows in one database file.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    session_cache: SessionCache,
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refused the file.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The tables could not be brought up to date, or are those of a newer version.
    #[error(transparent)]
    Migration(#[from] rusqlite_migration::Error),
    /// The system refused a thread, or to look at the file.
    #[error(transparent)]
    Thread(#[from] std::io::Error),
    /// The tables are those of an older version, and a server has them that would go on writing rows as it knows them.
    #[error("a server of an older version uses this database: stop it, or restart it as this version, and try again")]
    ServedByOlder,
}

impl Sqlite {
    /// Opens the database, making it the first time, and brings its tables up to date, unless a server has it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let _alone = migrations::keep_servers_away(path)?;
        Self::open_to_serve(path)
    }

    /// The same for the server that has it, which has its lock.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_to_serve(path: &Path) -> Result<Self, OpenError> {
        let mut connection = open_connection(path)?;
        migrations::apply(&mut connection)?;
        identify(&connection)?;
        // What a savepoint may have to take back would go into a file of its own, and be written twice; a migration may
        // sort more than there is memory.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // What somebody has deleted is not to be found in the file.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", checkpoints::LOG_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", checkpoints::KEPT_BYTES)?;
        let mut checkpoints = Checkpoints::start(open_connection(path)?, path)?;
        let mut files = Files::opened(path)?;
        let readers = Readers::new(path, files.clone());
        Ok(Self {
            writer: Writer::start(connection, move || files.check(), move |changes| checkpoints.tried(changes))?,
            readers,
            session_cache: SessionCache::default(),
        })
    }

    /// Fails unless both the readers and the writer work.
    async fn probe(&self) -> Result<(), StoreError> {
        self.readers
            .read(|connection| connection.prepare_cached("SELECT id FROM store")?.exists([]).map(|_| ()))
            .await?;
        self.writer.write(|_| Ok(Outcome::Undo(()))).await
    }
}

/// Draws the database's own id, the first time.
fn identify(connection: &Connection) -> rusqlite::Result<()> {
    let fresh = StoreId::generate(SystemClock.now()).to_string();
    let history = HistoryId::generate().to_string();
    connection.execute(
        "INSERT INTO store (id, history, checksum) SELECT ?1, ?2, row_checksum(?1, ?2) \
         WHERE NOT EXISTS (SELECT 1 FROM store)",
        [fresh, history],
    )?;
    Ok(())
}

/// Opens the database, and makes it if there is none.
fn open_connection(path: &Path) -> rusqlite::Result<Connection> {
    open_with(path, OpenFlags::SQLITE_OPEN_CREATE)
}

/// Opens the database that is there.
fn open_existing(path: &Path) -> rusqlite::Result<Connection> {
    open_with(path, OpenFlags::empty())
}

fn open_with(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // A path and nothing but a path: neither `:memory:` nor a URI with parameters.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | flags)?;
    // Another process, such as `tapebase user add`, may hold the lock for a moment.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A statement is planned once, and not again for every time or owner it is given.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    add_functions(&connection)?;
    Ok(connection)
}

/// What statements of this program call.
fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    rows::add_checksum_function(connection)?;
    addresses::add_function(connection)
}

fn from_sqlite(error: rusqlite::Error) -> StoreError {
    if is_full(&error) { StoreError::Full(error.into()) } else { StoreError::Unavailable(error.into()) }
}

/// Whether there is no room for what was to be written: on the disk, or below the limit of the process for a file.
///
/// SQLite has a name for the first only; the second is a failed write, which is taken for that wherever there is a limit.
fn is_full(error: &rusqlite::Error) -> bool {
    match error.sqlite_error() {
        Some(ffi::Error { code: ErrorCode::DiskFull, .. }) => true,
        Some(ffi::Error { extended_code: ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE, .. }) => {
            getrlimit(Resource::Fsize).current.is_some()
        }
        _ => false,
    }
}
