//! `cargo xtask engines`: the engines that the AWS adapters are tested against, on this machine and without containers.

mod curl;
mod dynamodb;
mod keeper;
mod oidc;
mod packages;
mod ports;
mod seaweedfs;
mod smtp;

use std::ffi::OsString;

use anyhow::{Context as _, Result};
use clap::Subcommand;

pub use dynamodb::JAVA;
pub use keeper::Engines;
pub use oidc::OidcProvider;
pub use packages::{Release, require_programs};
pub use smtp::MailServer;

use crate::{debian::libraries, process, program};
use packages::{Packages, RSYNC};
use ports::{Port, Ports};

/// Any region will do for the engines, but not for the programs that use them.
const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "tapebase";
const SECRET_KEY: &str = "tapebase-secret";

#[derive(Subcommand)]
pub enum Command {
    /// Installs the engines, and starts none.
    Install,
    /// Runs a command beside freshly started engines, or tells how to reach them until Ctrl-C.
    Run {
        /// With a `SeaweedFS` that deletes the bytes of objects with what is left of their uploads.
        #[arg(long)]
        old_seaweedfs: bool,
        /// The command; it finds the engines by its environment.
        #[arg(last = true)]
        words: Vec<OsString>,
    },
    /// Holds the engines for another process.
    #[command(hide = true)]
    Keep {
        /// With an older `SeaweedFS`.
        #[arg(long)]
        old_seaweedfs: bool,
    },
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Install => install(),
        Command::Run { old_seaweedfs, words } => {
            let engines = Engines::with(release(*old_seaweedfs))?;
            match words.split_first() {
                Some((program, arguments)) => run_beside(engines, program, arguments),
                None => show(engines),
            }
        }
        Command::Keep { old_seaweedfs } => keeper::keep(release(*old_seaweedfs)),
    }
}

const fn release(is_old: bool) -> Release {
    if is_old { Release::Old } else { Release::Current }
}

/// Installs the engines, unless that is done.
pub fn install() -> Result<()> {
    [Release::Current, Release::Old].into_iter().try_for_each(|release| Packages::find(release).map(drop))
}

fn run_beside(engines: Engines, program: &OsString, arguments: &[OsString]) -> Result<()> {
    let mut command = process::tied("TERM")?;
    engines.lend_to(&mut command);
    let status = command.arg(program).args(arguments).status();
    engines.stop()?;
    program::accept(std::process::Command::new(program).args(arguments), status.context("the command was lost")?)
}

/// Prints what a shell can read.
fn show(engines: Engines) -> Result<()> {
    for (name, value) in engines.environment() {
        println!("export {name}={}", quoted(value));
    }
    eprintln!("the engines run until Ctrl-C");
    engines.wait()
}

type Environment = Vec<(String, String)>;

fn environment(packages: &Packages, ports: &Ports) -> Environment {
    let endpoint = |port| format!("http://127.0.0.1:{}", ports.get(port));
    let both = |port, grpc| format!("127.0.0.1:{}.{}", ports.get(port), ports.get(grpc));
    [
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint(Port::DynamoDb)),
        ("AWS_ENDPOINT_URL_S3", endpoint(Port::S3)),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("SEAWEEDFS", packages.seaweedfs.display().to_string()),
        ("SEAWEEDFS_MASTER", both(Port::Master, Port::MasterGrpc)),
        ("SEAWEEDFS_FILER", both(Port::Filer, Port::FilerGrpc)),
        ("AWS_LAMBDA_RIE", packages.rie.display().to_string()),
        ("OIDC_PROVIDER", packages.oidc.display().to_string()),
        ("SMTP_SERVER", packages.smtp.display().to_string()),
        ("RSYNC", packages.rsync.join(RSYNC.program).display().to_string()),
        ("RSYNC_LIBRARIES", libraries(&packages.rsync)),
        // The name of a bucket is no name of a host here.
        ("TAPEBASE_S3__PATH_STYLE", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:._-+@%,=".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_value_back() {
        assert_eq!(quoted("http://127.0.0.1:61001"), "http://127.0.0.1:61001");
        assert_eq!(quoted("/home/ada l'ovelace/rie"), r"'/home/ada l'\''ovelace/rie'");
    }
}
