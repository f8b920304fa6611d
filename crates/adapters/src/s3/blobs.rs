//! `BlobStore` in S3.

use std::mem;

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::Bytes;
use chrono::DateTime;
use futures_util::stream;
use tapebase_domain::{
    blob::{self, BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::{Hasher, Sha256},
    id::StoreId,
    lineage::{Generation, Step},
    ports::{BlobEntry, BlobError, BlobStore},
};

use super::{
    S3, error, metadata,
    upload::{PART_BYTES, hash},
};
use crate::batches;

/// The object that names the rows the blobs belong to.
const ROWS: &str = "ROWS";

#[async_trait]
impl BlobStore for S3 {
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        self.upload(of, body).await
    }

    fn settle(&self, blob: &BlobRef) {
        self.own_batches.settle(batches::of_name(blob));
    }

    fn footprint(&self, length: Option<u64>) -> u64 {
        length.unwrap_or(u64::MAX).min(PART_BYTES as u64)
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let key = self.blob_key(blob)?;
        if range.length == 0 {
            // S3 has no empty ranges.
            let is_there = self.size(&key).await?.is_some();
            return Ok(is_there.then(|| blob::once(Bytes::new())));
        }
        let bytes = format!("bytes={}-{}", range.start, range.end() - 1);
        match self.client.get_object().bucket(&self.place.bucket).key(key).range(bytes).send().await {
            Ok(object) => Ok(Some(match metadata::whole_digest(&object, range) {
                Some(sha256) => sound(object.body, range.length, sha256),
                None => exactly(object.body, range.length),
            })),
            Err(error) if error::has_code(&error, "NoSuchKey") => Ok(None),
            Err(error) => Err(error::unavailable(error)),
        }
    }

    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError> {
        let key = self.blob_key(blob)?;
        match self.client.head_object().bucket(&self.place.bucket).key(key).send().await {
            Ok(object) => metadata::describe(&object).map(Some),
            Err(error) if error::has_status(&error, 404) => Ok(None),
            Err(error) => Err(error::unavailable(error)),
        }
    }

    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        // S3 reads its bytes again by itself, and answers with none that are wrong.
        Ok(self.describe(&stored.blob).await?.is_some_and(|described| described.size == stored.size))
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        self.delete_object(&self.blob_key(blob)?).await
    }

    async fn list(&self, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        // What begins with a prefix comes after the prefix itself.
        let mut after = self.place.key(after.as_ref().map_or("", BlobRef::as_str));
        loop {
            let page = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(&self.place.prefix);
            let start_after = (!after.is_empty()).then(|| after.clone());
            let page = page.set_start_after(start_after).send().await.map_err(error::unavailable)?;
            let entries: Vec<BlobEntry> = page.contents().iter().filter_map(|object| self.entry(object)).collect();
            let last = page.contents().last().and_then(|object| object.key());
            match last {
                Some(last) if entries.is_empty() && page.is_truncated() == Some(true) => last.clone_into(&mut after),
                _ => return Ok(entries),
            }
        }
    }

    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError> {
        if let Some(owner) = self.claimed_by().await? {
            return Ok(owner == rows);
        }
        let claim = self.client.put_object().bucket(&self.place.bucket).key(self.place.key(ROWS));
        let claim = claim.set_if_none_match(self.create_only());
        match claim.body(SdkStream::from(rows.to_string().into_bytes())).send().await {
            // Somebody else was first, or this program in a try whose answer was lost.
            Err(error) if !error::has_status(&error, 412) && !error::has_status(&error, 409) => {
                Err(error::unavailable(error))
            }
            _ => Ok(self.claimed_by().await? == Some(rows)),
        }
    }

    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError> {
        let Some((claim, _)) = self.read_note(ROWS).await? else { return Ok(None) };
        let owner = StoreId::parse(claim.trim());
        owner.map(Some).map_err(|error| BlobError::Unavailable(error.into()))
    }

    async fn generation(&self) -> Result<Option<Generation>, BlobError> {
        Ok(self.read_generation().await?.map(|(generation, _)| generation))
    }

    async fn step(&self, step: Step) -> Result<bool, BlobError> {
        self.go_on(step).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        self.claimed_by().await.map(|_| ())
    }
}

