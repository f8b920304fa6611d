//! Makes the bucket and brings its settings right, or only looks at them.
//!
//! It needs `s3:CreateBucket`, `ListBucket` and the `Get…` and `Put…` actions of the settings below on the
//! bucket; serving does not. Rules that others made are kept.

use std::{error::Error, future::Future, time::Duration};

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    types::{
        AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
        CreateBucketConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
        PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
        ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    },
};

use futures_util::{FutureExt as _, future::BoxFuture};

use tapebase_domain::ports::causes;
use tokio::time::sleep;

use super::{S3, error};
use crate::{
    blob_name,
    finding::{Finding, Outcome},
};

/// After how many days S3 itself drops parts nobody put together; the sweeper does so earlier.
const ABORT_AFTER_DAYS: i32 = 2;

/// How often to ask for a bucket that somebody else is creating at this moment, and how long to wait in between.
const MOST_TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// What came of one look; what stopped it is an outcome, too.
pub(super) type Step = Result<Outcome, Outcome>;

impl S3 {
    /// Makes the bucket if it is not there, and brings its settings right. Run again, it changes nothing.
    pub async fn set_up(&self) -> Vec<Finding> {
        self.inspect(true).await
    }

    /// Looks at the bucket and its settings; with `repairs` it brings them right.
    pub(super) async fn inspect(&self, repairs: bool) -> Vec<Finding> {
        let bucket = &self.place.bucket;
        let mut findings = vec![finding(&format!("bucket {bucket} is there"), self.bucket(repairs).boxed()).await];
        if !findings[0].is_fine() {
            return findings;
        }
        let settings = [
            ("nothing in it is public", self.public_access(repairs).boxed()),
            ("it is encrypted at rest", self.encryption(repairs).boxed()),
            ("browsers may send parts and play audio (CORS)", self.cors(repairs).boxed()),
            ("parts nobody puts together are dropped", self.lifecycle(repairs).boxed()),
        ];
        for (what, look) in settings {
            findings.push(finding(what, look).await);
        }
        findings
    }

    async fn bucket(&self, repairs: bool) -> Step {
        let bucket = &self.place.bucket;
        match self.client.head_bucket().bucket(bucket).send().await {
            Ok(_) => return Ok(Outcome::AlreadyRight),
            Err(error) if error::has_status(&error, 404) => {}
            Err(error) => return Err(refused(&error)),
        }
        if !repairs {
            return Err(failed(
                "it is not: check the name in `blobs`; if it is right, `tapebase setup` makes the bucket",
            ));
        }
        let region = self.client.config().region().map(ToString::to_string);
        // The oldest region is the one that must not be named.
        let elsewhere = region.filter(|region| region != "us-east-1").map(|region| {
            let region = BucketLocationConstraint::from(region.as_str());
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let create = self.client.create_bucket().bucket(bucket).set_create_bucket_configuration(elsewhere);
        let mut tries = 0;
        loop {
            tries += 1;
            match create.clone().send().await {
                Ok(_) => return Ok(Outcome::Done),
                // Somebody else was first, or this program in a try whose answer was lost.
                Err(error) if error::has_code(&error, "BucketAlreadyOwnedByYou") => return Ok(Outcome::AlreadyRight),
                Err(error) if tries < MOST_TRIES && is_being_created(&error) => sleep(PAUSE).await,
                Err(error) => return Err(refused(&error)),
            }
        }
    }

    async fn public_access(&self, repairs: bool) -> Step {
        let found = self.client.get_public_access_block().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "NoSuchPublicAccessBlockConfiguration")?;
        let blocks = found.and_then(|found| found.public_access_block_configuration);
        let is_right = blocks.is_some_and(|blocks| {
            let PublicAccessBlockConfiguration {
                block_public_acls: Some(true),
                ignore_public_acls: Some(true),
                block_public_policy: Some(true),
                restrict_public_buckets: Some(true),
                ..
            } = blocks
            else {
                return false;
            };
            true
        });
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let put = self.client.put_public_access_block().bucket(&self.place.bucket);
        repair(is_right, repairs, put.public_access_block_configuration(all).send()).await
    }

    async fn encryption(&self, repairs: bool) -> Step {
        let found = self.client.get_bucket_encryption().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "ServerSideEncryptionConfigurationNotFoundError")?;
        let is_right = found.and_then(|found| found.server_side_encryption_configuration).is_some();
        let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build();
        let by_default = by_default.map_err(|error| failed(causes(&error)))?;
        let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build();
        let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build();
        let put = self.client.put_bucket_encryption().bucket(&self.place.bucket);
        let rules = rules.map_err(|error| failed(causes(&error)))?;
        repair(is_right, repairs, put.server_side_encryption_configuration(rules).send()).await
    }

