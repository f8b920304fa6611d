//! What everybody else is told of the configuration, in their own words.

use std::time::Duration;

use chrono::TimeDelta;
use tapebase_adapters::connect::{Locations, S3Credentials, S3Dialect};
use tapebase_domain::{
    Policy,
    auth::{self, AuthPolicy, ErasurePolicy},
    changes::WaitPolicy,
    history::Retention,
    memory::Budget,
    quota::Quota,
    upload::Limits,
};
use tapebase_http::{HttpPolicy, Rates};

use crate::{Checksums, Config, Downloads, EmailVerification, secret::Secret};

impl Config {
    /// Where the stores are.
    ///
    /// # Errors
    /// If a URL is none of a store of this build.
    pub fn locations(&self) -> anyhow::Result<Locations> {
        let (records, blobs) = self.stores();
        let dialect = S3Dialect {
            path_style: self.s3.path_style,
            public_endpoint: self.s3.public_endpoint.as_ref().map(|url| url.expose().to_owned()),
            without_checksums: self.s3.checksums == Checksums::None,
            without_conditions: !self.s3.conditional,
            region: self.s3.region.clone(),
            credentials: self.s3_credentials(),
            redirect: self.downloads == Some(Downloads::Redirect),
            allowed_origins: self.http.allowed_origins.texts(),
        };
        let memory = Budget::new(self.limits.memory.as_u64());
        Ok(Locations::parse(records.expose(), blobs.expose(), dialect)?
            .with_memory(memory)
            .with_providers(self.providers()?)
            .with_mailer(self.mailer()?))
    }

    fn s3_credentials(&self) -> Option<S3Credentials> {
        let (access_key_id, Secret(secret_access_key)) =
            self.s3.access_key_id.clone().zip(self.s3.secret_access_key.clone())?;
        Some(S3Credentials { access_key_id, secret_access_key })
    }

    /// What the use cases are told.
    ///
    /// # Errors
    /// If a duration is out of range.
    pub fn policy(&self) -> anyhow::Result<Policy> {
        Ok(Policy {
            limits: Limits {
                recording_bytes: self.limits.recording.as_u64(),
                quota: Quota {
                    bytes: self.limits.quota.as_u64(),
                    recordings: self.limits.recordings,
                    uploads: self.limits.uploads,
                },
            },
            auth: AuthPolicy {
                open_signup: self.auth.open_signup,
                trust_social_ids: self.auth.trust_social_ids,
                email_verification: match self.auth.email_verification {
                    EmailVerification::Off => auth::EmailVerification::Off,
                    EmailVerification::Asked => auth::EmailVerification::Asked,
                    EmailVerification::Required => auth::EmailVerification::Required,
                },
                idle: delta(self.auth.session_idle)?,
                absolute: delta(self.auth.session_absolute)?,
                wrong_passwords_per_address: self.limits.wrong_passwords_per_address,
                sign_ups_per_address: self.limits.sign_ups_per_address,
                most_sessions: self.limits.sessions,
                erasure: ErasurePolicy {
                    grace: delta(self.erasure.grace)?,
                    // Once it begins: what uploads that are under way bring, and a few runs of the sweeper.
                    within: delta(self.sweep.grace.saturating_add(self.longest_wait_for_sweeper()))?,
                    backups_kept: Some(delta(self.erasure.backups_kept)?).filter(|kept| !kept.is_zero()),
                },
            },
            orphan_grace: delta(self.sweep.grace)?,
            retention: Retention { lifetime: delta(self.changes.deleted)?, ..Retention::default() },
            wait: WaitPolicy::default(),
        })
    }

    /// A few runs: on Lambda a schedule has it sweep every six hours.
    fn longest_wait_for_sweeper(&self) -> Duration {
        self.sweep.every.saturating_mul(4).max(Duration::from_hours(24))
    }

    /// What the HTTP API is told.
    #[must_use]
    pub fn http_policy(&self) -> HttpPolicy {
        HttpPolicy {
            body_timeout: self.timeouts.body,
            body_bytes: None,
            public_url: self.public_url.clone(),
            proxies: self.http.proxies.clone(),
            allowed_origins: self.http.allowed_origins.clone(),
            rates: Rates::new(self.limits.requests_per_address, self.limits.requests_per_user),
            routes_2018: self.routes_2018,
        }
    }
}

/// A century is for ever here, and keeps every sum of times in range.
pub fn delta(duration: Duration) -> anyhow::Result<TimeDelta> {
    anyhow::ensure!(duration <= Duration::from_hours(100 * 366 * 24), "a duration is longer than 100 years");
    Ok(TimeDelta::from_std(duration)?)
}
