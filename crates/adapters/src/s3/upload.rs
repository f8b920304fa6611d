//! Blobs on their way to S3: in one request, or in parts with bounded memory.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_s3::{
    primitives::ByteStream as SdkStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use futures_util::{StreamExt as _, stream::Fuse};
use md5::{Digest as _, Md5};
use memmap2::MmapMut;
use tapebase_domain::{
    blob::{BlobRef, BodyError, ByteStream, Provenance, StoredBlob},
    digest::{Hasher, Sha256},
    ports::{BlobError, BlobStore as _},
};
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use super::{S3, error, metadata};

/// The size of every part but the last: S3 takes no smaller one than 5 MiB.
pub(super) const PART_BYTES: usize = 8 << 20;
/// Parts of larger blobs grow, for S3 takes 10,000 of them.
const PARTS_OF_ONE_SIZE: usize = 1_000;
/// How many parts of one blob are in memory at most: one is filled while two are on their way. One is enough, if no
/// memory is to spare.
const PARTS: usize = 3;
/// What is no larger is put together without a mapping of its own, which may be resident in pages of 2 MiB.
const UNMAPPED_BYTES: usize = 256 << 10;
/// Pieces up to this size are hashed where they are.
const SMALL_BYTES: usize = 64 << 10;

/// The next bytes of a body, enough for one request.
struct Part {
    bytes: Bytes,
    is_last: bool,
}

impl S3 {
    /// Keeps everything `body` yields, as the audio of `of`.
    pub(super) async fn upload(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let mut body = Pieces { body: body.fuse(), rest: Bytes::new() };
        let first = body.next_part(PART_BYTES).await?;
        let name = self.draw_name().await?;
        if first.is_last {
            return self.put_object(name, of, first.bytes).await;
        }
        let key = self.place.key(&name);
        let upload = Arc::new(Multipart { id: self.begin_multipart(&key, metadata::of(of, None), true).await?, key });
        let sent = self.send_parts(&upload, first, &mut body).await;
        match sent {
            Ok((size, sha256)) => Ok(StoredBlob { blob: BlobRef::new(name), size, sha256 }),
            Err(error) => {
                // If this fails too, the sweeper comes by. It does as well where the parts may be put together at this moment.
                let is_aborted = self.abort_leftover(&upload.key, &upload.id).await.is_ok_and(|is_aborted| is_aborted);
                if is_aborted && matches!(error, BlobError::Body(_)) {
                    self.settle(&BlobRef::new(name));
                }
                Err(error)
            }
        }
    }

    async fn put_object(&self, name: String, of: &Provenance, bytes: Bytes) -> Result<StoredBlob, BlobError> {
        let (_, sha256) = hash(Hasher::default(), bytes.clone()).await?.finish();
        let key = self.place.key(&name);
        let put = self.sender.put_object().bucket(&self.place.bucket).key(&key);
        let put = put.set_if_none_match(self.create_only());
        let put = put.set_checksum_sha256(self.checksum(sha256)).set_metadata(Some(metadata::of(of, Some(sha256))));
        let put = put.set_content_md5(self.content_md5(&bytes).await?);
        let put = put.body(SdkStream::from(bytes.clone())).customize();
        // What says how its bytes hash need not say so in its signature as well.
        let put = if self.without_checksums { put } else { put.disable_payload_signing() };
        match put.send().await {
            Ok(_) => {}
            // The name is random: what has it is this very blob, of a try whose answer was lost.
            Err(error) if error::has_status(&error, 412) && self.size(&key).await? == Some(bytes.len() as u64) => {}
            Err(error) => return Err(error::unavailable(error)),
        }
        Ok(StoredBlob { blob: BlobRef::new(name), size: bytes.len() as u64, sha256 })
    }

