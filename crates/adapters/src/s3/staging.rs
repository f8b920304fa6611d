//! `StagedBlobs` in S3: parts are S3's own, and one part alone is the object itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{ChecksumMode, CompletedPart, Part};
use data_encoding::BASE64;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::{BlobRef, Provenance, StoredBlob},
    digest::{Hasher, Sha256},
    pending::{Parts, StagedRef},
    ports::{Assembled, BlobError, StagedBlobs},
    time::Timestamp,
};

use super::{S3, blobs::exactly, error, metadata};
use crate::blob_name;

/// Where the parts of one blob are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Staged {
    /// In the object itself, which is sent whole.
    Whole(String),
    /// In an upload of parts to the object of this name.
    Parts(String, String),
}

impl Staged {
    pub(super) fn parse(staged: &StagedRef) -> Result<Self, BlobError> {
        let text = staged.as_str();
        let (name, upload) = text.split_once('.').map_or((text, None), |(name, upload)| (name, Some(upload)));
        match upload {
            _ if !blob_name::is_one(name) => {
                Err(BlobError::Unavailable(format!("{text:?} is not a place of this store").into()))
            }
            None => Ok(Self::Whole(name.to_owned())),
            Some(upload) => Ok(Self::Parts(name.to_owned(), upload.to_owned())),
        }
    }

    fn name(&self) -> &str {
        let (Self::Whole(name) | Self::Parts(name, _)) = self;
        name
    }
}

#[async_trait]
impl StagedBlobs for S3 {
    async fn begin(&self, parts: Parts, of: &Provenance, sha256: Sha256) -> Result<StagedRef, BlobError> {
        let name = blob_name::fresh();
        // Without a checksum in the link, an object sent whole could be sent anew when it is a recording already.
        if parts.count() == 1 && !self.without_checksums {
            return Ok(StagedRef::new(name));
        }
        let upload = self.begin_multipart(&self.place.key(&name), metadata::of(of, Some(sha256)), false).await?;
        Ok(StagedRef::new(format!("{name}.{upload}")))
    }

    fn destination(&self, staged: &StagedRef) -> Option<BlobRef> {
        Staged::parse(staged).ok().map(|staged| BlobRef::new(staged.name().to_owned()))
    }

    async fn sent(&self, staged: &StagedRef, parts: Parts) -> Result<Vec<u32>, BlobError> {
        let staged = Staged::parse(staged)?;
        let key = self.place.key(staged.name());
        if let Staged::Parts(_, upload) = &staged
            && let Some(sent) = self.list_parts(&key, upload, parts).await?
        {
            return Ok(sent.into_keys().collect());
        }
        // Put together, they are all here; the object is nothing else.
        Ok(if self.has_object(&key).await? { parts.numbers().collect() } else { Vec::new() })
    }

    async fn assemble(&self, staged: &StagedRef, parts: Parts, _of: &Provenance) -> Result<Assembled, BlobError> {
        let staged = Staged::parse(staged)?;
        let key = self.place.key(staged.name());
        let missing = match &staged {
            Staged::Parts(_, upload) => self.put_together(&key, upload, parts).await?,
            Staged::Whole(_) => None,
        };
        // Of several at once, one puts the object together, and another may find its parts removed already.
        let stored = self.stored(staged.name()).await?;
        Ok(stored.map_or(Assembled::MissingPart(missing.unwrap_or(1)), Assembled::Whole))
    }

    async fn take_apart(&self, _staged: &StagedRef, _blob: &BlobRef) -> Result<(), BlobError> {
        // The parts went into the object: it is found again, and removed with the upload.
        Ok(())
    }

    async fn clear(&self, _staged: &StagedRef) -> Result<(), BlobError> {
        // S3 kept the parts as the object.
        Ok(())
    }

    async fn abort(&self, staged: &StagedRef) -> Result<(), BlobError> {
        let staged = Staged::parse(staged)?;
        let key = self.place.key(staged.name());
        if let Staged::Parts(_, upload) = &staged
            && !self.abort_leftover(&key, upload).await?
        {
            self.delete_object(&key).await?;
            self.abort_multipart(&key, upload).await?;
        }
        // It may have been put together at this moment.
        self.delete_object(&key).await
    }

