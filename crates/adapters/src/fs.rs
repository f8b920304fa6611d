//! `BlobStore` on a directory of a local file system.
//!
//! It needs a POSIX file system whose `fsync` means it, and write permission on one directory:
//!
//! ```text
//! blobs/VERSION             the layout's number
//! blobs/ROWS                the id of the row store that knows what is an orphan here
//! blobs/GENERATION          how far the blobs have come with those rows
//! blobs/packs/9c41….v2      many small blobs, each with a header of its own: 16 random hexadecimal digits
//! blobs/7f/7f3a….OWNER.ID   one large blob: 32 random hexadecimal digits, below the first two of them
//! blobs/parts/e1c0…/2       the second part of a blob that is sent in parts
//! blobs/open/9c41….v2       a note that something in this pack may have no row, see [`batches`]
//! blobs/open/7f3a09c1d2e4   the same of large blobs whose names begin like that
//! ```
//!
//! A small blob is appended to a pack, and one flush makes many safe at once: see [`packs`].
//! A large one is hashed and written while it arrives, see [`pipeline`]: under its final name, which is flushed, and its
//! directory flushed.
//! Nothing refers to either until then, so there is no temporary name and no rename; what a crash
//! leaves behind has no row and is in a batch that was noted, and the sweeper removes it.
//! Each blob says whose it is, and has a checksum for each 64 KiB, which whole reads are compared with. Small ones have
//! that in their [`header`], large ones in their name and behind their bytes, see [`trailer`].
//! Names come from the random generator, and from ids that were parsed: no other text of a client reaches a path.
//! Blobs of the versions before, whose names are the digits alone, are read as ever.

mod batches;
mod buffer;
mod checksums;
mod description;
mod direct;
mod entry;
mod file;
mod folder;
mod generation;
mod header;
mod name;
mod new_pack;
mod open_file;
mod open_files;
mod pack;
mod packs;
mod parts;
mod pipeline;
mod place;
mod read_buffer;
mod reading;
mod salvage;
mod space;
mod trailer;
mod walk;