    async fn lifecycle(&self, repairs: bool) -> Step {
        if self.server().await.is_some_and(|server| deletes_what_was_completed(&server)) {
            return Ok(Outcome::Warning(
                "no rule is set: SeaweedFS before 4.48 deletes the bytes of objects with what is left of their uploads; \
                 update it, and remove such rules until then"
                    .to_owned(),
            ));
        }
        let found = self.client.get_bucket_lifecycle_configuration().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "NoSuchLifecycleConfiguration")?;
        let mut rules = found.and_then(|found| found.rules).unwrap_or_default();
        let prefix = &self.place.prefix;
        let is_right = rules.iter().any(|rule| drops_parts(rule, prefix));
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(ABORT_AFTER_DAYS).build();
        let rule = LifecycleRule::builder()
            .id(format!("tapebase-incomplete-uploads-{}", prefix.replace('/', "-")))
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(&self.place.prefix).build())
            .abort_incomplete_multipart_upload(abort)
            .build();
        rules.push(rule.map_err(|error| failed(causes(&error)))?);
        let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        let put = self.client.put_bucket_lifecycle_configuration().bucket(&self.place.bucket);
        let rules = rules.map_err(|error| failed(causes(&error)))?;
        repair(is_right, repairs, put.lifecycle_configuration(rules).send()).await
    }

    /// What the store calls itself, if it does.
    async fn server(&self) -> Option<String> {
        // The SDK shows nobody the head of an answer but that of an error.
        let nothing = self.place.key(&blob_name::fresh());
        let error = self.client.head_object().bucket(&self.place.bucket).key(nothing).send().await.err()?;
        Some(error.raw_response()?.headers().get("server")?.to_owned())
    }
}

/// Whether it is a version of `SeaweedFS` that does so (issues 10663 and 11382).
fn deletes_what_was_completed(server: &str) -> bool {
    let version = server.strip_prefix("SeaweedFS ").and_then(|rest| rest.rsplit(' ').next());
    let version = version.and_then(|version| version.split_once('.'));
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok();
    version.and_then(|(major, minor)| Some((number(major)?, number(minor)?))).is_some_and(|version| version < (4, 48))
}

fn drops_parts(rule: &LifecycleRule, prefix: &str) -> bool {
    covers(rule, prefix) && rule.abort_incomplete_multipart_upload.is_some()
}

/// Whether a rule counts for all below the prefix.
pub(super) fn covers(rule: &LifecycleRule, prefix: &str) -> bool {
    let covered = rule.filter().and_then(LifecycleRuleFilter::prefix).unwrap_or_default();
    rule.status == ExpirationStatus::Enabled && prefix.starts_with(covered)
}

pub(super) async fn finding(what: &str, look: BoxFuture<'_, Step>) -> Finding {
    Finding { what: what.to_owned(), outcome: look.await.unwrap_or_else(|outcome| outcome) }
}

/// Sends `change` if that is needed and wanted; a request that is not sent does nothing.
pub(super) async fn repair<T, E>(
    is_right: bool,
    repairs: bool,
    change: impl Future<Output = Result<T, SdkError<E>>>,
) -> Step
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (is_right, repairs) {
        (true, _) => Ok(Outcome::AlreadyRight),
        (false, false) => Err(failed("it is not so: run `tapebase setup`")),
        (false, true) => change.await.map(|_| Outcome::Done).map_err(|error| refused(&error)),
    }
}

/// What S3 answers for a setting that was never made is an error, of this code.
pub(super) fn unless_absent<T, E>(found: Result<T, SdkError<E>>, code: &str) -> Result<Option<T>, Outcome>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error::has_code(&error, code) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

/// Whether somebody else is creating the bucket at this moment: Amazon answers the first then, `SeaweedFS` the second.
fn is_being_created<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error::has_code(error, "OperationAborted") || error::has_code(error, "NoSuchBucket")
}

/// Stores that are like S3 do not know every setting of it.
pub(super) fn refused<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Outcome {
    match error.raw_response().map(|response| response.status().as_u16()) {
        Some(501) => Outcome::Unsupported,
        // A HEAD has no body to say why.
        Some(403) => failed(format!("refused (403): check the credentials and what they may do; {}", causes(error))),
        _ => Outcome::Failed(causes(error)),
    }
}

pub(super) fn failed(reason: impl Into<String>) -> Outcome {
    Outcome::Failed(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_seaweedfs_is_told_by_its_name() {
        for old in ["SeaweedFS 8000GB 4.47", "SeaweedFS 30GB 3.99", "SeaweedFS 4.9"] {
            assert!(deletes_what_was_completed(old), "{old}");
        }
        for other in ["SeaweedFS 8000GB 4.48", "SeaweedFS 8000GB 5.0", "SeaweedFS", "AmazonS3", "nginx/1.9", ""] {
            assert!(!deletes_what_was_completed(other), "{other}");
        }
    }
}
