//! Tries everything that serving needs on objects of its own, and says what to fix.

use std::collections::HashMap;

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::BytesMut;
use data_encoding::BASE64;
use futures_util::{FutureExt as _, TryStreamExt as _, future::ready};
use md5::{Digest as _, Md5};
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, Provenance},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore as _, Clock as _, SystemClock, causes},
};

use super::{
    S3, error,
    setup::{Step, failed, finding},
    upload::PART_BYTES,
};
use crate::blob_name;
use crate::finding::{Finding, Outcome};

/// A request signed a quarter of an hour off is refused; this is time enough to repair the clock.
const SKEW_SECONDS: i64 = 60;

/// The tag of no object.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";
const NO_CONDITIONS: &str = "the store does not write on a condition: set s3.conditional to false";

impl S3 {
    /// Checks the bucket, its settings, and what this program is allowed there. What it writes, it removes.
    pub async fn diagnose(&self) -> Vec<Finding> {
        let mut findings = self.inspect(false).await;
        if !findings[0].is_fine() {
            return findings;
        }
        let conditions =
            finding("writes may be conditional (If-None-Match, If-Match)", self.knows_conditions().boxed());
        findings.push(conditions.await);
        findings.push(finding("audio that was deleted can be brought back for a while", self.versions().boxed()).await);
        findings.push(finding("what is deleted is not kept by Object Lock", self.lock().boxed()).await);
        findings.push(finding("no key of KMS takes rights of its own", self.key().boxed()).await);
        let bytes = b"tapebase doctor";
        let stored = self.put(&nobody(), blob::once(bytes.as_slice().into())).await;
        let probe = stored.as_ref().ok().map(|stored| stored.blob.clone());
        let wrote = stored.map(|_| Outcome::AlreadyRight).map_err(|error| failed(causes(&error)));
        findings.push(finding("this program may write (s3:PutObject)", ready(wrote).boxed()).await);
        let Some(probe) = probe else { return findings };
        let tries = [
            ("it may read (s3:GetObject)", self.may_read(&probe).boxed()),
            ("it may list (s3:ListBucket), in order", self.may_list(&probe).boxed()),
            ("it may list and abort unfinished uploads", self.may_abort().boxed()),
            ("it may send an object in parts, which are put together", self.puts_together().boxed()),
            ("clients play by links", self.plays_by_link(&probe).boxed()),
            ("clients send parts by links", self.takes_parts_by_link().boxed()),
            ("damaged bytes are refused (checksums)", self.verifies().boxed()),
            ("this machine's clock is right", self.clock(&probe).boxed()),
            ("it may delete (s3:DeleteObject)", self.may_delete(&probe).boxed()),
        ];
        for (what, attempt) in tries {
            findings.push(finding(what, attempt).await);
        }
        findings
    }

    async fn may_delete(&self, probe: &BlobRef) -> Step {
        self.delete(probe).await.map(|()| Outcome::AlreadyRight).map_err(|error| failed(causes(&error)))
    }

    async fn may_read(&self, probe: &BlobRef) -> Step {
        match self.open(probe, ByteRange { start: 1, length: 3 }).await {
            Ok(Some(_)) => Ok(Outcome::AlreadyRight),
            Ok(None) => Err(failed("what was just written is not there")),
            Err(error) => Err(failed(causes(&error))),
        }
    }

    /// A walk goes on behind the last name of a page, which is that of no later one.
    async fn may_list(&self, probe: &BlobRef) -> Step {
        let page = self.list(None).await.map_err(|error| failed(causes(&error)))?;
        let behind = self.list(Some(probe.clone())).await.map_err(|error| failed(causes(&error)))?;
        let is_sorted = [&page, &behind].iter().all(|page| page.is_sorted_by(|a, b| a.blob < b.blob));
        if is_sorted && behind.iter().all(|entry| entry.blob > *probe) {
            return Ok(Outcome::AlreadyRight);
        }
        Err(failed("the store lists names in another order than that of their bytes, or ignores start-after"))
    }

