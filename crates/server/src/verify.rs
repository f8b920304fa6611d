//! `tapebase verify`: whether every recording still has its audio, and all audio a recording.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytesize::ByteSize;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use tapebase_config::Config;
use tapebase_domain::{
    audit::{Audit, AuditError, Orphans, are_too_many},
    id::{RecordingId, UserId},
    lineage::Lineage,
    ports::{InventoryPage, Miscount, causes},
    recording::Recording,
    verify::{Verdict, Verify},
};

use crate::{first_run, progress::Progress, sweep};

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Repair what can be repaired: have audio without a recording removed in a week, correct usage counters and file
    /// headers, and reindex.
    #[arg(long)]
    repair: bool,
    /// With --repair, continue although suspiciously much audio has no recording: more than 100 files and more than 0.1 %
    /// of all.
    #[arg(long, requires = "repair")]
    yes: bool,
    /// With --repair and --yes, remove audio without a recording now, for a disk that is full.
    #[arg(long, requires = "yes")]
    drop_orphans: bool,
    /// Limit reading to this many bytes per second, such as 50MB.
    #[arg(long, value_name = "BYTES")]
    rate: Option<ByteSize>,
    /// Stop after this long, such as 2h, and say where to continue.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    time_limit: Option<Duration>,
    /// Continue after this recording, where an earlier run was interrupted.
    #[arg(long, value_name = "OWNER/ID", value_parser = parse_place)]
    after: Option<(UserId, RecordingId)>,
}

fn parse_place(text: &str) -> anyhow::Result<(UserId, RecordingId)> {
    let (owner, id) = text.split_once('/').context("write OWNER/ID, as an earlier run did")?;
    Ok((UserId::parse(owner)?, RecordingId::parse(id)?))
}

/// Verifies everything, and fails if anything is wrong and stays so.
pub async fn run(config: &Config, options: &Options) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing to verify")?;
    let (ports, policy) = (config.locations()?.connect().await?, config.policy()?);
    let verify = Verify::new(&ports, policy.orphan_grace);
    let Options { repair, yes, drop_orphans, time_limit, .. } = *options;
    let (audit, lineage) = (Audit::new(&ports, policy.orphan_grace), Lineage::new(&ports));
    let audit = if yes { audit.without_brake() } else { audit };
    let (progress, until) = (Progress::begin(options.rate), time_limit.map(|limit| Instant::now() + limit));
    let mut run = Run { verify, audit, lineage, repair, has_brake: !yes, drop_orphans, until, progress, damaged: 0 };

    let faults = run.check_rows().await? + run.check_lineage().await;
    run.check_recordings(options.after.clone()).await?;
    let damaged = run.damaged;
    let left = faults + run.check_remains().await? + run.check_orphans().await? + run.check_counters().await?;
    let Progress { recordings, bytes, .. } = run.progress;
    say!("{recordings} recordings were checked, {}: {damaged} are damaged", ByteSize(bytes));
    ensure!(damaged == 0 && left == 0, "{damaged} recordings are damaged, and {left} other things are wrong");
    Ok(())
}

/// One run through everything. Each check yields how much is wrong and stays so.
struct Run {
    verify: Verify,
    audit: Audit,
    lineage: Lineage,
    repair: bool,
    has_brake: bool,
    drop_orphans: bool,
    /// When it stops.
    until: Option<Instant>,
    progress: Progress,
    damaged: u64,
}

impl Run {
    /// Before all else: nothing may be removed on the word of rows that are broken.
    async fn check_rows(&mut self) -> anyhow::Result<usize> {
        let mut faults = self.verify.faults().await?;
        print_faults(&faults);
        if self.repair && !faults.is_empty() {
            faults = self.verify.rebuild_indexes().await.context("the indexes cannot be made anew")?;
            say!("  the indexes were made anew, and {} things are wrong now", faults.len());
            print_faults(&faults);
        }
        if self.repair && !faults.is_empty() {
            say!(
                "  nothing else is repaired: restore a backup, or put a copy of the database in its place and run `tapebase history renew`"
            );
            self.repair = false;
        }
        // They say nothing of any audio: what else can be repaired is.
        let unreadable = self.verify.unreadable().await.unwrap_or_else(|error| vec![causes(&error)]);
        for row in &unreadable {
            say!("row of {row}");
        }
        Ok(faults.len() + unreadable.len())
    }

    /// Nor on the word of rows that are not those of the audio.
    async fn check_lineage(&mut self) -> usize {
        let looked = if self.repair { self.lineage.advance().await } else { self.lineage.check().await };
        let Err(error) = looked else { return 0 };
        say!("{}", causes(&error));
        if self.repair {
            say!("  nothing is repaired");
            self.repair = false;
        }
        1
    }

    async fn check_recordings(&mut self, mut after: Option<(UserId, RecordingId)>) -> anyhow::Result<()> {
        loop {
            let InventoryPage { recordings, unreadable } = self.verify.recordings(after.take()).await?;
            for row in &unreadable {
                self.progress.clear_line();
                say!("row {row}");
            }
            self.damaged += unreadable.len() as u64;
            let Some(last) = recordings.last() else { break };
            after = Some((last.owner, last.id.clone()));
            let verify = self.verify.clone();
            let checked = recordings.iter().map(async |recording| (recording, verify.check(recording).await));
            let mut checked = pin!(stream::iter(checked).buffered(verify.at_once()));
            while let Some((recording, verdict)) = checked.next().await {
                let place = format!("{}/{}", recording.owner, recording.id);
                let context = || format!("at recording {place}; go on behind it with --after {place}");
                self.tell(recording, &verdict.with_context(context)?).await.with_context(context)?;
                self.progress.advance(recording);
                self.progress.keep_pace().await;
                if self.until.is_some_and(|until| Instant::now() >= until) {
                    bail!("the time is over, and the rest is not verified: go on with --after {place}");
                }
            }
        }
        self.progress.clear_line();
        Ok(())
    }

