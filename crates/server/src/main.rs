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
mod user_tokens;
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
use tapebase_domain::{
    api_token::{ApiToken, Scope},
    auth::UserName,
    id::{ApiTokenId, UserId},
};
use tokio::signal::unix::{SignalKind, signal};

/// What `--help` ends with.
const ENVIRONMENT: &str = "\
Every setting is also an environment variable, which overrides the file: TAPEBASE_LISTEN, TAPEBASE_DATA_DIR,
TAPEBASE_PUBLIC_URL, TAPEBASE_HTTP__ALLOWED_ORIGINS, TAPEBASE_LIMITS__QUOTA, with __ for the dot. `tapebase config example`
lists all of them, docs/configuration.md explains them. AWS_REGION, AWS_ACCESS_KEY_ID and so on are read as by every AWS SDK.";

/// The backend for voice-recorder apps: sign up, upload, list, play, delete.
#[derive(Parser)]
#[command(name = "tapebase", version = env!("BUILT_AS"), after_help = ENVIRONMENT)]
struct Cli {
    /// Read this configuration file instead of ./tapebase.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on this address, such as 127.0.0.1:8081.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    listen: Option<Listen>,
    /// Keep data without a location of its own in this folder.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Validate the configuration and print the effective settings.
    CheckConfig,
    /// Create what is missing, such as a table or bucket, and correct their settings; safe to repeat.
    Setup,
    /// Check that everything serving needs is there and permitted.
    Doctor,
    /// Remove leftovers of crashes, failed deletes and abandoned uploads, once; the server does so by itself.
    Sweep(sweep::Options),
    /// Verify all audio and the database against their checksums; with --repair, repair what can be repaired.
    Verify(verify::Options),
    /// Make a consistent, verified copy of all data in a new folder, also while the server is running.
    Backup(backup::Options),
    /// Create the data folder from a backup; it must be missing or empty.
    Restore(backup::Options),
    /// Manage the history that clients synchronize with.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Manage the signing keys of playback links.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Recreate a lost database, of which there is no backup, from the headers of the stored audio.
    Rebuild(rebuild::Options),
    /// Show the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a shell completion script.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Manage users.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Subcommand)]
enum HistoryCommand {
    /// Have clients start over and sweeps go on, after rows were restored by a copy, a snapshot or point-in-time recovery.
    Renew,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Sign with a new key; links signed with the previous key stay valid, older ones end.
    Rotate,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print a configuration file with every setting at its default.
    Example,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add a user, also while sign-up is closed; prompts for the password, or reads it from standard input.
    Add {
        /// The email address.
        email: String,
        /// The id of the owner of recordings found by `tapebase rebuild`.
        #[arg(long, value_name = "ULID", value_parser = UserId::parse)]
        id: Option<UserId>,
    },
    /// Print all users, the last that signed up first.
    List,
    /// Print who a user is, what they sign in with and how much they store.
    Show {
        /// The user's id or email address.
        user: UserName,
    },
    /// Print where a user is signed in, newest first.
    Sessions {
        /// The user's id or email address.
        user: UserName,
    },
    /// End all sessions and playback links of a user.
    SignOut {
        /// The user's id or email address.
        user: UserName,
    },
    /// Let a user in no more, and end their sessions, API tokens and playback links; what they have stored is kept.
    Disable {
        /// The user's id or email address.
        user: UserName,
    },
    /// Let a user in again who is disabled, or who has deleted their account while `erasure.grace` lasts.
    Enable {
        /// The user's id or email address.
        user: UserName,
    },
    /// Erase a user: end their sessions, API tokens and playback links, and remove all they have stored. A running server does so
    /// within the time printed, or `tapebase sweep`.
    Remove {
        /// The user's id or email address.
        user: UserName,
        /// Erase them; otherwise only what would be removed is printed.
        #[arg(long)]
        yes: bool,
    },
    /// Print a code with which a user who has forgotten their password chooses another one, once and within an hour, in the
    /// app; for servers that send no mail.
    Reset {
        /// The email address.
        email: String,
    },
    /// Invite somebody to sign up with an email address, also while sign-up is closed: print a code for them, and mail it to
    /// them if `mail.smtp` is set.
    Invite {
        /// The email address.
        email: String,
    },
    /// Verify a user's email address: you know whose it is. For servers that send no mail.
    Verify {
        /// The email address.
        email: String,
    },
    /// Make an API token for a user and print it; the way to one with the scope `admin`, which manages all accounts over HTTP.
    CreateToken {
        /// The user's id or email address.
        user: UserName,
        /// What it may do; can be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// What it is called in lists.
        #[arg(long, default_value = "tapebase user create-token", value_parser = token_name)]
        name: String,
        /// After how many days it expires.
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3_652))]
        expires_in: u16,
    },
    /// Print a user's API tokens, newest first.
    Tokens {
        /// The user's id or email address.
        user: UserName,
    },
    /// Revoke one of a user's API tokens.
    RevokeToken {
        /// The user's id or email address.
        user: UserName,
        /// The token's id.
        #[arg(value_parser = ApiTokenId::parse)]
        id: ApiTokenId,
    },
    /// Change a user's password, which ends their sessions and playback links; prompts for it, or reads it from standard
    /// input.
    Password {
        /// The email address.
        email: String,
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
        Command::User(UserCommand::List) => user::list(&config()?).await,
        Command::User(UserCommand::Show { user }) => user::show(&config()?, &user).await,
        Command::User(UserCommand::Sessions { user }) => user::sessions(&config()?, &user).await,
        Command::User(UserCommand::SignOut { user }) => user::sign_out(&config()?, &user).await,
        Command::User(UserCommand::Disable { user }) => user::disable(&config()?, &user).await,
        Command::User(UserCommand::Enable { user }) => user::enable(&config()?, &user).await,
        Command::User(UserCommand::Remove { user, yes }) => user::remove(&config()?, &user, yes).await,
        Command::User(UserCommand::Reset { email }) => user::reset(&config()?, &email).await,
        Command::User(UserCommand::Invite { email }) => user::invite(&config()?, &email).await,
        Command::User(UserCommand::Verify { email }) => user::verify(&config()?, &email).await,
        Command::User(UserCommand::CreateToken { user, scopes, name, expires_in }) => {
            user_tokens::create(&config()?, &user, scopes, name, expires_in).await
        }
        Command::User(UserCommand::Tokens { user }) => user_tokens::list(&config()?, &user).await,
        Command::User(UserCommand::RevokeToken { user, id }) => user_tokens::revoke(&config()?, &user, id).await,
        Command::User(UserCommand::Password { email }) => user::password(&config()?, &email).await,
    }
}

fn token_name(text: &str) -> Result<String, String> {
    ApiToken::name_of(text).ok_or_else(|| format!("use 1 to {} characters", ApiToken::NAME_CHARACTERS))
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| format!("send one of {}", Scope::ALL.map(Scope::as_str).join(", ")))
}

/// What is set in the file and the environment, and on the command line, which goes before both.
fn settings(file: Option<&Path>, listen: Option<Listen>, data_dir: Option<PathBuf>) -> anyhow::Result<Config> {
    let config = Config::load(file)?;
    Ok(Config { listen: listen.unwrap_or(config.listen), data_dir: data_dir.unwrap_or(config.data_dir), ..config })
}