    /// As uploads of more than one part do.
    async fn puts_together(&self) -> Step {
        let mut audio = vec![7; PART_BYTES];
        audio.push(8);
        let size = audio.len() as u64;
        let stored = self.put(&nobody(), blob::once(audio.into())).await.map_err(|error| failed(causes(&error)))?;
        let end = self.open(&stored.blob, ByteRange { start: size - 2, length: 2 }).await;
        let end =
            async { end?.ok_or(BlobError::Damaged("it is not there".into()))?.try_collect::<BytesMut>().await }.await;
        self.delete(&stored.blob).await.map_err(|error| failed(causes(&error)))?;
        self.settle(&stored.blob);
        match end {
            Ok(end) if *end == [7, 8] => Ok(Outcome::AlreadyRight),
            Ok(_) => Err(failed("the object is another than its parts")),
            Err(error) => Err(failed(causes(&error))),
        }
    }

    async fn may_abort(&self) -> Step {
        let key = self.place.key(&blob_name::fresh());
        let upload = self.begin_multipart(&key, HashMap::new(), false).await.map_err(|error| failed(causes(&error)))?;
        let listed = self.client.list_multipart_uploads().bucket(&self.place.bucket).prefix(&key).send().await;
        self.abort_multipart(&key, &upload).await.map_err(|error| failed(causes(&error)))?;
        listed.map(|_| Outcome::AlreadyRight).map_err(|error| failed(causes(&error)))
    }

    /// Before all other writes, which are conditional.
    async fn knows_conditions(&self) -> Step {
        if self.without_conditions {
            return Ok(Outcome::Unsupported);
        }
        let key = self.place.key(&blob_name::fresh());
        let put =
            || self.client.put_object().bucket(&self.place.bucket).key(&key).body(SdkStream::from_static(b"probe"));
        let create = put().if_none_match("*").send().await;
        let refused = [put().if_none_match("*").send().await, put().if_match(NO_TAG).send().await];
        let removed = self.delete_object(&key).await;
        match create {
            Err(error) if error::has_status(&error, 501) => return Err(failed(NO_CONDITIONS)),
            Err(error) => return Err(failed(causes(&error))),
            Ok(_) => removed.map_err(|error| failed(causes(&error)))?,
        }
        for put in refused {
            match put {
                Err(error) if error::has_status(&error, 412) => {}
                Err(error) if !error::has_status(&error, 501) => return Err(failed(causes(&error))),
                _ => return Err(failed(NO_CONDITIONS)),
            }
        }
        Ok(Outcome::AlreadyRight)
    }

    async fn verifies(&self) -> Step {
        let name = blob_name::fresh();
        let put = self.client.put_object().bucket(&self.place.bucket).key(self.place.key(&name));
        let put = if self.without_checksums {
            put.content_md5(BASE64.encode(&Md5::digest(b"other bytes")))
        } else {
            put.checksum_sha256(BASE64.encode(&Sha256::of(b"other bytes").0))
        };
        match put.body(SdkStream::from_static(b"these bytes")).send().await {
            Ok(_) => {
                let removed = self.delete_object(&self.place.key(&name)).await;
                removed.map_err(|error| failed(causes(&error)))?;
                if self.without_checksums {
                    return Ok(Outcome::Warning("the store ignores Content-MD5: use one that verifies it".to_owned()));
                }
                Err(failed("the store ignores x-amz-checksum-sha256: set s3.checksums to none"))
            }
            Err(error) if error::has_status(&error, 400) => Ok(Outcome::AlreadyRight),
            Err(error) => Err(failed(causes(&error))),
        }
    }

    async fn clock(&self, probe: &BlobRef) -> Step {
        let key = self.place.key(probe.as_str());
        let object = self.client.head_object().bucket(&self.place.bucket).key(key).send().await;
        let object = object.map_err(|error| failed(causes(&error)))?;
        let here = SystemClock.now().timestamp();
        let skew = object.last_modified().map_or(0, |there| here - there.secs());
        if skew.abs() <= SKEW_SECONDS {
            return Ok(Outcome::AlreadyRight);
        }
        Err(failed(format!("it is {skew} seconds ahead of the store's: links would not be valid; synchronise it")))
    }
}

/// Whose a probe is.
pub(super) fn nobody() -> Provenance {
    let now = SystemClock.now();
    Provenance { owner: UserId::generate(now), recording: RecordingId::generate(now) }
}
