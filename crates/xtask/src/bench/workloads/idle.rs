//! A server that nobody asks anything: how soon it answers after its start, and what memory it takes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::Bench;
use crate::bench::number::{median, readable};
use crate::bench::peers::Peer as _;
use crate::bench::table::aligned;
use crate::bench::usage::Family;
use crate::client;

/// Between two looks at whether it answers.
const PAUSE: Duration = Duration::from_millis(1);

const HEADER: [&str; 5] =
    ["recordings in the store", "first answer after ms", "RSS then, MiB", "quiet after s", "RSS then, MiB"];

/// One start.
struct Start {
    /// Milliseconds from its start to its first answer.
    answer: f64,
    /// MiB of memory at that time.
    memory: f64,
    /// Seconds from its start until it has looked after its store.
    quiet: f64,
    /// MiB of memory at that time.
    quiet_memory: f64,
}

/// Starts it on an empty store and on a large one.
pub fn run(bench: &Bench, name: &str) -> Result<String> {
    let large = bench.large()?;
    let empty = bench.folder.next(bench.peers.tapebase.name())?;
    let mut lines = vec![HEADER.map(str::to_owned)];
    for (recordings, folder) in [(0, empty.as_path()), (large.all, large.folder())] {
        let starts = (0..bench.pace.rounds).map(|_| start(bench, folder)).collect::<Result<Vec<_>>>()?;
        let middle = |measure: fn(&Start) -> f64| readable(median(starts.iter().map(measure)));
        lines.push([
            readable(recordings.into()),
            middle(|start| start.answer),
            middle(|start| start.memory),
            middle(|start| start.quiet),
            middle(|start| start.quiet_memory),
        ]);
    }
    Ok(format!("### {name}, medians\n\n{}\n", aligned(&lines)))
}

fn start(bench: &Bench, folder: &Path) -> Result<Start> {
    let clock = Instant::now();
    let (process, address) = bench.peers.tapebase.spawn(folder)?;
    let url = format!("http://{address}/readyz");
    let agent = client::agent();
    process.wait_looking_every(PAUSE, || Ok(agent.get(&url).call().is_ok_and(|answer| answer.status() == 200)))?;
    let answer = clock.elapsed().as_secs_f64() * 1_000.0;
    let family = Family::of(process.id())?;
    let memory = family.memory()?;
    family.wait_until_quiet(&process)?;
    Ok(Start { answer, memory, quiet: clock.elapsed().as_secs_f64(), quiet_memory: family.memory()? })
}
