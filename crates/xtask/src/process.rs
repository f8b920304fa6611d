//! Runs a server until it is dropped, with what it says in a file.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::log;
use crate::program::Program;

pub const SETPRIV: Program = Program { name: "setpriv", packages: "util-linux" };

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at whether a server answers.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a server may take to end by itself. Nothing it holds is worth more.
const GRACE: Duration = Duration::from_secs(1);

/// A command for a program that gets `signal` as soon as this process is gone, even by `kill -9`.
pub fn tied(signal: &str) -> Result<Command> {
    let mut command = SETPRIV.command()?;
    command.args(["--pdeathsig", signal, "--"]);
    Ok(command)
}

/// A running server, which ends with this value.
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Nothing comes out of it; its other end goes when the server closes its output, which is when it ends.
    ended: Receiver<()>,
}

impl Process {
    /// Starts a server that keeps to `folder`; the arguments that `configure` gives begin with the program.
    pub fn start(name: &'static str, folder: &Path, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        Self::start_tied(name, folder, "KILL", configure)
    }

    /// Starts one with processes of its own, which only it can end, and does when asked to.
    pub fn start_family(name: &'static str, folder: &Path, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        Self::start_tied(name, folder, "TERM", configure)
    }

    fn start_tied(
        name: &'static str,
        folder: &Path,
        signal: &str,
        configure: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut file = File::create(&log)?;
        let (mut output, input) = std::io::pipe()?;
        let mut command = tied(signal)?;
        // A developer's own settings must not decide what is tested, so it gets none.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", folder).env("TMPDIR", folder).current_dir(folder);
        command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
        configure(&mut command);
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        // It holds this end of the pipe, which only the server may hold now.
        drop(command);
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            // A full disk is told by the server itself.
            let _ = std::io::copy(&mut output, &mut file);
            drop(sender);
        });
        Ok(Self { name, child, log, ended })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so, or that nobody waits any more.
    pub fn wait_until(&self, ready: impl Fn() -> Result<bool>) -> Result<()> {
        self.wait_looking_every(PAUSE, ready)
    }

    /// Waits until `ready` says so, with so much time between two looks.
    pub fn wait_looking_every(&self, pause: Duration, ready: impl Fn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !ready().with_context(|| format!("waiting for {}", self.name))? {
            if self.ends_within(pause) {
                bail!("{} has ended while it started{}", self.name, self.last_words());
            }
            let waited = start.elapsed();
            ensure!(waited < PATIENCE, "{} does not answer after {waited:.0?}{}", self.name, self.last_words());
        }
        Ok(())
    }

    /// Fails when the server has ended by itself.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended by itself ({status}){}", self.name, self.last_words());
        }
        Ok(())
    }

    /// Asks the server to end; dropping it waits for that.
    pub fn ask_to_end(&mut self) {
        // The number of a child that was waited for may be another process by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            // It fails only for a process that has ended already.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
    }

    /// Sends the server a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// All it has said.
    pub fn said(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Waits so long, or until the server has ended; whether it has.
    pub fn ends_within(&self, time: Duration) -> bool {
        matches!(self.ended.recv_timeout(time), Err(RecvTimeoutError::Disconnected))
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> String {
        format!("; its {}", log::last_words(&self.log))
    }
}

/// Whatever happens, no server stays behind.
impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_end();
        self.ends_within(GRACE);
        // Both fail only for a child that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server may listen: a port that nobody uses at this moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
