//! `tapebase verify`: whether every recording still has its audio, and all audio a recording.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use bytesize::ByteSize;
use clap::Args;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    id::{RecordingId, UserId},
    ports::causes,
    recording::Recording,
    verify::{Verdict, Verify},
};
use tokio::time::{Duration, Instant, sleep_until};

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Remove what nobody needs, as a sweep does; damaged recordings stay as they are.
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
    let ports = config.locations()?.connect().await?;
    let Some(verify) = Verify::new(&ports) else {
        bail!("these rows cannot be walked through: verify is for recordings in SQLite");
    };
    let mut tally = Tally::begin(options);
    tally.walk(&verify, options.after.clone()).await?;
    tally.finish();

    let sweep = Services::new(&ports, &config.policy()?).sweep;
    let mut orphans = sweep.orphans().await?;
    for orphan in &orphans {
        println!("audio without a recording: {orphan}");
    }
    if options.repair && !orphans.is_empty() {
        sweep.run().await?;
        let found = orphans.len();
        orphans = sweep.orphans().await?;
        println!("{} of them were removed", found - orphans.len());
    }
    let (damaged, orphaned) = (tally.damaged, orphans.len());
    println!("{} recordings were read, {}: {damaged} are damaged", tally.recordings, ByteSize(tally.bytes));
    ensure!(damaged == 0 && orphaned == 0, "{damaged} recordings are damaged, {orphaned} pieces of audio have none");
    Ok(())
}

/// How far it has come.
struct Tally {
    started: Instant,
    rate: Option<u64>,
    is_shown: bool,
    shown_at: Instant,
    recordings: u64,
    bytes: u64,
    damaged: u64,
}

impl Tally {
    const SHOWN_EVERY: Duration = Duration::from_millis(200);

    fn begin(options: &Options) -> Self {
        let (started, rate) = (Instant::now(), options.rate.map(|rate| rate.as_u64().max(1)));
        let is_shown = io::stderr().is_terminal();
        Self { started, rate, is_shown, shown_at: started, recordings: 0, bytes: 0, damaged: 0 }
    }

    async fn walk(&mut self, verify: &Verify, mut after: Option<(UserId, RecordingId)>) -> anyhow::Result<()> {
        loop {
            let page = verify.recordings(after.take()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.owner, last.id.clone()));
            for recording in &page {
                let verdict = verify.check(recording).await.with_context(|| {
                    format!("at recording {0}/{1}; go on behind it with --after {0}/{1}", recording.owner, recording.id)
                })?;
                self.note(recording, &verdict);
                self.keep_pace().await;
            }
        }
    }

    fn note(&mut self, recording: &Recording, verdict: &Verdict) {
        self.recordings += 1;
        self.bytes += recording.size;
        if let Some(what) = what_is_wrong(verdict) {
            self.damaged += 1;
            self.clear_line();
            println!("recording {}/{} ({}): {what}", recording.owner, recording.id, recording.blob);
        }
        if self.is_shown && self.shown_at.elapsed() >= Self::SHOWN_EVERY {
            self.shown_at = Instant::now();
            self.clear_line();
            let Recording { owner, id, .. } = recording;
            // Whoever breaks it off sees where to go on.
            eprint!("{} recordings, {}, up to {owner}/{id}", self.recordings, ByteSize(self.bytes));
            let _ = io::stderr().flush();
        }
    }

    /// Waits as long as the rate asks for.
    async fn keep_pace(&self) {
        if let Some(rate) = self.rate {
            let due = self.bytes.saturating_mul(1_000) / rate;
            sleep_until(self.started + Duration::from_millis(due)).await;
        }
    }

    fn finish(&self) {
        self.clear_line();
    }

    fn clear_line(&self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}

fn what_is_wrong(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Sound | Verdict::Gone => None,
        Verdict::Missing => Some("its audio is missing".to_owned()),
        Verdict::Unreadable(error) => Some(format!("its audio cannot be read: {}", causes(error))),
        Verdict::Damaged { found } => Some(format!("its audio is damaged: SHA-256 is {}", found.to_hex())),
    }
}