use std::{
    error::Error,
    fs,
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tapebase_domain::{
    blob::{self, BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Pieces, Provenance, StoredBlob},
    id::StoreId,
    lineage::{Generation, Step},
    memory::Budget,
    ports::{BlobEntry, BlobError, BlobStore, BoxError, digest},
};
use tokio::task::spawn_blocking;

use self::{
    checksums::Mismatch,
    entry::Entry,
    name::{FileName, Location},
    open_files::OpenFiles,
    pack::Pack,
    packs::Packs,
    reading::{OpenBlob, READ_BYTES, here_or_blocking, read_on},
};
use crate::batches::{Names, OwnBatches};

/// The file that names the rows the blobs belong to.
const ROWS: &str = "ROWS";

/// Blobs below one directory.
#[derive(Clone)]
pub struct Fs {
    root: Arc<Path>,
    names: Arc<Names>,
    own_batches: Arc<OwnBatches>,
    packs: Arc<Packs>,
    open_files: Arc<OpenFiles>,
    memory: Budget,
}

impl Fs {
    /// Opens the directory, making it and its 256 subdirectories where they are missing, private to this user.
    ///
    /// # Errors
    /// If it cannot be made or read, or has the layout of a newer version.
    pub fn open(root: &Path) -> io::Result<Self> {
        folder::lay_out(root)?;
        let open_files = Arc::new(OpenFiles::start()?);
        let (names, own_batches) = (Arc::default(), Arc::<OwnBatches>::default());
        let packs = Arc::new(Packs::new(root, own_batches.clone()));
        Ok(Self { root: root.into(), names, own_batches, packs, open_files, memory: Budget::unlimited() })
    }

    /// The same, where memory is short now and then.
    #[must_use]
    pub fn with_memory(self, memory: Budget) -> Self {
        Self { memory, ..self }
    }
}

#[async_trait]
impl BlobStore for Fs {
    async fn put(&self, of: &Provenance, mut body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        match gather(&mut body).await? {
            Beginning::Whole(pieces) => self.packs.append(Entry::new(of, pieces)).await,
            Beginning::More(pieces) => self.put_large(of, stream::iter(pieces).map(Ok).chain(body)).await,
        }
    }

    fn settle(&self, blob: &BlobRef) {
        self.own_batches.settle(batches::batch_of(blob));
    }

    /// A body may have come as far as into a pack when it turns out to be larger.
    fn footprint(&self, length: Option<u64>) -> u64 {
        length.unwrap_or(u64::MAX).min(packs::MOST_BYTES + pipeline::CHUNK_BYTES as u64)
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let location = locate(blob)?;
        let path = location.path(&self.root);
        let first = ByteRange { length: range.length.min(READ_BYTES), ..range };
        let open_files = self.open_files.clone();
        let opened = here_or_blocking(move |wait| {
            let Some(file) = open_files.open(&path, &location, wait)? else { return Ok(None) };
            let mut blob = OpenBlob::new(file, &location);
            Ok(blob.begin(range, first, wait)?.map(|bytes| (bytes, blob)))
        });
        let Some((bytes, blob)) = opened.await? else { return Ok(None) };
        if first == range {
            return Ok(Some(blob::once(bytes)));
        }
        let rest = ByteRange { start: first.end(), length: range.length - first.length };
        Ok(Some(Box::pin(blob::once(bytes).chain(read_on(Arc::new(blob), rest)))))
    }

    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError> {
        let (root, location) = (self.root.clone(), locate(blob)?);
        blocking(move || description::describe(&root, location)).await
    }

    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        let kept = async {
            match self.describe(&stored.blob).await? {
                Some(described) if described.size == stored.size => digest(self, &stored.blob, stored.size).await,
                _ => Ok(None),
            }
        };
        match kept.await {
            Ok(found) => Ok(found == Some(stored.sha256)),
            Err(BlobError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A file that was cut short has no trailer, and a name all the same.
    async fn provenance(&self, blob: &BlobRef) -> Result<Option<Provenance>, BlobError> {
        match locate(blob)? {
            Location::File(name) => Ok(name.provenance),
            Location::Pack(place) => {
                let root = self.root.clone();
                blocking(move || description::provenance(&root, place)).await
            }
        }
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        let location = locate(blob)?;
        let (packs, open_files) = (self.packs.clone(), self.open_files.clone());
        let (root, path) = (self.root.clone(), location.path(&self.root));
        blocking(move || {
            if let Location::Pack(place) = location {
                let pack = Pack::open(packs.directory(), place.pack)?;
                return pack.map_or_else(|| folder::probe(&root), |pack| pack.remove(place.offset));
            }
            let removed = fs::remove_file(&path);
            open_files.close(&path);
            match removed {
                // Gone already, unless the whole folder is away.
                Err(error) if error.kind() == ErrorKind::NotFound => folder::probe(&root),
                removed => removed,
            }
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

    async fn generation(&self) -> Result<Option<Generation>, BlobError> {
        let root = self.root.clone();
        blocking(move || generation::read(&root)).await
    }

    async fn step(&self, step: Step) -> Result<bool, BlobError> {
        let root = self.root.clone();
        blocking(move || generation::step(&root, step)).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        let root = self.root.clone();
        blocking(move || folder::probe(&root)).await
    }
}

impl Fs {
    async fn put_large(
        &self,
        of: &Provenance,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
    ) -> Result<StoredBlob, BlobError> {
        let name = FileName::new(&self.names.draw(&self.own_batches, self).await?, of);
        let blob = name.to_ref();
        let stored = pipeline::store(self.root.clone(), name, &self.memory, body).await;
        // What was broken off is gone; what failed may not be.
        if let Err(BlobError::Body(_)) = stored {
            self.settle(&blob);
        }
        stored
    }
}

/// Where a blob lies, if the reference is one this store makes.
fn locate(blob: &BlobRef) -> Result<Location, BlobError> {
    let foreign = || BlobError::Unavailable(format!("{:?} is not a blob of this store", blob.as_str()).into());
    Location::parse(blob).ok_or_else(foreign)
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
    let mut pieces = Pieces::default();
    while pieces.size() <= packs::MOST_BYTES {
        match body.next().await.transpose()? {
            Some(piece) => pieces.push(piece),
            None => return Ok(Beginning::Whole(pieces.finish())),
        }
    }
    Ok(Beginning::More(pieces.finish()))
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
    // A file that ends early was cut: nothing is written behind what has a name.
    let is_cut = error.kind() == ErrorKind::UnexpectedEof;
    if is_cut || error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Mismatch>) {
        return BlobError::Damaged(error.into());
    }
    let source = BoxError::from(error);
    match source.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => BlobError::Full(source),
        _ => BlobError::Unavailable(source),
    }
}
