//! `tapebase backup` and `tapebase restore`: everything in another folder, laid out like a data folder.

use std::{path::PathBuf, pin::pin};

use anyhow::{Context as _, ensure};
use bytesize::ByteSize;
use clap::Args;
use futures_util::TryStreamExt as _;
use tapebase_config::Config;
use tapebase_domain::{
    backup::{Backup, Outcome},
    ports::{InventoryPage, Ports, causes},
    recording::Recording,
};

use crate::first_run;
use crate::progress::Progress;

/// How to go about it.
#[derive(Args)]
pub struct Options {
    /// The folder of the backup.
    folder: PathBuf,
    /// Limit copying to this many bytes per second, such as 50MB.
    #[arg(long, value_name = "BYTES")]
    rate: Option<ByteSize>,
}

/// Copies the stores into a new folder, beside a running server if need be.
pub async fn back_up(config: &Config, options: &Options) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing to back up")?;
    copy(config, &config.in_folder(&options.folder), options.rate).await
}

/// Makes the data folder from a backup; there must be none yet.
pub async fn restore(config: &Config, options: &Options) -> anyhow::Result<()> {
    let is_elsewhere = config.records.is_some() || config.blobs.is_some();
    ensure!(!is_elsewhere, "a data folder is restored: leave `records` and `blobs` out of the settings");
    copy(&config.in_folder(&options.folder), config, options.rate).await
}

/// Fails unless everything is copied; what can be is, all the same.
async fn copy(from: &Config, to: &Config, rate: Option<ByteSize>) -> anyhow::Result<()> {
    let (source, target) = (from.locations()?, to.locations()?);
    let folder = to.data_dir.display();
    let copy = source.begin_copy(&target).await?;
    let mut copied = Copied { progress: Progress::begin(rate), left_out: 0 };
    copied
        .take_in(&source.connect().await?, &copy.ports)
        .await
        .with_context(|| format!("what is in {folder} is not finished, and of no use: remove it"))?;
    copy.ports.batches.end_batches().await?;
    copy.finish()?;
    let Copied { progress: Progress { recordings, bytes, .. }, left_out } = copied;
    say!("{} recordings are in {folder}, {}", recordings, ByteSize(bytes));
    ensure!(left_out == 0, "{left_out} more could not be copied; everything else is there");
    Ok(())
}

/// What has been copied so far.
struct Copied {
    progress: Progress,
    left_out: u64,
}

impl Copied {
    async fn take_in(&mut self, source: &Ports, copy: &Ports) -> anyhow::Result<()> {
        let backup = Backup::new(source, copy);
        backup.forget_uploads().await?;
        let mut after = None;
        loop {
            let InventoryPage { recordings, unreadable } = backup.recordings(after.take()).await?;
            for row in &unreadable {
                self.progress.clear_line();
                say!("the audio of a row is left out: {row}");
            }
            self.left_out += unreadable.len() as u64;
            let Some(last) = recordings.last() else { break };
            after = Some((last.owner, last.id.clone()));
            let mut copies = pin!(backup.copy(recordings));
            while let Some((recording, outcome)) = copies.try_next().await? {
                self.note(&recording, &outcome);
                self.progress.keep_pace().await;
            }
        }
        self.progress.clear_line();
        Ok(())
    }

    fn note(&mut self, recording: &Recording, outcome: &Outcome) {
        let why = match outcome {
            Outcome::Copied => return self.progress.advance(recording),
            Outcome::Deleted => return,
            Outcome::Missing => "its audio is missing".to_owned(),
            Outcome::Damaged => "its audio is damaged".to_owned(),
            Outcome::Unreadable(error) => format!("its audio cannot be read: {}", causes(error)),
        };
        self.left_out += 1;
        self.progress.clear_line();
        say!("recording {}/{} is left out: {why}", recording.owner, recording.id);
    }
}
