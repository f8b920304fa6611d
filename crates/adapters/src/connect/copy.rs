//! Copies of a database and a folder of audio, such as backups.
//!
//! The database of a copy gets its name last. A copy without it is none: it was broken off.

use std::{io, path::PathBuf};

use tapebase_domain::ports::{BoxError, Ports};

use super::Locations;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Other stores have means of their own.
    #[error("only recordings in SQLite with their audio in a folder are copied")]
    OtherStores,
    /// There is nothing to copy, or only half of it.
    #[error("there is no {} (a backup that was broken off has none)", .0.display())]
    NoSource(PathBuf),
    /// It would be overwritten.
    #[error("there is a {} already", .0.display())]
    Exists(PathBuf),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A store failed.
    #[error(transparent)]
    Store(BoxError),
}

/// A copy with all rows, as they were at one moment, and no audio yet.
pub struct NewCopy {
    /// The copy's stores.
    pub ports: Ports,
    finish: Box<dyn FnOnce() -> Result<(), CopyError> + Send>,
}

impl NewCopy {
    /// Makes it a copy that counts, and that survives a power cut. Nothing else may use its stores any more.
    ///
    /// # Errors
    /// [`CopyError`].
    pub fn finish(self) -> Result<(), CopyError> {
        drop(self.ports);
        (self.finish)()
    }
}

impl Locations {
    /// Copies the rows to where `target` says, where nothing may be yet; its folder is made if need be.
    ///
    /// # Errors
    /// [`CopyError`].
    #[cfg_attr(not(feature = "embedded"), expect(clippy::unused_async, unused_variables, reason = "nothing is copied"))]
    pub async fn begin_copy(&self, target: &Self) -> Result<NewCopy, CopyError> {
        #[cfg(feature = "embedded")]
        if let (super::Rows::Sqlite(source), super::Audio::Folder(_)) = (&self.records, &self.blobs)
            && let (super::Rows::Sqlite(rows), super::Audio::Folder(blobs)) = (&target.records, &target.blobs)
        {
            return embedded::begin(source, rows, blobs).await;
        }
        Err(CopyError::OtherStores)
    }
}

#[cfg(feature = "embedded")]
mod embedded {
    use std::{
        fs::{self, DirBuilder, File},
        io,
        os::unix::fs::DirBuilderExt as _,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use tapebase_domain::{
        memory::Budget,
        ports::{BlobStore as _, RecordStore as _},
    };

    use super::{
        super::{BlobPorts, RowPorts, join},
        CopyError, NewCopy,
    };
    use crate::{fs::Fs, sqlite::Sqlite};

    pub async fn begin(source: &Path, rows: &Path, blobs: &Path) -> Result<NewCopy, CopyError> {
        if !source.exists() {
            return Err(CopyError::NoSource(source.to_owned()));
        }
        let rows = std::path::absolute(rows)?;
        let unfinished = beside(&rows, ".unfinished");
        if let Some(there) = [&*rows, &*unfinished, blobs].into_iter().find(|path| path.exists()) {
            return Err(CopyError::Exists(there.to_owned()));
        }
        let folder = rows.parent().unwrap_or(&rows);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // The folder's own name must survive a power cut, too.
        File::open(folder.join(".."))?.sync_all()?;
        Sqlite::open(source).map_err(store)?.copy_to(&unfinished).await.map_err(CopyError::Store)?;
        let database = Arc::new(Sqlite::open(&unfinished).map_err(store)?);
        let audio = Fs::open(blobs)?;
        audio.claim(database.id().await.map_err(store)?).await.map_err(store)?;
        let ports = join(RowPorts::of(database.clone()), BlobPorts::in_folder(audio), Vec::new(), Budget::unlimited());
        Ok(NewCopy { ports, finish: Box::new(move || finish(database, &unfinished, &rows)) })
    }

    /// The last connection takes the write-ahead log into the database with it; only then has it its name.
    fn finish(database: Arc<Sqlite>, unfinished: &Path, rows: &Path) -> Result<(), CopyError> {
        drop(Arc::into_inner(database).ok_or_else(|| io::Error::other("the copy is still in use"))?);
        if beside(unfinished, "-wal").exists() {
            return Err(io::Error::other("the copy's database was not closed").into());
        }
        File::open(unfinished)?.sync_all()?;
        fs::rename(unfinished, rows)?;
        File::open(rows.parent().unwrap_or(rows))?.sync_all()?;
        Ok(())
    }

    fn beside(path: &Path, ending: &str) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name.into()
    }

    fn store(error: impl std::error::Error + Send + Sync + 'static) -> CopyError {
        CopyError::Store(error.into())
    }
}
