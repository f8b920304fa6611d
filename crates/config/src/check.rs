//! What no configuration may say, because something would be lost or never happen.

use std::time::Duration;

use bytesize::ByteSize;
use tapebase_domain::memory::Budget;

use crate::{Config, TimeoutsConfig, Url, logging, policies::delta};

impl Config {
    /// Fails at the first thing that cannot be.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.policy()?;
        self.locations()?;
        logging::filter(&self.log.filter)?;
        let has_scheme = |url: &Url| url.expose().starts_with("https://") || url.expose().starts_with("http://");
        anyhow::ensure!(
            self.s3.public_endpoint.as_ref().is_none_or(has_scheme),
            "s3.public_endpoint must begin with https:// or http://"
        );
        anyhow::ensure!(
            self.s3.access_key_id.is_some() == self.s3.secret_access_key.is_some(),
            "s3.access_key_id and s3.secret_access_key belong together: set both, or none"
        );
        anyhow::ensure!(self.limits.connections > 0, "limits.connections must be at least 1");
        anyhow::ensure!(self.limits.sessions > 0, "limits.sessions must be at least 1");
        let least = ByteSize::b(Budget::LEAST_BYTES);
        anyhow::ensure!(self.limits.memory >= least, "limits.memory must be at least {least}");
        anyhow::ensure!(self.limits.connections_per_address > 0, "limits.connections_per_address must be at least 1");
        anyhow::ensure!(
            (Duration::from_hours(24)..=Duration::from_hours(24 * 36_500)).contains(&self.changes.deleted),
            "changes.deleted must be a day to a hundred years: a device that was away for longer reads everything again"
        );
        anyhow::ensure!(!self.sweep.every.is_zero(), "sweep.every must be longer than nothing");
        let TimeoutsConfig { head, body, send, keep_alive, drain, shutdown } = self.timeouts;
        anyhow::ensure!(
            ![head, body, send, keep_alive].contains(&Duration::ZERO),
            "timeouts.head, body, send and keep_alive must be longer than nothing"
        );
        for duration in [head, body, send, keep_alive, drain, shutdown, self.sweep.every] {
            delta(duration)?;
        }
        // A body that is only just fast enough is written a megabyte at a time: its file may be that old
        // and still grow.
        let pause = body.saturating_mul(256);
        anyhow::ensure!(
            self.sweep.grace >= Duration::from_hours(1) && self.sweep.grace > pause,
            "sweep.grace must be at least an hour, and longer than 256 times timeouts.body"
        );
        Ok(())
    }
}