    /// Begins an object that comes in parts, and says its upload's id.
    pub(super) async fn begin_multipart(
        &self,
        key: &str,
        metadata: HashMap<String, String>,
        with_checksums: bool,
    ) -> Result<String, BlobError> {
        let algorithm = (with_checksums && !self.without_checksums).then_some(ChecksumAlgorithm::Sha256);
        let begun = self.client.create_multipart_upload().bucket(&self.place.bucket).key(key);
        let begun = begun
            .set_metadata(Some(metadata))
            .set_checksum_algorithm(algorithm)
            .send()
            .await
            .map_err(error::unavailable)?;
        begun.upload_id.ok_or_else(|| BlobError::Unavailable("S3 gave no id to an upload".into()))
    }

    /// Ends an upload of parts, unless its object is there: what is left of it then are parts of that object to some stores.
    /// `SeaweedFS` before 4.48 deletes the object's bytes with them (issues 10663 and 11382). `false` if it is there.
    pub(super) async fn abort_leftover(&self, key: &str, id: &str) -> Result<bool, BlobError> {
        if self.size(key).await?.is_some() {
            return Ok(false);
        }
        self.abort_multipart(key, id).await.map(|()| true)
    }

    pub(super) async fn abort_multipart(&self, key: &str, id: &str) -> Result<(), BlobError> {
        let aborted = self.client.abort_multipart_upload().bucket(&self.place.bucket).key(key).upload_id(id);
        match aborted.send().await {
            Err(error) if !error::has_code(&error, "NoSuchUpload") => Err(error::unavailable(error)),
            _ => Ok(()),
        }
    }

    /// Sends all parts, the next while a few are on their way, and puts them together. A part is collected in the memory
    /// of one that was sent, or in memory that is to spare.
    async fn send_parts(
        &self,
        upload: &Arc<Multipart>,
        mut part: Part,
        body: &mut Pieces,
    ) -> Result<(u64, Sha256), BlobError> {
        let mut hasher = Hasher::default();
        let mut sending = JoinSet::new();
        let (mut sent, mut spare) = (Vec::new(), Vec::new());
        for number in 1.. {
            hasher = hash(hasher, part.bytes.clone()).await?;
            let (store, upload, bytes) = (self.clone(), upload.clone(), part.bytes);
            sending.spawn(async move { store.send_part(&upload, number, bytes).await });
            if part.is_last {
                break;
            }
            let size = PART_BYTES * (1 + sent.len() / PARTS_OF_ONE_SIZE);
            if spare.len() < PARTS - 1
                && let Some(more) = self.memory.try_spare(size as u64)
            {
                spare.push(more);
            } else if let Some(completed) = joined(sending.join_next().await)? {
                sent.push(completed);
            }
            part = body.next_part(size).await?;
        }
        while let Some(completed) = joined(sending.join_next().await)? {
            sent.push(completed);
        }
        self.complete_multipart(&upload.key, &upload.id, sent).await?;
        Ok(hasher.finish())
    }

    async fn send_part(&self, upload: &Multipart, number: i32, bytes: Bytes) -> Result<CompletedPart, BlobError> {
        let checksum = if self.without_checksums {
            None
        } else {
            let (_, sha256) = hash(Hasher::default(), bytes.clone()).await?.finish();
            self.checksum(sha256)
        };
        let part = self.sender.upload_part().bucket(&self.place.bucket).key(&upload.key).upload_id(&upload.id);
        let part = part.part_number(number).set_checksum_sha256(checksum.clone());
        let part = part.set_content_md5(self.content_md5(&bytes).await?).body(SdkStream::from(bytes)).customize();
        let part = if self.without_checksums { part } else { part.disable_payload_signing() };
        let sent = part.send().await.map_err(error::unavailable)?;
        let completed = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        Ok(completed.set_checksum_sha256(checksum).build())
    }

    /// Puts the parts together; create-only, as every write.
    pub(super) async fn complete_multipart(
        &self,
        key: &str,
        id: &str,
        mut parts: Vec<CompletedPart>,
    ) -> Result<(), BlobError> {
        parts.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.sender.complete_multipart_upload().bucket(&self.place.bucket).key(key).upload_id(id);
        match complete.set_if_none_match(self.create_only()).multipart_upload(parts).send().await {
            Ok(_) => Ok(()),
            // A try whose answer was lost has done it.
            Err(error) if is_done(&error) && self.size(key).await?.is_some() => Ok(()),
            Err(error) => Err(error::unavailable(error)),
        }
    }

