//! What becomes of audio that is deleted, and whose key it is encrypted with: settings of the bucket that are its owner's.

use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryption};

use super::{
    S3,
    setup::{Step, covers, refused, unless_absent},
};
use crate::finding::Outcome;

impl S3 {
    /// Old versions, and a rule that removes them.
    pub(super) async fn versions(&self) -> Step {
        let kept = self.client.get_bucket_versioning().bucket(&self.place.bucket).send().await;
        let kept = kept.map_err(|error| refused(&error))?;
        if kept.status() != Some(&BucketVersioningStatus::Enabled) {
            return Ok(Outcome::Warning(
                "it cannot: switch versioning on, with a lifecycle rule that removes old versions after a week or more"
                    .to_owned(),
            ));
        }
        let rules = self.client.get_bucket_lifecycle_configuration().bucket(&self.place.bucket).send().await;
        let rules = unless_absent(rules, "NoSuchLifecycleConfiguration")?.and_then(|found| found.rules);
        let rules = rules.unwrap_or_default();
        let covering = rules.iter().filter(|rule| covers(rule, &self.place.prefix));
        let days = covering.filter_map(|rule| rule.noncurrent_version_expiration()?.noncurrent_days()).min();
        Ok(match days {
            Some(7..) => Outcome::AlreadyRight,
            Some(days) => Outcome::Warning(format!("for {days} days: give it a week or more")),
            None => Outcome::Warning(
                "old versions stay, and are billed, for ever: add a lifecycle rule with NoncurrentVersionExpiration"
                    .to_owned(),
            ),
        })
    }

    /// With Object Lock, a delete leaves what it says it removes.
    pub(super) async fn lock(&self) -> Step {
        let found = self.client.get_object_lock_configuration().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "ObjectLockConfigurationNotFoundError")?;
        let rule = found.and_then(|found| found.object_lock_configuration).and_then(|lock| lock.rule);
        let retention = rule.and_then(|rule| rule.default_retention);
        Ok(retention.map_or(Outcome::AlreadyRight, |retention| {
            let (days, years) = (retention.days().unwrap_or_default(), retention.years().unwrap_or_default());
            Outcome::Warning(format!(
                "Object Lock keeps it for {} days more, also of users who have left",
                days + 365 * years
            ))
        }))
    }

    /// Whoever has the right to an object needs that to its key, too.
    pub(super) async fn key(&self) -> Step {
        let found = self.client.get_bucket_encryption().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "ServerSideEncryptionConfigurationNotFoundError")?;
        let rules = found.and_then(|found| found.server_side_encryption_configuration).map(|found| found.rules);
        let mut by_default =
            rules.into_iter().flatten().filter_map(|rule| rule.apply_server_side_encryption_by_default);
        let key = by_default.find(|it| it.sse_algorithm == ServerSideEncryption::AwsKms);
        Ok(key.map_or(Outcome::AlreadyRight, |key| {
            let key = key.kms_master_key_id.unwrap_or_else(|| "of AWS KMS".to_owned());
            Outcome::Warning(format!(
                "what serves needs kms:GenerateDataKey and kms:Decrypt on the key {key}, besides what is tried here"
            ))
        }))
    }
}
