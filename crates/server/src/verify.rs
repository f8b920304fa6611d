//! `tapebase verify`: whether every recording still has its audio, and all audio a recording.

use anyhow::{Context as _, bail, ensure};
use bytesize::ByteSize;
use clap::Args;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    id::{RecordingId, UserId},
    ports::{Miscount, causes},
    recording::Recording,
    sweep::Sweep,
    verify::{Verdict, Verify},
};

use crate::progress::Progress;

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Put right what can be: remove what is nobody's, count anew what everybody has, and restore headers whose audio is sound.
    #[arg(long)]
    repair: bool,
    /// Read no more than this in a second, such as 50MB.
    #[arg(long, value_name = "BYTES")]
    rate: Option<ByteSize>,
    /// Go on behind this recording, where an earlier run was broken off.
    #[arg(long, value_name = "OWNER/ID", value_parser = parse_place)]
    after: Option<(UserId, RecordingId)>,
}

fn parse_place(text: &str) -> anyhow::Result<(UserId, RecordingId)> {
    let (owner, id) = text.split_once('/').context("write OWNER/ID, as an earlier run did")?;
    Ok((UserId::parse(owner)?, RecordingId::parse(id)?))
}

/// Verifies everything, and fails if anything is wrong and stays so.
pub async fn run(config: &Config, options: &Options) -> anyhow::Result<()> {
    let (ports, policy) = (config.locations()?.connect().await?, config.policy()?);
    let Some(verify) = Verify::new(&ports, policy.orphan_grace) else {
        bail!("these rows cannot be walked through: verify is for recordings in SQLite");
    };
    let sweep = Services::new(&ports, &policy).sweep;
    let mut run = Run { verify, sweep, repair: options.repair, progress: Progress::begin(options.rate), damaged: 0 };

    run.check_recordings(options.after.clone()).await?;
    let damaged = run.damaged;
    let left = run.check_remains().await? + run.check_orphans().await? + run.check_counters().await?;
    let Progress { recordings, bytes, .. } = run.progress;
    say!("{recordings} recordings were read, {}: {damaged} are damaged", ByteSize(bytes));
    ensure!(damaged == 0 && left == 0, "{damaged} recordings are damaged, and {left} other things are wrong");
    Ok(())
}

/// One run through everything. Each check yields how much is wrong and stays so.
struct Run {
    verify: Verify,
    sweep: Sweep,
    repair: bool,
    progress: Progress,
    damaged: u64,
}

impl Run {
    async fn check_recordings(&mut self, mut after: Option<(UserId, RecordingId)>) -> anyhow::Result<()> {
        loop {
            let page = self.verify.recordings(after.take()).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.owner, last.id.clone()));
            for recording in &page {
                self.check(recording).await.with_context(|| {
                    format!("at recording {0}/{1}; go on behind it with --after {0}/{1}", recording.owner, recording.id)
                })?;
                self.progress.advance(recording);
                self.progress.keep_pace().await;
            }
        }
        self.progress.clear_line();
        Ok(())
    }

    async fn check(&mut self, recording: &Recording) -> anyhow::Result<()> {
        let verdict = self.verify.check(recording).await?;
        let Some(what) = what_is_wrong(&verdict) else { return Ok(()) };
        self.progress.clear_line();
        say!("recording {}/{} ({}): {what}", recording.owner, recording.id, recording.blob);
        let is_mended =
            self.repair && matches!(verdict, Verdict::BadHeader) && self.verify.rewrite_header(recording).await?;
        if is_mended {
            say!("  its header was written anew");
        } else {
            self.damaged += 1;
        }
        Ok(())
    }

    async fn check_remains(&self) -> anyhow::Result<usize> {
        let found = self.verify.remains().await?;
        let mut left = found.len();
        for remains in &found {
            say!("torn bytes of no recording: {} at {}", ByteSize(remains.size), remains.place);
            if self.repair && self.verify.clear(remains).await? {
                say!("  they were removed");
                left -= 1;
            }
        }
        Ok(left)
    }

    async fn check_orphans(&self) -> anyhow::Result<usize> {
        let orphans = self.sweep.orphans().await?;
        for orphan in &orphans {
            say!("audio without a recording: {orphan}");
        }
        if !self.repair || orphans.is_empty() {
            return Ok(orphans.len());
        }
        self.sweep.run().await?;
        let left = self.sweep.orphans().await?.len();
        say!("  {} of them were removed", orphans.len().saturating_sub(left));
        Ok(left)
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