impl S3 {
    /// What a small object that is no blob says, and its tag; `None` if it is not there.
    pub(super) async fn read_note(&self, name: &str) -> Result<Option<(String, Option<String>)>, BlobError> {
        let object = self.client.get_object().bucket(&self.place.bucket).key(self.place.key(name)).send().await;
        let object = match object {
            Ok(object) => object,
            Err(error) if error::has_code(&error, "NoSuchKey") => return Ok(None),
            Err(error) => return Err(error::unavailable(error)),
        };
        let tag = object.e_tag;
        let bytes = object.body.collect().await.map_err(|error| BlobError::Unavailable(error.into()))?;
        Ok(Some((String::from_utf8_lossy(&bytes.into_bytes()).into_owned(), tag)))
    }

    /// How many bytes an object has; `None` if it is not there.
    pub(super) async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        match self.client.head_object().bucket(&self.place.bucket).key(key).send().await {
            Ok(object) => Ok(object.content_length().and_then(|length| u64::try_from(length).ok())),
            Err(error) if error::has_status(&error, 404) => Ok(None),
            Err(error) => Err(error::unavailable(error)),
        }
    }

    pub(super) async fn delete_object(&self, key: &str) -> Result<(), BlobError> {
        let deleted = self.client.delete_object().bucket(&self.place.bucket).key(key).send().await;
        deleted.map(|_| ()).map_err(error::unavailable)
    }

    /// `None` for what is no blob.
    pub(super) fn entry(&self, object: &aws_sdk_s3::types::Object) -> Option<BlobEntry> {
        let name = self.place.name(object.key()?)?;
        let modified = object.last_modified()?;
        let modified_at = DateTime::from_timestamp(modified.secs(), modified.subsec_nanos())?;
        Some(BlobEntry { blob: BlobRef::new(name.to_owned()), modified_at })
    }
}

/// Passes on what S3 sends, and fails if that is more or less than was asked for.
pub(super) fn exactly(body: SdkStream, length: u64) -> ByteStream<BlobError> {
    Box::pin(stream::try_unfold((body, length), |(mut body, left)| async move {
        let (piece, left) = next(&mut body, left).await?;
        Ok(piece.map(|piece| (piece, (body, left))))
    }))
}

/// The same, and fails before the last piece if all of them together have another digest.
fn sound(body: SdkStream, length: u64, sha256: Sha256) -> ByteStream<BlobError> {
    let whole = Whole { body, left: length, hasher: Hasher::default(), held: Bytes::new(), is_over: false };
    Box::pin(stream::try_unfold(whole, move |mut whole| async move {
        while !whole.is_over {
            let (piece, left) = next(&mut whole.body, whole.left).await?;
            whole.left = left;
            let Some(piece) = piece else {
                whole.is_over = true;
                if mem::take(&mut whole.hasher).finish().1 != sha256 {
                    return Err(BlobError::Damaged("the object has another digest than its metadata says".into()));
                }
                break;
            };
            whole.hasher = hash(whole.hasher, piece.clone()).await?;
            let before = mem::replace(&mut whole.held, piece);
            if !before.is_empty() {
                return Ok(Some((before, whole)));
            }
        }
        let last = mem::take(&mut whole.held);
        Ok((!last.is_empty()).then_some((last, whole)))
    }))
}

/// All of an object on its way.
struct Whole {
    body: SdkStream,
    /// How many bytes are still to come.
    left: u64,
    hasher: Hasher,
    /// The last piece that came: whoever gets it takes it for the end.
    held: Bytes,
    is_over: bool,
}

/// The next piece of a body, and how many bytes are to come after it; no piece at the end.
async fn next(body: &mut SdkStream, left: u64) -> Result<(Option<Bytes>, u64), BlobError> {
    let piece = body.try_next().await.map_err(error::reading)?;
    let size = piece.as_ref().map_or(0, |piece| piece.len() as u64);
    match (piece, left.checked_sub(size)) {
        (None, Some(0)) => Ok((None, 0)),
        (Some(piece), Some(left)) => Ok((Some(piece), left)),
        _ => Err(BlobError::Unavailable("S3 sent another number of bytes than asked for".into())),
    }
}
