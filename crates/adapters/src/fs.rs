//! `BlobStore` on a directory of a local file system.
//!
//! It needs a POSIX file system whose `fsync` means it, and write permission on one directory:
//!
//! ```text
//! blobs/VERSION             the layout's number
//! blobs/ROWS                the id of the row store that knows what is an orphan here
//! blobs/packs/9c41…         many small blobs, each with a header of its own: 16 random hexadecimal digits
//! blobs/7f/7f3a…            one large blob: 32 random hexadecimal digits, below the first two of them
//! blobs/parts/e1c0…/2       the second part of a blob that is sent in parts
//! ```
//!
//! A small blob is appended to a pack, and one flush makes many safe at once: see [`packs`].
//! A large one is hashed and written while it arrives, see [`pipeline`]: under its final name, which is flushed, and its
//! directory flushed.
//! Nothing refers to either until then, so there is no temporary name and no rename; what a crash
//! leaves behind has no row, and the sweeper removes it.
//! All names come from the random generator alone: nothing a client sends reaches a path.

mod buffer;
mod direct;
mod entry;
mod file;
mod folder;
mod new_pack;
mod open_files;
mod pack;
mod packs;
mod parts;
mod pipeline;
mod reading;
mod salvage;
mod space;
mod walk;

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tapebase_domain::{
    blob::{self, BlobRef, BodyError, ByteRange, ByteStream, StoredBlob},
    id::StoreId,
    ports::{BlobEntry, BlobError, BlobStore, BoxError},
};
use tokio::task::spawn_blocking;

use self::{
    entry::{Entry, Place},
    open_files::OpenFiles,
    pack::Pack,
    packs::Packs,
    reading::{OpenBlob, READ_BYTES, here_or_blocking, read_on},
};
use crate::blob_name;

/// Pieces below this size are copied together.
const SMALL_PIECE_BYTES: usize = 4 << 10;

/// The file that names the rows the blobs belong to.
const ROWS: &str = "ROWS";

/// Blobs below one directory.
#[derive(Clone)]
pub struct Fs {
    root: Arc<Path>,
    packs: Arc<Packs>,
    open_files: Arc<OpenFiles>,
}

/// Where a blob lies: in which file, and where in it if others lie there, too.
type Location = (PathBuf, Option<Place>);

impl Fs {
    /// Opens the directory, making it and its 256 subdirectories where they are missing, private to this user.
    ///
    /// # Errors
    /// If it cannot be made or read, or has the layout of a newer version.
    pub fn open(root: &Path) -> io::Result<Self> {
        folder::lay_out(root)?;
        Ok(Self { root: root.into(), packs: Arc::new(Packs::new(root.join("packs"))), open_files: Arc::default() })
    }

    /// Where a blob lies, if the reference is one this store makes.
    fn locate(&self, blob: &BlobRef) -> Result<Location, BlobError> {
        let name = blob.as_str();
        if blob_name::is_one(name) {
            return Ok((self.root.join(&name[..2]).join(name), None));
        }
        match Place::parse(name) {
            Some(place) => Ok((self.packs.directory().join(place.pack.to_string()), Some(place))),
            None => Err(BlobError::Unavailable(format!("{name:?} is not a blob of this store").into())),
        }
    }
}

#[async_trait]
impl BlobStore for Fs {
    async fn put(&self, mut body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        match gather(&mut body).await? {
            Beginning::Whole(pieces) => self.packs.append(Entry::new(pieces)).await,
            Beginning::More(pieces) => {
                pipeline::store(self.root.clone(), stream::iter(pieces).map(Ok).chain(body)).await
            }
        }
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let (path, place) = self.locate(blob)?;
        let first = ByteRange { length: range.length.min(READ_BYTES), ..range };
        let open_files = self.open_files.clone();
        let opened = here_or_blocking(move |wait| {
            let Some(file) = open_files.open(&path, wait)? else { return Ok(None) };
            let blob = OpenBlob::new(file, place);
            Ok(blob.begin(range, first, wait)?.map(|bytes| (bytes, blob)))
        });
        let Some((bytes, blob)) = opened.await? else { return Ok(None) };
        if first == range {
            return Ok(Some(blob::once(bytes)));
        }
        let rest = ByteRange { start: first.end(), length: range.length - first.length };
        Ok(Some(Box::pin(blob::once(bytes).chain(read_on(Arc::new(blob), rest)))))
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        let (path, place) = self.locate(blob)?;
        let (packs, open_files) = (self.packs.clone(), self.open_files.clone());
        blocking(move || {
            if let Some(place) = place {
                return Pack::open(packs.directory(), place.pack)?.map_or(Ok(()), |pack| pack.remove(place.offset));
            }
            remove_file(&path)?;
            open_files.close(&path);
            Ok(())
        })
        .await
    }

    async fn list(&self, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let root = self.root.clone();
        blocking(move || walk::list(&root, after.as_ref().map_or("", BlobRef::as_str))).await
    }

    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError> {
        let root = self.root.clone();
        blocking(move || folder::write_once(&root, ROWS, &format!("{rows}\n"))).await?;
        Ok(self.claimed_by().await? == Some(rows))
    }

    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError> {
        let claim = self.root.join(ROWS);
        let owner = blocking(move || match fs::read_to_string(claim) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            owner => owner.map(Some),
        });
        let owner = owner.await?.map(|owner| StoreId::parse(owner.trim()));
        owner.transpose().map_err(|error| BlobError::Unavailable(error.into()))
    }

    async fn ping(&self) -> Result<(), BlobError> {
        let root = self.root.clone();
        blocking(move || folder::probe(&root)).await
    }
}

/// What a body begins with.
enum Beginning {
    /// All of a small body.
    Whole(Vec<Bytes>),
    /// More than a small body has.
    More(Vec<Bytes>),
}

/// Receives all of a small body, or more than a small body has.
async fn gather(body: &mut ByteStream<BodyError>) -> Result<Beginning, BodyError> {
    let (mut pieces, mut small, mut size) = (Vec::new(), BytesMut::new(), 0);
    while size <= packs::MOST_BYTES {
        let Some(piece) = body.next().await.transpose()? else {
            pieces.push(small.freeze());
            return Ok(Beginning::Whole(pieces));
        };
        size += piece.len() as u64;
        // Small pieces are copied together: each may hold a whole network buffer in memory.
        if piece.len() < SMALL_PIECE_BYTES {
            small.extend_from_slice(&piece);
        } else {
            pieces.extend([small.split().freeze(), piece]);
        }
    }
    pieces.push(small.freeze());
    Ok(Beginning::More(pieces))
}

/// Runs file system calls where they hold nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, BlobError> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(from_io),
        Err(error) => Err(BlobError::Unavailable(error.into())),
    }
}

/// Removes a file, if it is there.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn from_io(error: io::Error) -> BlobError {
    let source = BoxError::from(error);
    match source.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => BlobError::Full(source),
        _ => BlobError::Unavailable(source),
    }
}
