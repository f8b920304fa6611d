//! `PresignParts` and `PresignDownloads`: presigned URLs (Signature Version 4), with which clients go past this program.
//!
//! A link never outlives the credentials it was signed with, whatever its lifetime says.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::presigning::{PresignedRequest as SdkRequest, PresigningConfig};
use tapebase_domain::{
    blob::{BlobRef, Provenance},
    digest::Sha256,
    pending::{Parts, StagedRef},
    ports::{BlobError, Presentation, PresignDownloads, PresignParts, PresignedRequest},
};

use tokio::task::yield_now;

use super::{S3, error, metadata, staging::Staged};

#[async_trait]
impl PresignParts for S3 {
    async fn presign_part(
        &self,
        staged: &StagedRef,
        parts: Parts,
        number: u32,
        of: &Provenance,
        sha256: Sha256,
        lifetime: Duration,
    ) -> Result<PresignedRequest, BlobError> {
        // A plan has up to a thousand links, and signing one takes a while: others have their turn in between.
        yield_now().await;
        let length = parts.range(number).and_then(|range| i64::try_from(range.length).ok());
        let signing = signing(lifetime)?;
        let request = match Staged::parse(staged)? {
            Staged::Whole(name) => {
                let put = self.signer.put_object().bucket(&self.place.bucket).key(self.place.key(&name));
                let put = put.set_checksum_sha256(self.checksum(sha256)).set_content_length(length);
                let put = put.set_metadata(Some(metadata::of(of, Some(sha256))));
                put.presigned(signing).await.map_err(error::unavailable)?
            }
            Staged::Parts(name, upload) => {
                let part = self.signer.upload_part().bucket(&self.place.bucket).key(self.place.key(&name));
                let part = part.upload_id(upload).set_part_number(i32::try_from(number).ok());
                part.set_content_length(length).presigned(signing).await.map_err(error::unavailable)?
            }
        };
        Ok(signed(&request))
    }
}

#[async_trait]
impl PresignDownloads for S3 {
    async fn presign_download(
        &self,
        blob: &BlobRef,
        presentation: Presentation,
        lifetime: Duration,
    ) -> Result<String, BlobError> {
        let get = self.signer.get_object().bucket(&self.place.bucket).key(self.blob_key(blob)?);
        let get = get
            .response_content_type(presentation.content_type)
            .response_content_disposition(presentation.content_disposition)
            .response_cache_control("private, no-cache");
        let request = get.presigned(signing(lifetime)?).await.map_err(error::unavailable)?;
        Ok(request.uri().to_owned())
    }
}

fn signing(lifetime: Duration) -> Result<PresigningConfig, BlobError> {
    PresigningConfig::expires_in(lifetime).map_err(|error| BlobError::Unavailable(error.into()))
}

/// Every client sends the length by itself, and browsers let nobody set it.
fn signed(request: &SdkRequest) -> PresignedRequest {
    let headers = request.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    PresignedRequest { url: request.uri().to_owned(), headers: headers.collect() }
}
