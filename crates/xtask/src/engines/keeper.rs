//! A process that holds the engines of one run, and ends them when whoever wanted them is gone.
//!
//! Neither Ctrl-C nor `kill -9` lets a process clean up after itself without some effort or at all.
//! So another one does it: the keeper, outside the process group that Ctrl-C reaches, notices that its standard input has ended, which happens however its parent does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use anyhow::{Context as _, Result, ensure};

use super::packages::{Packages, Release};
use super::ports::{Port, Ports};
use super::{Environment, dynamodb, environment, seaweedfs};

/// Running engines, which end with this value.
pub struct Engines {
    keeper: Child,
    tether: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    environment: Environment,
}

impl Engines {
    /// Installs what is missing, and starts the engines.
    pub fn start() -> Result<Self> {
        Self::with(Release::Current)
    }

    /// The same, with this release of `SeaweedFS`.
    pub fn with(release: Release) -> Result<Self> {
        // Not in the keeper: Ctrl-C is to stop it.
        Packages::find(release)?;
        // This very program, even when a build has put another in its place by now.
        let mut keeper = Command::new("/proc/self/exe")
            .args(["engines", "keep"])
            .args(matches!(release, Release::Old).then_some("--old-seaweedfs"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the keeper of the engines does not start")?;
        let tether = keeper.stdin.take();
        let output = BufReader::new(keeper.stdout.take().context("the keeper of the engines has no output")?);
        let mut engines = Self { keeper, tether, output, environment: Environment::new() };
        let mut line = String::new();
        engines.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the engines do not start");
        engines.environment = serde_json::from_str(&line).context("reading what the keeper of the engines says")?;
        Ok(engines)
    }

    /// The variables that lead an AWS client to the engines.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Has a command find these engines, and no account of a developer's.
    pub fn lend_to(&self, command: &mut Command) {
        command.envs(self.environment.iter().cloned());
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    }

    /// Ends the engines, and fails if one had ended before.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// Keeps the engines running until something goes wrong.
    pub fn wait(mut self) -> Result<()> {
        // It says no more, but stops saying it when it ends.
        self.output.read_to_end(&mut Vec::new())?;
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        drop(self.tether.take());
        let status = self.keeper.wait()?;
        ensure!(status.success(), "the engines have failed ({status})");
        Ok(())
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // Something else has failed, or they were stopped already.
        let _ = self.end();
    }
}

/// Starts the engines, tells how to reach them, and ends them when standard input does.
pub fn keep(release: Release) -> Result<()> {
    let tether = Tether::new();
    let packages = Packages::find(release)?;
    let ports = Ports::claim()?;
    let folder = tempfile::Builder::new().prefix("tapebase-engines-").tempdir()?;
    let mut seaweedfs = seaweedfs::start(&packages.seaweedfs, &ports, folder.path())?;
    let mut dynamodb = dynamodb::start(&packages.dynamodb, ports.get(Port::DynamoDb), folder.path())?;
    dynamodb::wait(&dynamodb, &tether, ports.get(Port::DynamoDb))?;
    seaweedfs::wait(&seaweedfs, &tether, ports.get(Port::S3))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&environment(&packages, &ports))?)?;
    tether.wait();
    seaweedfs.process.ensure_running()?;
    dynamodb.ensure_running()?;
    // Both at once: each takes its time.
    seaweedfs.process.ask_to_end();
    dynamodb.ask_to_end();
    Ok(())
}

/// What ties the keeper to its parent.
pub struct Tether(Receiver<()>);

impl Tether {
    fn new() -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            // An input that cannot be read has ended, too.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            drop(sender);
        });
        Self(receiver)
    }

    /// Fails when the parent is gone, or wants no more.
    pub fn ensure_held(&self) -> Result<()> {
        ensure!(self.0.try_recv() != Err(TryRecvError::Disconnected), "nobody waits any more");
        Ok(())
    }

    fn wait(&self) {
        // Nothing is ever sent, so it returns when the other end is gone.
        let _ = self.0.recv();
    }
}
