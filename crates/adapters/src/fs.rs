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
//! A large one is written under its final name, flushed, and its directory flushed.
//! Nothing refers to either until then, so there is no temporary name and no rename; what a crash
//! leaves behind has no row, and the sweeper removes it.
//! All names come from the random generator alone: nothing a client sends reaches a path.

mod buffer;
mod entry;
mod file;
mod folder;
mod new_pack;
mod pack;
mod packs;
mod parts;
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
use futures_util::{StreamExt as _, future};
use tapebase_domain::{
    blob::{self, BlobRef, BodyError, ByteRange, ByteStream, StoredBlob},
    digest::Hasher,
    id::StoreId,
    ports::{BlobEntry, BlobError, BlobStore, BoxError},
};
use tokio::task::spawn_blocking;

use self::{
    entry::{Entry, Place},
    file::NewFile,
    pack::Pack,
    packs::Packs,
    reading::{OpenBlob, READ_BYTES, here_or_blocking, read_on},
};
use crate::blob_name;

/// How many bytes are handed to the disk in one piece.
const WRITE_BYTES: u64 = 512 << 10;
/// Pieces below this size are copied together.
const SMALL_PIECE_BYTES: usize = 4 << 10;

/// The file that names the rows the blobs belong to.
const ROWS: &str = "ROWS";

/// Blobs below one directory.
#[derive(Clone)]
pub struct Fs {
    root: Arc<Path>,
    packs: Arc<Packs>,
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
        Ok(Self { root: root.into(), packs: Arc::new(Packs::new(root.join("packs"))) })
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

    /// Writes a blob into a file of its own, from a body whose beginning is here already.
    async fn put_file(&self, mut batch: Batch, mut body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let root = self.root.clone();
        let (mut file, mut hasher) = (blocking(move || NewFile::create(&root)).await?, Hasher::default());
        loop {
            let (pieces, is_last) = (Arc::<[Bytes]>::from(batch.pieces), batch.is_last);
            let (to_hash, to_write) = (pieces.clone(), pieces);
            let hash = blocking(move || Ok(hash(hasher, &to_hash)));
            let write = blocking(move || file.append(&to_write));
            // The next bytes are received while these are hashed and written.
            let next = async { if is_last { Ok(Batch::default()) } else { Batch::gather(&mut body).await } };
            let (state, written, next) = future::join3(hash, write, next).await;
            (file, hasher) = (written?, state?);
            match next {
                Ok(_) if is_last => break,
                Ok(next) => batch = next,
                Err(error) => {
                    // Removing a large file takes its time.
                    blocking(move || {
                        drop(file);
                        Ok(())
                    })
                    .await?;
                    return Err(error.into());
                }
            }
        }
        let (size, sha256) = hasher.finish();
        let blob = blocking(move || file.commit()).await?;
        Ok(StoredBlob { blob, size, sha256 })
    }
}

fn hash(mut hasher: Hasher, pieces: &[Bytes]) -> Hasher {
    for piece in pieces {
        hasher.update(piece);
    }
    hasher
}

#[async_trait]
impl BlobStore for Fs {
    async fn put(&self, mut body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let batch = Batch::gather(&mut body).await?;
        if batch.is_last && batch.size <= packs::MOST_BYTES {
            return self.packs.append(Entry::new(batch.pieces)).await;
        }
        self.put_file(batch, body).await
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let (path, place) = self.locate(blob)?;
        let first = ByteRange { length: range.length.min(READ_BYTES), ..range };
        let opened = here_or_blocking(move |wait| {
            let Some(blob) = OpenBlob::open(&path, place, wait)? else { return Ok(None) };
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
        let packs = self.packs.clone();
        blocking(move || match place {
            Some(place) => match Pack::open(packs.directory(), place.pack)? {
                Some(pack) => pack.remove(place.offset),
                None => Ok(()),
            },
            None => remove_file(&path),
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

/// Consecutive pieces of a body, enough for one write.
#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    size: u64,
    is_last: bool,
}

impl Batch {
    /// Small pieces are copied together: each may hold a whole network buffer in memory.
    async fn gather(body: &mut ByteStream<BodyError>) -> Result<Self, BodyError> {
        let mut batch = Self::default();
        let mut small = BytesMut::new();
        while batch.size < WRITE_BYTES && !batch.is_last {
            let piece = body.next().await.transpose()?;
            batch.is_last = piece.is_none();
            let piece = piece.unwrap_or_default();
            batch.size += piece.len() as u64;
            if piece.len() < SMALL_PIECE_BYTES && !batch.is_last {
                small.extend_from_slice(&piece);
            } else {
                batch.pieces.extend([small.split().freeze(), piece]);
            }
        }
        batch.pieces.push(small.freeze());
        Ok(batch)
    }
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
