//! A server on a disk of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use super::disk::Disk;
use crate::process::Process;

/// Between two looks at whether it stands still.
const BLINK: Duration = Duration::from_millis(1);

/// A server that runs until it is dropped, and its disk is mounted as long.
pub struct Server {
    process: Process,
    address: String,
}

impl Server {
    /// Starts a server on a disk, and waits until it listens. Its log gets its name.
    pub fn start(name: &'static str, binary: &Path, folder: &Path, disk: &Disk) -> Result<Self> {
        let mount_point = folder.join("mounted");
        std::fs::create_dir_all(&mount_point)?;
        let mut lent = Ok(());
        let process = Process::start(name, folder, |command| {
            command.env("TAPEBASE_LISTEN", "127.0.0.1:0").env("TAPEBASE_DATA_DIR", mount_point.join("data"));
            lent = disk.lend(command, &mount_point, binary);
        })?;
        lent?;
        process.wait_until(|| Ok(address(&process.said()?).is_some()))?;
        let address = address(&process.said()?).context("it has said where it listens")?;
        Ok(Self { process, address })
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Lets it run so long.
    pub fn run_for(&self, time: Duration) -> Result<()> {
        ensure!(!self.process.ends_within(time), "the server has ended by itself{}", self.process.last_words());
        Ok(())
    }

    /// Makes each of its threads stand still, outside of every system call.
    pub fn stand_still(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let id = self.process.id();
        self.process.wait_looking_every(BLINK, || stands_still(id))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Fails if it has logged that anything went wrong.
    pub fn ensure_no_errors(&self) -> Result<()> {
        let said = self.process.said()?;
        let wrong = said.lines().find(|line| ["ERROR", "WARN", "panicked"].iter().any(|word| line.contains(word)));
        ensure!(wrong.is_none(), "the server has logged: {}", wrong.unwrap_or_default());
        Ok(())
    }
}

fn address(said: &str) -> Option<String> {
    // The last line may still be on its way.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    whole.lines().find_map(|line| line.strip_prefix("listening on ")).map(str::to_owned)
}

fn stands_still(process: u32) -> Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("stat"))?;
        // The state follows the name, which stands in parentheses and may have some.
        if !status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_a_whole_line() {
        assert_eq!(address("hello\nlistening on http://127.0.0.1:80\n").as_deref(), Some("http://127.0.0.1:80"));
        assert_eq!(address("hello\nlistening on http://127.0.0.1:8"), None);
    }
}
