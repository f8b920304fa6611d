//! Sweeping: on a timer beside the server, or once by hand.

use std::time::Duration;

use anyhow::ensure;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    ports::{Clock, causes},
    sweep::{Sweep, Swept},
};
use tapebase_http::Failures;
use tokio::time::interval;

use crate::first_run;

/// What a sweep that fails is called.
pub const TASK: &str = "sweep";

/// Sweeps now and every so often, logs what came of it, and notes whether it failed.
pub async fn regularly(sweep: Sweep, every: Duration, failures: &Failures, clock: &dyn Clock) {
    let mut due = interval(every);
    loop {
        due.tick().await;
        match sweep.run().await {
            Ok(Swept { blobs, failed, uploads, staged, sessions, deleted, tombstones }) => {
                failures.clear(TASK);
                tracing::info!(blobs, failed, uploads, staged, sessions, deleted, tombstones, "swept");
                if failed > 0 {
                    tracing::warn!(failed, "some blobs resist");
                }
            }
            Err(error) => {
                failures.add(TASK, clock.now());
                tracing::error!(cause = causes(&error), "cannot sweep");
            }
        }
    }
}

/// `tapebase sweep`: sweeps once, and prints what was removed.
pub async fn once(config: &Config) -> anyhow::Result<()> {
    first_run::prepare_stores(config)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let Swept { blobs, failed, uploads, staged, sessions, deleted, tombstones } = services.sweep.run().await?;
    say!("audio without a recording     {blobs}");
    say!("uploads never completed       {uploads}");
    say!("parts never put together      {staged}");
    say!("audio of deleted recordings   {deleted}");
    say!("expired sessions              {sessions}");
    say!("deletions forgotten           {tombstones}");
    ensure!(failed == 0, "{failed} pieces of audio without a recording could not be removed");
    Ok(())
}