    async fn abort_begun_before(&self, then: Timestamp) -> Result<u64, BlobError> {
        let mut aborted = 0;
        let mut uploads = self.client.list_multipart_uploads().bucket(&self.place.bucket).prefix(&self.place.prefix);
        loop {
            let page = uploads.clone().send().await.map_err(error::unavailable)?;
            for upload in page.uploads() {
                let is_old = upload.initiated().is_some_and(|at| at.secs() < then.timestamp());
                // What has another name is not of this store.
                let key = upload.key().filter(|key| self.place.name(key).is_some());
                if let (true, Some(key), Some(id)) = (is_old, key, upload.upload_id()) {
                    aborted += u64::from(self.abort_leftover(key, id).await?);
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(aborted);
            }
            uploads = uploads.set_key_marker(page.next_key_marker).set_upload_id_marker(page.next_upload_id_marker);
        }
    }
}

impl S3 {
    /// Puts the parts that were sent together, unless that was done before; or the first that is missing.
    async fn put_together(&self, key: &str, upload: &str, parts: Parts) -> Result<Option<u32>, BlobError> {
        let Some(sent) = self.list_parts(key, upload, parts).await? else { return Ok(None) };
        if let Some(missing) = parts.numbers().find(|number| !sent.contains_key(number)) {
            return Ok(Some(missing));
        }
        let completed = sent.values().map(|part| {
            CompletedPart::builder().set_part_number(part.part_number).set_e_tag(part.e_tag.clone()).build()
        });
        self.complete_multipart(key, upload, completed.collect()).await?;
        Ok(None)
    }

    /// The parts that were sent and have their size, by number; `None` if the upload is over.
    ///
    /// `SeaweedFS` lists a part as often as it was sent. Each must be named once: it deletes the bytes of one that
    /// is named again, and with them the recording's.
    async fn list_parts(
        &self,
        key: &str,
        upload: &str,
        parts: Parts,
    ) -> Result<Option<BTreeMap<u32, Part>>, BlobError> {
        let mut sent = BTreeMap::<u32, Part>::new();
        let mut list = self.client.list_parts().bucket(&self.place.bucket).key(key).upload_id(upload);
        loop {
            let page = match list.clone().send().await {
                Err(error) if error::has_code(&error, "NoSuchUpload") => return Ok(None),
                page => page.map_err(error::unavailable)?,
            };
            list = list.set_part_number_marker(page.next_part_number_marker);
            for part in page.parts.unwrap_or_default() {
                let number = part.part_number().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
                let size = part.size().and_then(|size| u64::try_from(size).ok());
                let is_latest = sent.get(&number).is_none_or(|other| other.last_modified <= part.last_modified);
                if is_latest && parts.range(number).map(|range| range.length) == size {
                    sent.insert(number, part);
                }
            }
            if page.is_truncated != Some(true) {
                return Ok(Some(sent));
            }
        }
    }

    async fn has_object(&self, key: &str) -> Result<bool, BlobError> {
        match self.client.head_object().bucket(&self.place.bucket).key(key).send().await {
            Err(error) if error::has_status(&error, 404) => Ok(false),
            object => object.map(|_| true).map_err(error::unavailable),
        }
    }

    /// What S3 keeps under a name; it is read unless S3 has checked its digest itself.
    async fn stored(&self, name: &str) -> Result<Option<StoredBlob>, BlobError> {
        let key = self.place.key(name);
        let head = self.client.head_object().bucket(&self.place.bucket).key(&key);
        let mode = (!self.without_checksums).then_some(ChecksumMode::Enabled);
        let object = match head.set_checksum_mode(mode).send().await {
            Err(error) if error::has_status(&error, 404) => return Ok(None),
            object => object.map_err(error::unavailable)?,
        };
        let size = object.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or_default();
        let sha256 = match object.checksum_sha256().and_then(whole_digest) {
            Some(sha256) => sha256,
            None => self.digest(&key, size).await?,
        };
        Ok(Some(StoredBlob { blob: BlobRef::new(name.to_owned()), size, sha256 }))
    }

    async fn digest(&self, key: &str, size: u64) -> Result<Sha256, BlobError> {
        let object = self.client.get_object().bucket(&self.place.bucket).key(key).send().await;
        let mut bytes = exactly(object.map_err(error::unavailable)?.body, size);
        let mut hasher = Hasher::default();
        while let Some(piece) = bytes.try_next().await? {
            hasher.update(&piece);
        }
        Ok(hasher.finish().1)
    }
}

/// The digest in a checksum of S3; `None` if it is one of the parts' digests instead.
fn whole_digest(checksum: &str) -> Option<Sha256> {
    Sha256::from_slice(&BASE64.decode(checksum.as_bytes()).ok()?)
}