    /// What every store compares the bytes of a request with that knows no checksum of S3's (RFC 1864).
    async fn content_md5(&self, bytes: &Bytes) -> Result<Option<String>, BlobError> {
        if !self.without_checksums {
            return Ok(None);
        }
        let bytes = bytes.clone();
        let hashing = spawn_blocking(move || BASE64.encode(&Md5::digest(&bytes)));
        hashing.await.map(Some).map_err(|error| BlobError::Unavailable(error.into()))
    }

    /// The digest as S3 wants it, if it wants it.
    pub(super) fn checksum(&self, sha256: Sha256) -> Option<String> {
        (!self.without_checksums).then(|| BASE64.encode(&sha256.0))
    }
}

/// An object that comes in parts.
struct Multipart {
    key: String,
    id: String,
}

/// Whether an upload is over already.
fn is_done<E: aws_sdk_s3::error::ProvideErrorMetadata>(error: &aws_sdk_s3::error::SdkError<E>) -> bool {
    error::has_code(error, "NoSuchUpload") || error::has_status(error, 412)
}

fn joined(
    sent: Option<Result<Result<CompletedPart, BlobError>, JoinError>>,
) -> Result<Option<CompletedPart>, BlobError> {
    sent.transpose().map_err(|error| BlobError::Unavailable(error.into()))?.transpose()
}

/// A body that is cut into parts.
struct Pieces {
    body: Fuse<ByteStream<BodyError>>,
    /// What came and is in no part yet.
    rest: Bytes,
}

impl Pieces {
    /// A part of `size` bytes, unless it is the last.
    ///
    /// Its memory is the system's again once nobody has the part: the allocator would keep so much for each of its
    /// threads.
    async fn next_part(&mut self, size: usize) -> Result<Part, BlobError> {
        let first = self.take(size).await?;
        if !self.has_more().await? {
            // The only piece needs no copy.
            return Ok(Part { bytes: first, is_last: true });
        }
        let mut small = BytesMut::from(first);
        while small.len() < UNMAPPED_BYTES && self.has_more().await? {
            small.extend_from_slice(&self.take(size - small.len()).await?);
        }
        if !self.has_more().await? {
            return Ok(Part { bytes: small.freeze(), is_last: true });
        }
        let mut room = MmapMut::map_anon(size).map_err(|error| BlobError::Unavailable(error.into()))?;
        let mut filled = small.len();
        room[..filled].copy_from_slice(&small);
        while filled < size && self.has_more().await? {
            let piece = self.take(size - filled).await?;
            room[filled..][..piece.len()].copy_from_slice(&piece);
            filled += piece.len();
        }
        Ok(Part { bytes: Bytes::from_owner(room).slice(..filled), is_last: !self.has_more().await? })
    }

    /// Some bytes, `most` at most; none at the end.
    async fn take(&mut self, most: usize) -> Result<Bytes, BodyError> {
        self.has_more().await?;
        Ok(self.rest.split_to(self.rest.len().min(most)))
    }

    /// Whether the end is still to come; if so, some of what is before it has come.
    async fn has_more(&mut self) -> Result<bool, BodyError> {
        while self.rest.is_empty() {
            match self.body.next().await {
                Some(piece) => self.rest = piece?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// Hashes where it holds nobody up.
pub(super) async fn hash(mut hasher: Hasher, bytes: Bytes) -> Result<Hasher, BlobError> {
    if bytes.len() <= SMALL_BYTES {
        hasher.update(&bytes);
        return Ok(hasher);
    }
    let hashing = spawn_blocking(move || {
        hasher.update(&bytes);
        hasher
    });
    hashing.await.map_err(|error| BlobError::Unavailable(error.into()))
}
