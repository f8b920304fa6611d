//! `cargo xtask bench`: how fast Tapebase is, beside servers that people know, on this machine and in the same minutes.

mod archive;
mod contest;
mod duel;
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

use anyhow::{Context as _, Result, ensure};
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
    /// How often every server has its turn; 5 times unless told, and 9 times with --against.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only these workloads.
    #[arg(long, value_name = "WORKLOAD", num_args = 1..)]
    only: Vec<Workload>,
    /// Short samples of little data, to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Measure this program instead of building the server.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Measure beside this other build of the server and nothing else, and write no results.
    #[arg(long, value_name = "PATH", conflicts_with = "output")]
    against: Option<PathBuf>,
    /// Keep the data in this folder instead of the one for temporary files; it needs 20 GB.
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
        let is_whole = self.only.is_empty() && !self.quick && self.against.is_none();
        self.output.clone().or_else(|| is_whole.then(|| workspace::path("docs/benchmarks.md")))
    }

    fn pace(&self) -> Pace {
        Pace::new(self.rounds.unwrap_or(if self.against.is_some() { 9 } else { 5 }), self.quick)
    }

    fn workloads(&self) -> Result<Vec<Workload>> {
        let only = match &self.against {
            Some(_) if self.only.is_empty() => Workload::TELLING,
            _ => &self.only,
        };
        let chosen: Vec<_> = Workload::chosen(only).copied().collect();
        ensure!(
            self.against.is_none() || !chosen.contains(&Workload::Idle),
            "idle is no contest, so leave out --against or it"
        );
        Ok(chosen)
    }

    fn peers(&self) -> Result<Peers> {
        match &self.against {
            Some(other) => Peers::builds_only(self.server.clone(), other),
            None => Peers::find(self.server.clone()),
        }
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
        let large = Archive::large(self, &self.peers.tapebase).context("filling a large store")?;
        Ok(self.large.get_or_init(|| large))
    }
}

pub fn run(options: &Options) -> Result<()> {
    if let Some(What::Micro { options }) = &options.what {
        return program::succeed(
            workspace::cargo(&["bench", "-p", "tapebase", "--bench", "micro", "--"]).args(options),
        );
    }
    let workloads = options.workloads()?;
    let folder = Folder::on_disk(options.folder.as_deref())?;
    let generator = Generator::build()?;
    let bench = Bench { folder, generator, peers: options.peers()?, pace: options.pace(), large: OnceCell::new() };
    let mut results = Vec::new();
    for workload in workloads {
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
