//! Parts of blobs on their way, in a directory per blob, and how they are put together.
//!
//! A part is written and flushed beside its place, and then moved there; a blob is put together by
//! writing it anew, so that nothing sent late can change what was hashed.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use tapebase_domain::{
    blob::{BlobRef, BodyError, ByteRange, ByteStream, Provenance},
    digest::Sha256,
    memory::Purpose,
    pending::{Parts, StagedRef},
    ports::{Assembled, BlobError, BlobStore as _, PartStore, StagedBlobs, relay},
    time::Timestamp,
};
use tokio::time::timeout;

use super::{
    Fs, blocking,
    open_file::OpenFile,
    pipeline,
    reading::{OpenBlob, READ_BYTES, Wait, open, read_on},
    remove_file,
};
use crate::blob_name;

/// How long the memory for putting parts together is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Fs {
    /// The directory of a blob's parts, if the reference is one this store makes.
    fn staging(&self, staged: &StagedRef) -> Result<PathBuf, BlobError> {
        let name = staged.as_str();
        if blob_name::is_one(name) {
            Ok(self.root.join("parts").join(name))
        } else {
            Err(BlobError::Unavailable(format!("{name:?} is not a place of this store").into()))
        }
    }
}

#[async_trait]
impl StagedBlobs for Fs {
    async fn begin(&self, _parts: Parts, _of: &Provenance, _sha256: Sha256) -> Result<StagedRef, BlobError> {
        let staged = StagedRef::new(blob_name::fresh());
        let directory = self.staging(&staged)?;
        blocking(move || DirBuilder::new().mode(0o700).create(directory)).await?;
        Ok(staged)
    }

    /// Every blob that is put together is another.
    fn destination(&self, _: &StagedRef) -> Option<BlobRef> {
        None
    }

    async fn sent(&self, staged: &StagedRef, parts: Parts) -> Result<Vec<u32>, BlobError> {
        let directory = self.staging(staged)?;
        blocking(move || sent(&directory, parts)).await
    }

    async fn assemble(&self, staged: &StagedRef, parts: Parts, of: &Provenance) -> Result<Assembled, BlobError> {
        let directory = self.staging(staged)?;
        let bytes = READ_BYTES + self.footprint(Some(parts.size()));
        let memory = timeout(PATIENCE, self.memory.take(of.owner, Purpose::Receiving, bytes)).await;
        let _memory =
            memory.map_err(|_| BlobError::Unavailable("more is under way than there is memory for".into()))?;
        let opened = blocking(move || open_all(&directory, parts)).await?;
        let files = match opened {
            Ok(files) => files,
            Err(missing) => return Ok(Assembled::MissingPart(missing)),
        };
        let whole = stream::iter(files).flat_map(|(file, range)| read_on(Arc::new(file), range));
        let (whole, cause) = relay(Box::pin(whole));
        match self.put(of, whole).await {
            Err(BlobError::Body(error)) => Err(cause.of(error)),
            stored => Ok(Assembled::Whole(stored?)),
        }
    }

    /// The parts are where they were, and every blob that is put together of them is another.
    async fn take_apart(&self, _staged: &StagedRef, blob: &BlobRef) -> Result<(), BlobError> {
        self.delete(blob).await
    }

    async fn clear(&self, staged: &StagedRef) -> Result<(), BlobError> {
        let directory = self.staging(staged)?;
        blocking(move || remove(&directory)).await
    }

    async fn abort(&self, staged: &StagedRef) -> Result<(), BlobError> {
        self.clear(staged).await
    }

    async fn abort_begun_before(&self, then: Timestamp) -> Result<u64, BlobError> {
        let (parts, packs) = (self.root.join("parts"), self.packs.directory().to_owned());
        blocking(move || {
            let abandoned = begun_before(&parts, then)?;
            abandoned.iter().try_for_each(|directory| remove(directory))?;
            // Packs that were never made to their end have other names than those that were.
            for path in begun_before(&packs, then)?.iter().filter(|path| is_hidden(path)) {
                remove_file(path)?;
            }
            Ok(abandoned.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl PartStore for Fs {
    async fn put_part(&self, staged: &StagedRef, number: u32, body: ByteStream<BodyError>) -> Result<(), BlobError> {
        let directory = self.staging(staged)?;
        let place = directory.join(number.to_string());
        // Whoever copies a folder may leave out what is empty. Made before the part comes: if the upload ends meanwhile,
        // its place stays gone.
        let made = directory.clone();
        blocking(move || DirBuilder::new().recursive(true).mode(0o700).create(made)).await?;
        let path = directory.join(format!(".{}", blob_name::fresh()));
        pipeline::store_part(path.clone(), &self.memory, body).await?;
        blocking(move || {
            fs::rename(&path, place).inspect_err(|_| {
                // The upload is over. If this fails too, it goes with its folder.
                let _ = fs::remove_file(&path);
            })
        })
        .await
    }
}

/// The numbers of the parts that are here; a folder that is not there has none.
fn sent(directory: &Path, parts: Parts) -> io::Result<Vec<u32>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        numbers.extend(number.filter(|number| parts.range(*number).is_some()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Every part, or the first that is missing.
fn open_all(directory: &Path, parts: Parts) -> io::Result<Result<Vec<(OpenBlob, ByteRange)>, u32>> {
    let mut files = Vec::new();
    for number in parts.numbers() {
        let length = parts.range(number).map_or(0, |range| range.length);
        let range = ByteRange::whole(length);
        match open(&directory.join(number.to_string()), Wait::Yes)? {
            Some(part) => files.push((OpenBlob::bare(OpenFile::new(part)?.into()), range)),
            None => return Ok(Err(number)),
        }
    }
    Ok(Ok(files))
}

/// What is in a folder and was last changed before `then`.
fn begun_before(folder: &Path, then: Timestamp) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata().and_then(|metadata| metadata.modified()) {
            Ok(modified) if Timestamp::from(modified) < then => found.push(entry.path()),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Removes a directory of parts, if it is there. It is moved aside first: whatever arrives meanwhile finds no place, and cannot
/// keep it from being empty.
fn remove(directory: &Path) -> io::Result<()> {
    let aside = directory.with_file_name(format!(".{}", blob_name::fresh()));
    match fs::rename(directory, &aside).and_then(|()| fs::remove_dir_all(&aside)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
