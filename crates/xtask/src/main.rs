//! The development commands of Tapebase, run as `cargo xtask COMMAND`.

mod bench;
mod browsers;
mod cache;
mod client;
mod clients;
mod debian;
mod dependencies;
mod deploy;
mod description;
mod engines;
mod fixtures;
mod fuzz;
mod guides;
mod lint_answers;
mod log;
mod markdown;
mod node;
mod planted;
mod power_cut;
mod process;
mod program;
mod python;
mod schemathesis;
mod server;
mod simulate;
mod test;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development commands of Tapebase.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks everything that has to hold before a change lands.
    Test,
    /// Makes the recordings in crates/conformance/fixtures anew.
    Fixtures,
    /// Fuzzes a freshly started server along its own `OpenAPI` document.
    Schemathesis {
        /// Options for `schemathesis run`, which win over crates/xtask/schemathesis.toml.
        #[arg(last = true)]
        options: Vec<OsString>,
    },
    /// Hands everything that reads text what nobody would think of; what is found is kept in target/fuzz.
    Fuzz {
        /// For how many seconds.
        #[arg(default_value_t = 60)]
        seconds: u32,
    },
    /// Compares every dependency with .deny.toml: its licence, its source, and whether it is banned; and where cargo-deny is
    /// installed, looks for advisories.
    Dependencies,
    /// Generates clients from the description of a freshly started server, and has each do what an app does.
    Clients,
    /// Runs the commands of the README, the guides and the deployment, and the walk that a server prints.
    Guides,
    /// Has Chromium and Firefox use the API from a page of another origin, and the reference at /docs.
    Browsers {
        /// A folder for pictures of the reference.
        #[arg(long)]
        pictures: Option<PathBuf>,
    },
    /// Lints docs/openapi.json, and sees what generators make of it for Kotlin, Swift and Dart.
    LintDescription,
    /// Asks a freshly started server for every kind of answer, and lints them.
    LintAnswers,
    /// Runs the engines that the AWS adapters are tested against.
    Engines {
        #[command(subcommand)]
        command: engines::Command,
    },
    /// Measures Tapebase beside nginx, Caddy, dufs and `PocketBase`, or beside another build of itself.
    Bench(bench::Options),
    /// Takes the disk from a server at random moments, and checks that nothing acknowledged is lost; needs root.
    PowerCut(power_cut::Options),
    /// Lives through random histories of clients, servers and faults; see docs/simulator.md.
    #[command(disable_help_flag = true)]
    Simulate {
        /// Options of the simulator; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Plants faults, one at a time, and sees whether the simulator finds them.
    Planted {
        /// Those alone whose names have one of these in them.
        only: Vec<String>,
    },
    /// Lints deploy/aws/template.yaml, as it is and as AWS would see it, and the Kubernetes resources of the guide.
    DeployLint {
        /// Another template.
        template: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Test => test::run(),
        Command::Fixtures => fixtures::run(),
        Command::Schemathesis { options } => schemathesis::run(&options),
        Command::Fuzz { seconds } => fuzz::run(seconds),
        Command::Dependencies => dependencies::run(),
        Command::Clients => clients::run(),
        Command::Guides => guides::run_alone(),
        Command::Browsers { pictures } => browsers::run_alone(pictures.as_deref()),
        Command::LintDescription => description::run(),
        Command::LintAnswers => lint_answers::run(),
        Command::Bench(options) => bench::run(&options),
        Command::PowerCut(options) => power_cut::run(&options),
        Command::Simulate { options } => simulate::run(&options),
        Command::Planted { only } => planted::run(&only),
        Command::Engines { command } => engines::run(&command),
        Command::DeployLint { template } => deploy::run(template),
    }
}
