//! Sweeping: on a timer beside the server, or once by hand.

use std::{mem, time::Duration};

use anyhow::ensure;
use clap::Args;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    damage::Damage,
    lineage::{Lineage, LineageError},
    ports::{Batches, Clock, causes},
    sweep::{Leftovers, Sweep, SweepError, Swept},
    witnesses::Kept,
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

/// What to do where somebody who has left is not gone in time.
const UNERASED: &str = "what cannot be read is named by `tapebase verify`";

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Print what would be removed, and remove nothing.
    #[arg(long)]
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

/// Ends the batches of this process: those in which all is settled need not be looked through later. If that fails, a sweep
/// looks.
pub async fn close(batches: &dyn Batches) {
    match timeout(LONGEST_STEP, batches.end_batches()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(cause = causes(&error), "a sweep will look for what was left behind"),
        Err(_) => tracing::warn!("the store does not answer: a sweep will look for what was left behind"),
    }
}

/// How often to sweep, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// How much time is between two sweeps.
    pub every: Duration,
    /// Whether other servers have the same stores: then one of them sweeps.
    pub is_shared: bool,
}

/// Sweeps every so often, logs what came of it, and notes whether it failed; and reminds of audio that is damaged. Not at
/// once: whoever has just put something back that should not have been has time to notice.
pub async fn regularly(sweep: Sweep, damage: Damage, schedule: Schedule, failures: &Failures, clock: &dyn Clock) {
    let mut due = interval_at(Instant::now() + schedule.every, schedule.every);
    let mut has_failed = false;
    loop {
        due.tick().await;
        let damaged = damage.count();
        if damaged > 0 {
            tracing::warn!(damaged, "the audio of recordings is damaged: `tapebase verify` names them and what to do");
        }
        // What keeps this server from it may not keep the others.
        if schedule.is_shared && mem::take(&mut has_failed) {
            continue;
        }
        match run(&sweep, schedule).await {
            // Another server does: what of it fails is told there.
            Ok(None) => [TASK, HISTORY].iter().for_each(|task| failures.clear(task)),
            Ok(Some(Swept {
                orphans,
                failed,
                doubtful,
                uploads,
                staged,
                sessions,
                deleted,
                tombstones,
                erased,
                unerased,
            })) => {
                failures.clear(TASK);
                failures.clear(HISTORY);
                tracing::info!(
                    orphans, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased,
                    "swept"
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
            Err(error) => {
                has_failed = true;
                failures.add(TASK, clock.now());
                if matches!(error, SweepError::Lineage(LineageError::Parted)) {
                    failures.add(HISTORY, clock.now());
                }
                tracing::error!(cause = causes(&error), "cannot sweep");
            }
        }
    }
}

/// What was swept, unless another server does.
async fn run(sweep: &Sweep, Schedule { every, is_shared }: Schedule) -> Result<Option<Swept>, SweepError> {
    if is_shared && !sweep.is_first(every).await? {
        return Ok(None);
    }
    sweep.run().await.map(Some)
}

/// `tapebase sweep`: sweeps once, and prints what was removed.
pub async fn once(config: &Config, options: &Options) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing to sweep")?;
    let Services { sweep, lineage, .. } = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    if options.dry_run {
        show(&sweep).await?;
        return Ok(lineage.check().await?);
    }
    let Swept { orphans, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased } =
        sweep.run().await?;
    say!("audio of broken-off uploads   {orphans}, looked at again in a week");
    say!("audio that was due            {deleted}");
    say!("audio that may be somebody's  {doubtful}, which stays");
    say!("uploads never completed       {uploads}");
    say!("parts never put together      {staged}");
    say!("expired sessions              {sessions}");
    say!("deletions forgotten           {tombstones}");
    say!("users erased                  {erased}");
    if unerased > 0 {
        say!("users not erased in time      {unerased}: {UNERASED}");
    }
    ensure!(failed == 0, "{failed} pieces of audio could not be removed");
    Ok(())
}

/// What a sweep would remove of the audio.
async fn show(sweep: &Sweep) -> anyhow::Result<()> {
    let Leftovers { nobodys, kept, .. } = sweep.leftovers().await?;
    for audio in &nobodys {
        say!("audio of a broken-off upload: {}, of recording {}/{}", audio.blob, audio.owner, audio.id);
    }
    print(&kept);
    let due = sweep.due().await?;
    for audio in &due {
        say!("audio that is due: {}, of recording {}/{}", audio.blob, audio.owner, audio.id);
    }
    say!("a sweep would put {} pieces of audio off for a week, and remove at least {}", nobodys.len(), due.len());
    Ok(())
}

/// Names audio that an index says no recording refers to, and that stays.
pub fn print(kept: &[Kept]) {
    for Kept { blob, doubt, .. } in kept {
        say!("audio that stays, {blob}: {doubt}");
    }
}
