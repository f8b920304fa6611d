//! `simulate`: lives through random histories, and prints the ones in which something goes wrong.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::bail;
use clap::Parser;
use tapebase_simulator::{
    Kind,
    coverage::Coverage,
    invariant::{Invariant, Wrong, not_yet},
    plan::{Level, Plan},
    shrink::shrink,
    simulate, simulate_on,
    trace::Trace,
};

/// Lives through random histories of clients, servers and faults.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate")]
struct Options {
    /// How many.
    #[arg(long, default_value_t = 1_000, conflicts_with_all = ["seed", "history"])]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// The history of this seed alone: print all that happens, and if it goes wrong, in as few steps as that takes.
    #[arg(long, conflicts_with = "history")]
    seed: Option<u64>,
    /// The history in this file, as one that went wrong was printed.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// How bad it gets.
    #[arg(long, value_enum, default_value = "stormy")]
    level: Level,
    /// Stop at the first that goes wrong.
    #[arg(long)]
    stop: bool,
    /// What keeps everything; other stores than memory have no history the same twice.
    #[arg(long, value_enum, default_value = "memory")]
    stores: Kind,
    /// What need not hold.
    #[arg(long, value_enum, value_delimiter = ',')]
    tolerate: Vec<Invariant>,
    /// What is known not to hold yet need not hold.
    #[arg(long)]
    known: bool,
    /// How many steps a history has.
    #[arg(long, default_value_t = 200)]
    steps: usize,
}

impl Options {
    /// What need not hold at this level.
    fn tolerated(&self, level: Level) -> Vec<Invariant> {
        let known = if self.known { not_yet(level) } else { Vec::new() };
        [&self.tolerate[..], &known].concat()
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let is_fine = match (&options.history, options.seed) {
        (Some(file), _) => one(&fs::read_to_string(file)?.parse()?, &options)?,
        (None, Some(seed)) => one(&Plan::draw(seed, options.steps, options.level), &options)?,
        (None, None) => many(&options)?,
    };
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lives through one history, and prints it.
fn one(plan: &Plan, options: &Options) -> anyhow::Result<bool> {
    let (stores, tolerated) = (options.stores, options.tolerated(plan.level));
    // Where no history is the same twice, none can be shrunk.
    let wrong = (stores == Kind::Memory).then(|| simulate(plan, Trace::default(), &tolerated).wrong).flatten();
    let plan = wrong.map_or_else(|| plan.clone(), |wrong| shrink(plan, wrong.invariant, &tolerated));
    let outcome = simulate_on(stores, &plan, Trace::readable(), &tolerated)?;
    outcome.lines.iter().for_each(|line| println!("{line}"));
    println!("trace hash {}", outcome.hash);
    if let Some(Wrong { invariant, what }) = &outcome.wrong {
        println!("\n# {invariant:?}: {what}\n{plan}");
    }
    Ok(outcome.wrong.is_none())
}

/// What came of many histories.
#[derive(Default)]
struct Lived {
    histories: u64,
    coverage: Coverage,
    wrong: BTreeMap<u64, Wrong>,
}

/// Lives through many, on every core.
fn many(options: &Options) -> anyhow::Result<bool> {
    let (began, next) = (Instant::now(), AtomicU64::new(options.first));
    let mut all = Lived::default();
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| live(options, &next))).collect();
        threads.into_iter().try_for_each(|thread| {
            let lived = thread.join().unwrap_or_else(|_| bail!("a thread panicked"))?;
            all.histories += lived.histories;
            all.coverage.merge(lived.coverage);
            all.wrong.extend(lived.wrong);
            anyhow::Ok(())
        })
    })?;
    all.coverage.lines().iter().for_each(|line| println!("{line}"));
    report(&all.wrong, options.level);
    let seconds = began.elapsed().as_secs_f64();
    let (histories, wrong) = (all.histories, all.wrong.len());
    println!("{histories} histories at level {} in {seconds:.1} s: {wrong} went wrong", options.level);
    Ok(wrong == 0)
}

/// Lives through one after the other.
fn live(options: &Options, next: &AtomicU64) -> anyhow::Result<Lived> {
    let (mut lived, tolerated) = (Lived::default(), options.tolerated(options.level));
    let end = options.first.saturating_add(options.seeds);
    while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < end) {
        let plan = Plan::draw(seed, options.steps, options.level);
        let outcome = simulate_on(options.stores, &plan, Trace::default(), &tolerated)?;
        lived.histories += 1;
        lived.coverage.add(&plan.steps, &outcome);
        if let Some(wrong) = outcome.wrong {
            if options.stop {
                next.store(end, Ordering::Relaxed);
            }
            lived.wrong.insert(seed, wrong);
        }
    }
    Ok(lived)
}

/// Of each invariant that did not hold, how often, and the first seeds.
fn report(found: &BTreeMap<u64, Wrong>, level: Level) {
    let mut kinds: BTreeMap<Invariant, Vec<(u64, &str)>> = BTreeMap::new();
    for (seed, Wrong { invariant, what }) in found {
        kinds.entry(*invariant).or_default().push((*seed, what));
    }
    for (invariant, seeds) in kinds {
        println!("{invariant:?} did not hold in {}:", seeds.len());
        seeds.iter().take(3).for_each(|(seed, what)| println!("  --level {level} --seed {seed}  {what}"));
    }
}
