//! Sweeping: on a timer beside the server, or once by hand.

use std::time::Duration;

use anyhow::ensure;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    ports::causes,
    sweep::{Sweep, Swept},
};
use tokio::time::interval;

use crate::first_run;

/// Sweeps now and every so often, and logs what came of it.
pub async fn regularly(sweep: Sweep, every: Duration) {
    let mut due = interval(every);
    loop {
        due.tick().await;
        match sweep.run().await {
            Ok(Swept { blobs, failed, uploads, staged, sessions, deleted, tombstones }) => {
                tracing::info!(blobs, failed, uploads, staged, sessions, deleted, tombstones, "swept");
                if failed > 0 {
                    tracing::warn!(failed, "some blobs resist");
                }
            }
            Err(error) => tracing::error!(cause = causes(&error), "cannot sweep"),
        }
    }
}

/// `tapebase sweep`: sweeps once, and prints what was removed.
pub async fn once(config: &Config) -> anyhow::Result<()> {
    first_run::prepare_stores(config)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let Swept { blobs, failed, uploads, staged, sessions, deleted, tombstones } = services.sweep.run().await?;
    println!("audio without a recording     {blobs}");
    println!("uploads never completed       {uploads}");
    println!("parts never put together      {staged}");
    println!("audio of deleted recordings   {deleted}");
    println!("expired sessions              {sessions}");
    println!("deletions forgotten           {tombstones}");
    ensure!(failed == 0, "{failed} pieces of audio without a recording could not be removed");
    Ok(())
}
