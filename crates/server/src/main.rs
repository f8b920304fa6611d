//! `tapebase`: the backend for voice-recorder apps, in one program.

#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod print;

mod backup;
mod connections;
mod exclusive;
mod first_run;
mod history;
mod inspect;
mod keys;
mod progress;
mod rebuild;
mod serve;
mod supervise;
mod sweep;
mod user;
mod verify;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use rustix::{
    fs::Mode,
    process::{Signal, umask},
};
use tapebase_config::{Config, Listen};
use tapebase_domain::id::UserId;
use tokio::signal::unix::{SignalKind, signal};

/// What `--help` ends with.
const ENVIRONMENT: &str = "\
Every setting is a variable, too, which goes before the file: TAPEBASE_LISTEN, TAPEBASE_DATA_DIR, TAPEBASE_PUBLIC_URL,
TAPEBASE_HTTP__ALLOWED_ORIGINS, TAPEBASE_LIMITS__QUOTA, with __ for the dot. `tapebase config example` has all of them,
docs/configuration.md says what they do. AWS_REGION, AWS_ACCESS_KEY_ID and so on are read as by every program for AWS.";

/// The backend for voice-recorder apps: sign up, upload, find again, play back, delete.
#[derive(Parser)]
#[command(name = "tapebase", version = env!("TAPEBASE_VERSION"), after_help = ENVIRONMENT)]
struct Cli {
    /// Read this configuration file instead of ./tapebase.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, such as 127.0.0.1:8081, instead of what is set.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    listen: Option<Listen>,
    /// The folder everything is kept in that has no place of its own, instead of what is set.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Check the configuration and print what is in effect.
    CheckConfig,
    /// Make what is missing of the stores, and bring their settings right; may be run again.
    Setup,
    /// Check that the stores have and allow everything that serving needs.
    Doctor,
    /// Remove what crashes, failed deletes and abandoned uploads left behind, once; the server does so by itself.
    Sweep(sweep::Options),
    /// Read all audio again and compare it with what was uploaded; find what crashes and disks did, and mend it.
    Verify(verify::Options),
    /// Copy everything into a new folder, whole and verified, beside a running server if need be.
    Backup(backup::Options),
    /// Make the data folder from a backup; there must be none yet.
    Restore(backup::Options),
    /// Look after what clients know of changes.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Look after the keys that playback links are signed with.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Make the rows anew of what audio says of itself, after a database was lost with no backup of it.
    Rebuild(rebuild::Options),
    /// Show what can be set.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script that completes these commands in a shell.
    Completions {
        /// For which.
        shell: Shell,
    },
    /// Look after users.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Subcommand)]
enum HistoryCommand {
    /// Have clients begin anew: after the rows were put back by a folder's copy, a snapshot or point-in-time recovery.
    Renew,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Sign with a fresh key; links of the key before still play, those of the one before that no longer.
    Rotate,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting at its default, as a configuration file to begin with.
    Example,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add a user, also where sign-up is closed; the password is asked for, or read from standard input.
    Add {
        /// Their email address.
        email: String,
        /// The user id their recordings are under, after `tapebase rebuild`.
        #[arg(long, value_name = "ULID", value_parser = UserId::parse)]
        id: Option<UserId>,
    },
}

// What outlives its worker goes on here, and what it begins of the network and the disk ends here.
#[actix_web::main]
async fn main() -> ExitCode {
    // Recordings are private: whatever is created belongs to this user alone.
    umask(Mode::RWXG | Mode::RWXO);
    if let Err(error) = outlive_file_limit() {
        print::to_stderr(format_args!("a file past the limit of its size will end this program: {error}\n"));
    }
    match Box::pin(run(Cli::parse())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::to_stderr(format_args!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Has a write past the limit of a file's size (`ulimit -f`, `LimitFSIZE=`) fail like one to a full disk; the signal
/// ends whoever does not take it.
fn outlive_file_limit() -> io::Result<()> {
    // It is still taken when nobody listens any more.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    // What needs no settings helps with wrong ones.
    let config = || settings(cli.config.as_deref(), cli.listen, cli.data_dir);
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => Box::pin(serve::run(config()?)).await,
        Command::CheckConfig => config()?.print(),
        Command::Setup => inspect::set_up(&config()?).await,
        Command::Doctor => inspect::diagnose(&config()?).await,
        Command::Sweep(options) => sweep::once(&config()?, &options).await,
        Command::Verify(options) => verify::run(&config()?, &options).await,
        Command::Backup(options) => backup::back_up(&config()?, &options).await,
        Command::Restore(options) => backup::restore(&config()?, &options).await,
        Command::Rebuild(options) => rebuild::run(&config()?, &options).await,
        Command::History(HistoryCommand::Renew) => history::renew(&config()?).await,
        Command::Keys(KeysCommand::Rotate) => keys::rotate(&config()?).await,
        Command::Config(ConfigCommand::Example) => {
            say!("{}", Config::example()?.trim_end());
            Ok(())
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tapebase", &mut script);
            say!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(())
        }
        Command::User(UserCommand::Add { email, id }) => user::add(&config()?, &email, id).await,
    }
}

/// What is set in the file and the environment, and on the command line, which goes before both.
fn settings(file: Option<&Path>, listen: Option<Listen>, data_dir: Option<PathBuf>) -> anyhow::Result<Config> {
    let config = Config::load(file)?;
    Ok(Config { listen: listen.unwrap_or(config.listen), data_dir: data_dir.unwrap_or(config.data_dir), ..config })
}
