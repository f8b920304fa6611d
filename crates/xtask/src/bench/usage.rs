//! What a server takes of the machine, as the kernel counts it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;

/// A second of processor time in the kernel's files, on any machine.
const TICKS: f64 = 100.0;

/// How long to watch whether anything is done.
const LOOK: Duration = Duration::from_millis(500);

/// Seconds of processor time that are nothing.
const QUIET: f64 = 0.02;

/// How long a server may be busy with itself.
const PATIENCE: Duration = Duration::from_mins(10);

/// A server's first process and those it has started.
pub struct Family(Vec<u32>);

impl Family {
    /// Those there are now.
    pub fn of(first: u32) -> Result<Self> {
        let mut members = vec![first];
        let mut next = 0;
        while let Some(&id) = members.get(next) {
            let children = read(id, &format!("task/{id}/children"))?;
            members.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            next += 1;
        }
        Ok(Self(members))
    }

    /// Seconds of processor time so far.
    pub fn processor(&self) -> Result<f64> {
        self.sum(|id| processor(&read(id, "stat")?).context("reading the processor time"))
    }

    /// MiB of memory at the most since `forget_peak`.
    pub fn peak(&self) -> Result<f64> {
        self.sum(|id| memory(&read(id, "status")?, "VmHWM").context("reading the memory"))
    }

    /// MiB of memory now.
    pub fn memory(&self) -> Result<f64> {
        self.sum(|id| memory(&read(id, "status")?, "VmRSS").context("reading the memory"))
    }

    /// Lets the peak begin anew.
    pub fn forget_peak(&self) -> Result<()> {
        for id in &self.0 {
            std::fs::write(path(*id, "clear_refs"), "5").context("forgetting the most memory")?;
        }
        Ok(())
    }

    /// Waits until the processes do nothing any more.
    pub fn wait_until_quiet(&self, process: &Process) -> Result<()> {
        let start = Instant::now();
        let mut before = self.processor()?;
        loop {
            ensure!(!process.ends_within(LOOK), "it has ended{}", process.last_words());
            let now = self.processor()?;
            if now - before <= QUIET {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "it is still busy after {PATIENCE:?}");
            before = now;
        }
    }

    fn sum(&self, measure: impl Fn(u32) -> Result<f64>) -> Result<f64> {
        self.0.iter().map(|id| measure(*id)).sum()
    }
}

/// MB of files that are in memory and not on the disk yet.
pub fn unwritten() -> Result<f64> {
    let memory_info = std::fs::read_to_string("/proc/meminfo").context("reading /proc/meminfo")?;
    let sum = ["Dirty", "Writeback"].iter().map(|name| memory(&memory_info, name)).sum::<Option<f64>>();
    Ok(sum.context("the kernel does not say what it has not written")? * 1.048_576)
}

/// MB of files that the kernel keeps in memory at most, before it has whoever writes wait for the disk.
pub fn most_unwritten() -> Result<f64> {
    let counters = std::fs::read_to_string("/proc/vmstat").context("reading /proc/vmstat")?;
    let pages = counters.lines().find_map(|line| line.strip_prefix("nr_dirty_threshold ")?.parse::<f64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "a page is small")]
    let page = rustix::param::page_size() as f64;
    Ok(pages.context("the kernel does not say how much it keeps")? * page / 1e6)
}

fn path(id: u32, file: &str) -> PathBuf {
    format!("/proc/{id}/{file}").into()
}

fn read(id: u32, file: &str) -> Result<String> {
    let path = path(id, file);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Seconds in user and in kernel mode out of a `stat` file, in which anything may stand in the parentheses.
fn processor(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// MiB out of a file of `name: value kB` lines.
fn memory(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_skipped() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 7 7 20 0 3 0 1000";

        assert_eq!(processor(stat), Some(2.0));
    }

    #[test]
    fn memory_is_found_by_its_whole_name() {
        let status = "VmPeak:\t    9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";

        assert_eq!(memory(status, "VmHWM"), Some(2.0));
        assert_eq!(memory(status, "VmRSS"), Some(1.0));
        assert_eq!(memory(status, "Vm"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let family = Family::of(std::process::id()).unwrap();

        family.forget_peak().unwrap();

        assert!(family.memory().unwrap() > 0.0 && family.peak().unwrap() > 0.0);
        assert!(family.processor().unwrap() >= 0.0);
        assert!(unwritten().unwrap() >= 0.0 && most_unwritten().unwrap() > 0.0);
    }
}
