//! `tapebase rebuild`: rows made anew of what audio says of itself.

use std::collections::BTreeMap;

use anyhow::ensure;
use bytesize::ByteSize;
use clap::Args;
use tapebase_config::Config;
use tapebase_domain::{
    blob::BlobRef,
    id::UserId,
    ports::causes,
    rebuild::{Rebuild, Rebuilt},
    recording::Recording,
};

use crate::{first_run, progress::Progress};

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// Continue although some audio does not name its owner, and so gets no recording.
    #[arg(long)]
    leave_anonymous: bool,
    /// Continue although some audio is damaged, and so gets no recording.
    #[arg(long)]
    leave_damaged: bool,
}

/// Makes all rows that can be made, and then has them serve the audio.
pub async fn run(config: &Config, options: &Options) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing to make rows of")?;
    let rebuild = Rebuild::new(&config.locations()?.open().await?);
    let id = rebuild.begin().await?;
    let mut run = Run::new(rebuild);
    if !options.leave_anonymous {
        run.refuse_anonymous().await?;
    }
    run.restore_all().await?;
    run.renumber_all().await?;
    run.sum_up();
    ensure!(
        options.leave_damaged || run.damaged == 0,
        "{} pieces of audio are damaged, and get no recording: nothing is served with these rows yet. Copy them elsewhere, \
         remove the rows that were made, and run this again with --leave-damaged",
        run.damaged
    );
    Ok(run.rebuild.finish(id).await?)
}

/// One run through everything.
struct Run {
    rebuild: Rebuild,
    progress: Progress,
    conflicting: Vec<Recording>,
    owners: BTreeMap<UserId, u64>,
    duplicates: u64,
    anonymous: u64,
    damaged: u64,
}

impl Run {
    fn new(rebuild: Rebuild) -> Self {
        let progress = Progress::begin(None);
        let (conflicting, owners) = (Vec::new(), BTreeMap::new());
        Self { rebuild, progress, conflicting, owners, duplicates: 0, anonymous: 0, damaged: 0 }
    }

    /// Before any row is made: to begin again takes rows that are empty.
    async fn refuse_anonymous(&self) -> anyhow::Result<()> {
        let (mut found, mut after) = (0_u64, None);
        loop {
            let page = self.rebuild.blobs(after.take()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for blob in &page {
                found += u64::from(self.rebuild.is_anonymous(blob).await?);
            }
        }
        ensure!(
            found == 0,
            "{found} pieces of audio do not say whose they are, for an older version wrote them: they get no \
             recording. Copy them elsewhere, and run this again with --leave-anonymous"
        );
        Ok(())
    }

    async fn restore_all(&mut self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = self.rebuild.blobs(after.take()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for blob in &page {
                let rebuilt = self.rebuild.restore(blob).await?;
                self.note(blob, rebuilt);
            }
        }
    }

    /// Only now, for a walk might come by the copies that this makes.
    async fn renumber_all(&mut self) -> anyhow::Result<()> {
        for recording in std::mem::take(&mut self.conflicting) {
            let (owner, id, blob) = (recording.owner, recording.id.clone(), recording.blob.clone());
            let rebuilt = self.rebuild.renumber(recording).await?;
            if let Rebuilt::Restored(renumbered) = &rebuilt {
                self.progress.clear_line();
                say!("two recordings are {owner}/{id}: the second ({blob}) is {} now", renumbered.id);
            }
            self.note(&blob, rebuilt);
        }
        Ok(())
    }

    fn note(&mut self, blob: &BlobRef, rebuilt: Rebuilt) {
        match rebuilt {
            Rebuilt::Restored(recording) => {
                *self.owners.entry(recording.owner).or_default() += 1;
                self.progress.advance(&recording);
            }
            Rebuilt::Conflicting(recording) => self.conflicting.push(recording),
            Rebuilt::Duplicate(_) => self.duplicates += 1,
            Rebuilt::Anonymous => self.anonymous += 1,
            Rebuilt::Gone => {}
            Rebuilt::Unreadable(error) => {
                self.damaged += 1;
                self.progress.clear_line();
                say!("audio that is damaged ({blob}): {}", causes(&error));
            }
        }
    }

    fn sum_up(&self) {
        self.progress.clear_line();
        let Progress { recordings, bytes, .. } = self.progress;
        say!("recordings that are back             {recordings}, {}", ByteSize(bytes));
        say!("the same audio a second time         {}", self.duplicates);
        say!("audio that does not say whose it is  {}", self.anonymous);
        if !self.owners.is_empty() {
            say!("accounts are lost; `tapebase user add EMAIL --id ULID` gives somebody theirs back:");
        }
        for (owner, recordings) in &self.owners {
            say!("  {owner}  {recordings}");
        }
    }
}