    /// Says what is wrong with a recording, and repairs what can be.
    async fn tell(&mut self, recording: &Recording, verdict: &Verdict) -> anyhow::Result<()> {
        let Some(what) = what_is_wrong(verdict) else { return self.note(recording, verdict).await };
        self.progress.clear_line();
        say!("recording {}/{} ({}): {what}", recording.owner, recording.id, recording.blob);
        let is_mended =
            self.repair && matches!(verdict, Verdict::BadHeader) && self.verify.rewrite_header(recording).await?;
        if is_mended {
            say!("  its header was written anew");
            return self.note(recording, &Verdict::Sound).await;
        }
        self.damaged += 1;
        self.note(recording, verdict).await
    }

    /// Has the row say so, if it may be written to.
    async fn note(&mut self, recording: &Recording, verdict: &Verdict) -> anyhow::Result<()> {
        if self.repair && self.verify.note(recording, verdict).await? {
            self.progress.clear_line();
            let state = if matches!(verdict, Verdict::Sound) { "sound again" } else { "damaged" };
            say!("  recording {}/{} is noted as {state}", recording.owner, recording.id);
        }
        Ok(())
    }

    async fn check_remains(&self) -> anyhow::Result<usize> {
        let found = self.verify.remains().await?;
        let mut left = found.len();
        let is_cleared = self.repair && !(self.has_brake && are_too_many(left as u64, self.progress.recordings));
        for remains in &found {
            say!("torn bytes of no recording: {} at {}", ByteSize(remains.size), remains.place);
            if is_cleared && self.verify.clear(remains).await? {
                say!("  they were removed");
                left -= 1;
            }
        }
        if self.repair && !is_cleared {
            say!("  none of them were removed: so many are suspect; go on with --yes");
        }
        Ok(left)
    }

    async fn check_orphans(&self) -> anyhow::Result<usize> {
        let orphans = self.audit.orphans().await?;
        for audio in &orphans.nobodys {
            say!("audio without a recording: {}, which says it is of {}/{}", audio.blob, audio.owner, audio.id);
        }
        sweep::print(&orphans.kept);
        let (found, in_doubt) = (orphans.nobodys.len(), orphans.kept.len());
        if !self.repair || found == 0 {
            return Ok(found + in_doubt);
        }
        match self.put_away(&orphans).await {
            Ok(left) => Ok(left + in_doubt),
            Err(error @ AuditError::TooMany { .. }) => {
                say!("  they stay as they are: {error}; go on with --yes");
                Ok(found + in_doubt)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How much of it resists.
    async fn put_away(&self, orphans: &Orphans) -> Result<usize, AuditError> {
        if self.drop_orphans {
            let (removed, failed) = self.audit.drop_now(orphans).await?;
            say!("  {removed} of them were removed");
            return Ok(usize::try_from(failed).unwrap_or(usize::MAX));
        }
        self.audit.note(orphans).await?;
        say!("  sweeps remove them in {} days, unless they have a recording by then", Audit::STAY.num_days());
        Ok(0)
    }

    async fn check_counters(&self) -> anyhow::Result<usize> {
        let miscounted = self.verify.miscounted().await?;
        for miscount in &miscounted {
            for (what, counted, found) in what_is_miscounted(miscount) {
                say!("counters of {}: {counted} {what} are counted, {found} are there", miscount.owner);
            }
            if self.repair {
                self.verify.recount(miscount.owner).await?;
                say!("  all was counted anew");
            }
        }
        Ok(if self.repair { 0 } else { miscounted.len() })
    }
}

fn print_faults(faults: &[String]) {
    for fault in faults {
        say!("the rows: {fault}");
    }
}

/// Each counter that is wrong: of what, how many it says there are, and how many were found.
fn what_is_miscounted(miscount: &Miscount) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let Miscount { counted, found, .. } = miscount;
    let counters = [
        ("bytes", counted.bytes, found.bytes),
        ("reserved bytes", counted.reserved_bytes, found.reserved_bytes),
        ("recordings", counted.recordings, found.recordings),
        ("uploads", counted.uploads, found.uploads),
        ("sessions", counted.sessions, found.sessions),
        ("tombstones", counted.tombstones, found.tombstones),
        ("changes", counted.changed.0, found.changed.0),
    ];
    counters.into_iter().filter(|(_, counted, found)| counted != found)
}

fn what_is_wrong(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Sound | Verdict::Gone => None,
        Verdict::Missing => Some("its audio is missing".to_owned()),
        Verdict::Unreadable(error) => Some(format!("its audio cannot be read: {}", causes(error))),
        Verdict::Damaged { found: Some(found) } => Some(format!("its audio is damaged: SHA-256 is {}", found.to_hex())),
        Verdict::Damaged { found: None } => Some("its audio is damaged, or cut short".to_owned()),
        Verdict::BadHeader => Some("its audio is sound, but its header or length on disk is wrong".to_owned()),
    }
}
