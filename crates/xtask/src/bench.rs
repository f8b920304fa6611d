//! `cargo xtask bench`: how fast Tapebase is, beside servers that people know, on this machine and in the same minutes.

mod archive;
mod contest;
mod debian;
mod folder;
mod generator;
mod machine;
mod number;
mod page;
mod peers;
mod table;
mod usage;
mod workloads;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use archive::Archive;
use contest::Pace;
use folder::Folder;
use generator::Generator;
use peers::Peers;
use workloads::Workload;

use crate::{program, workspace};

/// How to measure.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
    /// How often every server has its turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these workloads.
    #[arg(long, value_name = "WORKLOAD", num_args = 1..)]
    only: Vec<Workload>,
    /// Short samples of little data, to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Measure this program instead of building the server.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Keep the data in this folder instead of the one for temporary files; it needs 10 GB.
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Write the results to this file instead of docs/benchmarks.md, and even if they are not all.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// What is measured instead of servers.
#[derive(Subcommand)]
enum What {
    /// The functions that a request spends its time in, each by itself.
    Micro {
        /// Options for criterion, such as a part of a function's name.
        #[arg(last = true)]
        options: Vec<OsString>,
    },
}

impl Options {
    /// Where the results are kept: the page in docs is not for a part of them.
    fn page(&self) -> Option<PathBuf> {
        let is_whole = self.only.is_empty() && !self.quick;
        self.output.clone().or_else(|| is_whole.then(|| workspace::path("docs/benchmarks.md")))
    }
}

/// Everything a workload needs.
struct Bench {
    folder: Folder,
    generator: Generator,
    peers: Peers,
    pace: Pace,
    large: OnceCell<Archive>,
}

impl Bench {
    /// The large store, filled for whoever needs it first.
    fn large(&self) -> Result<&Archive> {
        if let Some(large) = self.large.get() {
            return Ok(large);
        }
        let large = Archive::large(self).context("filling a large store")?;
        Ok(self.large.get_or_init(|| large))
    }
}

pub fn run(options: &Options) -> Result<()> {
    if let Some(What::Micro { options }) = &options.what {
        return program::succeed(
            workspace::cargo(&["bench", "-p", "tapebase", "--bench", "micro", "--"]).args(options),
        );
    }
    let folder = Folder::on_disk(options.folder.as_deref())?;
    let generator = Generator::build()?;
    let peers = Peers::find(options.server.clone())?;
    let pace = Pace::new(options.rounds, options.quick);
    let bench = Bench { folder, generator, peers, pace, large: OnceCell::new() };
    let mut results = Vec::new();
    for workload in Workload::chosen(&options.only) {
        for result in workload.run(&bench).with_context(|| format!("measuring {}", workload.name()))? {
            println!("{result}");
            results.push(result);
        }
    }
    if let Some(path) = options.page() {
        page::write(&path, &bench, &results)?;
    }
    Ok(())
}
