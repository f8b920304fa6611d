//! `cargo xtask test`: everything that has to hold before a change lands.

mod tally;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::engines::{self, Engines, Release};
use crate::workspace::{self, cargo, linting_cargo};
use crate::{browsers, clients, dependencies, deploy, description, fuzz, guides, lint_answers, program, schemathesis};
use tally::Tally;

/// How many tests a program runs at once, as the standard test harness reads it.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// How many seconds are spent on inputs that nobody would think of.
const FUZZING: u32 = 15;

/// Runs every step in order and stops at the first that fails.
pub fn run() -> Result<()> {
    engines::require_programs()?;
    let mut steps = Steps::begin();
    steps.time("dependencies", dependencies::run)?;
    steps.time("format", || program::succeed(&mut cargo(&["fmt", "--all", "--check"])))?;
    beside(&mut steps, install_and_look, |steps| {
        steps.time("build", || program::succeed(&mut workspace::tests(&["--all-targets", "--no-run"])))?;
        steps.time("embedded", test_embedded)
    })?;
    let engines = steps.time("engines", Engines::start)?;
    let tally = steps.time("tests", || count_tests(&engines))?;
    beside(&mut steps, ask, |steps| {
        steps.time("browsers", || browsers::run(&engines, None))?;
        steps.time("guides", || guides::run(&engines))
    })?;
    engines.stop()?;
    steps.time("old store", test_old_store)?;
    steps.time("fuzz", || fuzz::run(FUZZING))?;
    steps.print();
    println!("{tally}");
    Ok(())
}

/// Fetches programs, and waits for them.
fn install_and_look(steps: &mut Steps) -> Result<()> {
    steps.time("deployment", || deploy::run(None))?;
    steps.time("description", description::run)?;
    let all = [
        engines::install,
        browsers::install,
        guides::install,
        lint_answers::install,
        clients::install,
        schemathesis::install,
    ];
    steps.time("programs", || all.iter().try_for_each(|install| install()))
}

/// Runs what takes one processor, and asks a server now and then.
fn ask(steps: &mut Steps) -> Result<()> {
    steps.time("answers", lint_answers::run)?;
    steps.time("clients", clients::run)?;
    steps.time("fuzz-api", || schemathesis::run(&[]))
}

/// Does some steps beside others, and waits for both.
fn beside(
    steps: &mut Steps,
    some: impl FnOnce(&mut Steps) -> Result<()> + Send,
    others: impl FnOnce(&mut Steps) -> Result<()>,
) -> Result<()> {
    std::thread::scope(|scope| {
        let some = scope.spawn(|| {
            let mut steps = Steps::begin();
            some(&mut steps).map(|()| steps.passed)
        });
        others(steps)?;
        steps.passed.extend(some.join().map_err(|_| anyhow!("a step panicked"))??);
        Ok(())
    })
}

/// Lints the build that leaves AWS out, and tests which stores it has. All it does with them is the same code in every
/// build, and has its turn among the tests.
fn test_embedded() -> Result<()> {
    let features = ["--no-default-features", "--features", "embedded"];
    let both = ["test", "--quiet", "-p", "tapebase", "-p", "tapebase-adapters", "--bins", "--test", "embedded"];
    program::succeed(linting_cargo(&both).args(features))
}

/// Runs the tests of every crate, and counts them.
fn count_tests(engines: &Engines) -> Result<Tally> {
    let mut command = workspace::tests(&[]);
    if std::env::var_os(TEST_THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Most of them wait: for a server, an engine or the time.
        command.env(TEST_THREADS, (3 * cores).to_string());
    }
    engines.lend_to(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("`cargo test` does not start")?;
    let tally = child.stdout.take().map(show_and_count).transpose();
    let status = child.wait().context("`cargo test` was lost")?;
    program::accept(&command, status)?;
    Ok(tally?.unwrap_or_default())
}

/// Tests what an older store does to its objects on that store.
fn test_old_store() -> Result<()> {
    let engines = Engines::with(Release::Old)?;
    let mut command = workspace::tests(&["--test", "it", "seaweedfs::"]);
    engines.lend_to(&mut command);
    program::succeed(&mut command)?;
    engines.stop()
}

/// Passes the output of the tests through while it comes.
fn show_and_count(output: ChildStdout) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut stdout = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        stdout.write_all(&line)?;
        stdout.write_all(b"\n")?;
        tally.count(&String::from_utf8_lossy(&line));
    }
    Ok(tally)
}

/// The steps that have passed, with the time each took.
struct Steps {
    begun: Instant,
    passed: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn begin() -> Self {
        Self { begun: Instant::now(), passed: Vec::new() }
    }

    fn time<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = step().with_context(|| format!("step `{name}` failed after {}", seconds(start.elapsed())))?;
        let elapsed = start.elapsed();
        println!("=== {name}: passed in {}", seconds(elapsed));
        self.passed.push((name, elapsed));
        Ok(outcome)
    }

    fn print(&self) {
        println!();
        for (name, elapsed) in &self.passed {
            println!("{name:<12}{:>10}", seconds(*elapsed));
        }
        println!("{:<12}{:>10}", "all", seconds(self.begun.elapsed()));
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_named() {
        let mut steps = Steps::begin();

        let error = steps.time("lints", || -> Result<()> { anyhow::bail!("too long") }).unwrap_err();

        assert!(format!("{error:#}").starts_with("step `lints` failed after 0.0 s: too long"), "{error:#}");
        assert!(steps.passed.is_empty());
    }
}
