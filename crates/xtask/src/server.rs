//! Builds the server and keeps one running on a free port until it is dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::log::last_words;
use crate::{client, program, workspace};

/// What the names of settings begin with.
const SETTINGS: [&[u8]; 2] = [b"TAPEBASE_", b"AWS_"];

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Builds the server and returns where cargo has put it.
pub fn build() -> Result<PathBuf> {
    // Built as for the tests, which have done it already: another set of features would be built anew.
    workspace::built(&mut workspace::tests(&["--no-run"]), "tapebase")
}

/// Does something with a freshly started server, at its address and with its folder, and shows the end of its log where
/// that fails.
pub fn serve(settings: &[(&str, &str)], work: impl FnOnce(&str, &Path) -> Result<()>) -> Result<()> {
    serve_by(Command::new(build()?), settings, work)
}

/// The same with a command that becomes the server.
pub fn serve_by(
    command: Command,
    settings: &[(&str, &str)],
    work: impl FnOnce(&str, &Path) -> Result<()>,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(command, folder.path(), settings)?;
    let outcome = work(&server.address, folder.path()).and_then(|()| server.ensure_running());
    drop(server);
    outcome.inspect_err(|_| print_log(folder.path()))
}

/// A running server, which ends with this value.
struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    address: String,
}

impl Server {
    /// Starts the server with these settings, its data and its log in `folder`, and waits until it listens.
    fn start(mut command: Command, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let log = File::create(log(folder))?;
        // A developer's own settings must not decide what is found.
        let is_setting = |name: &OsStr| SETTINGS.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix));
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        let child = command
            .env("TAPEBASE_LISTEN", "127.0.0.1:0")
            .env("TAPEBASE_DATA_DIR", data(folder))
            .envs(settings.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        let mut server = Self { child, address: String::new() };
        server.address = server.first_words(log).inspect_err(|_| print_log(folder))?;
        Ok(server)
    }

    /// Fails when the server has ended by itself.
    fn ensure_running(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "the server has ended: {ended:?}");
        Ok(())
    }

    /// Waits for the line that tells the address, and moves all the others to the log.
    fn first_words(&mut self, log: File) -> Result<String> {
        let stdout = self.child.stdout.take().context("the server has no standard output")?;
        let (sender, receiver) = channel();
        std::thread::spawn(move || watch(stdout, log, &sender));
        wait(&receiver)
    }
}

/// Whatever happens, no server stays behind.
impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(stdout: ChildStdout, mut log: File, sender: &Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(address) = line.strip_prefix("listening on ") {
            // Nobody waits any more when it comes too late.
            let _ = sender.send(address.trim_end_matches('/').to_owned());
        }
        // At once, or the server's own lines could come in between. A full disk must not stop the reading, which would
        // stop the server.
        let _ = log.write_all(format!("{line}\n").as_bytes());
    }
}

fn wait(receiver: &Receiver<String>) -> Result<String> {
    match receiver.recv_timeout(PATIENCE) {
        Ok(address) => Ok(address),
        Err(RecvTimeoutError::Timeout) => bail!("the server has not said `listening on …` within {PATIENCE:?}"),
        Err(RecvTimeoutError::Disconnected) => bail!("the server has ended without saying `listening on …`"),
    }
}

/// Signs an operator up with a running server, and yields their token, which looks after all accounts.
pub fn operators_token(address: &str, folder: &Path) -> Result<String> {
    let email = "operator@example.com";
    client::sign_up(address, email)?;
    let mut command = Command::new(build()?);
    command.env("TAPEBASE_DATA_DIR", data(folder)).args(["user", "create-token", email, "--scope", "admin"]);
    Ok(String::from_utf8(program::read(&mut command)?)?.trim_end().to_owned())
}

/// Where a server has its data.
pub fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Where it writes what it says.
pub fn log(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// Shows the end of what the server has said.
pub fn print_log(folder: &Path) {
    eprintln!("the server's {}", last_words(&log(folder)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_at_once_is_told() {
        let folder = tempfile::tempdir().unwrap();

        let error = Server::start(Command::new("/bin/true"), folder.path(), &[]).map(drop).unwrap_err();

        assert_eq!(error.to_string(), "the server has ended without saying `listening on …`");
    }
}
