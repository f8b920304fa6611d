//! Sweeping: on a timer beside the server, or once by hand.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    damage::Damage,
    lineage::{Lineage, LineageError},
    ports::{Clock, causes},
    sweep::{Kept, Orphans, Sweep, SweepError, Swept},
};
use tapebase_http::Failures;
use tokio::time::{Instant, interval_at, timeout};

use crate::first_run;

/// What a sweep that fails is called.
pub const TASK: &str = "sweep";

/// How long the stores may take to go on together.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// What it is called that rows and audio have different histories.
pub const HISTORY: &str = "history";

/// What a sweep that stops says of how to go on.
pub const GO_ON: &str = "look at what would go with `tapebase sweep --dry-run`, and go on with --yes";

/// What to do where somebody who has left is not gone in time.
const UNERASED: &str = "what cannot be read is named by `tapebase verify`";

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Continue although suspiciously much audio has no recording: more than 100 files and more than 0.1 % of all.
    #[arg(long)]
    yes: bool,
    /// Print what would be removed, and remove nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Has rows and audio go on together, so that a copy of either is told from what goes on; notes it if they have different
/// histories already. Stores that do not answer hold up neither start nor stop.
pub async fn advance(lineage: &Lineage, failures: &Failures, clock: &dyn Clock) {
    match timeout(LONGEST_STEP, lineage.advance()).await {
        Ok(Ok(())) => {}
        Ok(Err(error @ LineageError::Parted)) => {
            failures.add(HISTORY, clock.now());
            tracing::error!("{error}");
        }
        Ok(Err(error)) => tracing::error!(cause = causes(&error), "a copy of these rows would not be told from them"),
        Err(_) => tracing::error!("the stores do not answer: a copy of these rows would not be told from them"),
    }
}

/// Sweeps every so often, logs what came of it, and notes whether it failed; and reminds of audio that is damaged. Not at
/// once: whoever has just put something back that should not have been has time to notice.
pub async fn regularly(sweep: Sweep, damage: Damage, every: Duration, failures: &Failures, clock: &dyn Clock) {
    let mut due = interval_at(Instant::now() + every, every);
    loop {
        due.tick().await;
        let damaged = damage.count();
        if damaged > 0 {
            tracing::warn!(damaged, "the audio of recordings is damaged: `tapebase verify` names them and what to do");
        }
        let swept = sweep.run().await;
        match &swept {
            Ok(_) | Err(SweepError::TooMany { .. }) => failures.clear(HISTORY),
            Err(SweepError::Lineage(LineageError::Parted)) => failures.add(HISTORY, clock.now()),
            Err(SweepError::Lineage(_) | SweepError::Rows(_) | SweepError::Blobs(_)) => {}
        }
        match swept {
            Ok(Swept { blobs, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased }) => {
                failures.clear(TASK);
                tracing::info!(
                    blobs, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased, "swept"
                );
                if failed > 0 {
                    tracing::warn!(failed, "some blobs resist");
                }
                if unerased > 0 {
                    tracing::warn!(unerased, "users who have left are not gone in time: {UNERASED}");
                }
                if doubtful > 0 {
                    tracing::warn!(doubtful, "some audio may be what recordings are missing: run `tapebase verify`");
                }
            }
            Err(error @ SweepError::TooMany { .. }) => {
                failures.add(TASK, clock.now());
                tracing::error!(cause = causes(&error), "a sweep stopped before it removed audio: {GO_ON}");
            }
            Err(error) => {
                failures.add(TASK, clock.now());
                tracing::error!(cause = causes(&error), "cannot sweep");
            }
        }
    }
}

/// `tapebase sweep`: sweeps once, and prints what was removed.
pub async fn once(config: &Config, options: &Options) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing to sweep")?;
    let Services { sweep, lineage, .. } = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    if options.dry_run {
        show(&sweep).await?;
        return Ok(lineage.check().await?);
    }
    let sweep = if options.yes { sweep.without_brake() } else { sweep };
    let Swept { blobs, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased } =
        match sweep.run().await {
            Err(error @ SweepError::TooMany { .. }) => return Err(error).context(GO_ON),
            swept => swept?,
        };
    say!("audio without a recording     {blobs}");
    say!("audio that may be somebody's  {doubtful}, which stays");
    say!("uploads never completed       {uploads}");
    say!("parts never put together      {staged}");
    say!("audio of deleted recordings   {deleted}");
    say!("expired sessions              {sessions}");
    say!("deletions forgotten           {tombstones}");
    say!("users erased                  {erased}");
    if unerased > 0 {
        say!("users not erased in time      {unerased}: {UNERASED}");
    }
    ensure!(failed == 0, "{failed} pieces of audio without a recording could not be removed");
    Ok(())
}

/// What a sweep would remove of the audio.
async fn show(sweep: &Sweep) -> anyhow::Result<()> {
    let orphans = sweep.orphans().await?;
    let deleted = sweep.deleted().await?;
    print(&orphans);
    for audio in &deleted {
        say!("audio of a deleted recording: {}", audio.blob);
    }
    let Orphans { looked_at, nobodys, kept } = &orphans;
    say!("{} of {looked_at} pieces of audio would be removed, {} stay in doubt", nobodys.len(), kept.len());
    if orphans.are_too_many() {
        say!("so many are removed with --yes only");
    }
    Ok(())
}

/// Names audio that no recording refers to.
pub fn print(orphans: &Orphans) {
    for orphan in &orphans.nobodys {
        say!("audio without a recording: {orphan}");
    }
    for Kept { blob, doubt } in &orphans.kept {
        say!("audio that stays, {blob}: {doubt}");
    }
}
