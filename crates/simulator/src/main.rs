//! `simulate`: lives through random histories, and prints the ones in which something goes wrong.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::bail;
use clap::Parser;
use tapebase_simulator::{
    coverage::Coverage,
    invariant::{Invariant, Wrong},
    plan::{Level, Plan},
    shrink::shrink,
    simulate, simulate_on,
    stores::Kind,
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
    /// How many steps a history has.
    #[arg(long, default_value_t = 200)]
    steps: usize,
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
    let Options { stores, tolerate: tolerated, .. } = options;
    // Where no history is the same twice, none can be shrunk.
    let wrong = (*stores == Kind::Memory).then(|| simulate(plan, Trace::default(), tolerated).wrong).flatten();
    let plan = wrong.map_or_else(|| plan.clone(), |wrong| shrink(plan, wrong.invariant, tolerated));
    let outcome = simulate_on(*stores, &plan, Trace::readable(), tolerated)?;
    outcome.lines.iter().for_each(|line| println!("{line}"));
    println!("trace hash {}", outcome.hash);
    if let Some(Wrong { invariant, what }) = &outcome.wrong {
        println!("\n# {invariant:?}: {what}\n{plan}");
    }
    Ok(outcome.wrong.is_none())
}

/// Lives through many, on every core.
fn many(options: &Options) -> anyhow::Result<bool> {
    let began = Instant::now();
    let (next, lived) = (AtomicU64::new(options.first), AtomicU64::new(0));
    let end = options.first.saturating_add(options.seeds);
    let found: Mutex<BTreeMap<u64, Wrong>> = Mutex::default();
    let coverage: Mutex<Coverage> = Mutex::default();
    let live = || -> anyhow::Result<()> {
        let mut covered = Coverage::default();
        while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < end) {
            let plan = Plan::draw(seed, options.steps, options.level);
            let outcome = simulate_on(options.stores, &plan, Trace::default(), &options.tolerate)?;
            covered.add(&plan.steps, &outcome.calls);
            lived.fetch_add(1, Ordering::Relaxed);
            if let Some(wrong) = outcome.wrong {
                if options.stop {
                    next.store(end, Ordering::Relaxed);
                }
                found.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, wrong);
            }
        }
        coverage.lock().unwrap_or_else(PoisonError::into_inner).merge(covered);
        Ok(())
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(live)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    coverage.into_inner().unwrap_or_else(PoisonError::into_inner).lines().iter().for_each(|line| println!("{line}"));
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(&found);
    let (histories, seconds) = (lived.into_inner(), began.elapsed().as_secs_f64());
    println!("{histories} histories at level {} in {seconds:.1} s: {} went wrong", options.level, found.len());
    Ok(found.is_empty())
}

/// Of each invariant that did not hold, how often, and the first seeds.
fn report(found: &BTreeMap<u64, Wrong>) {
    let mut kinds: BTreeMap<Invariant, Vec<(u64, &str)>> = BTreeMap::new();
    for (seed, Wrong { invariant, what }) in found {
        kinds.entry(*invariant).or_default().push((*seed, what));
    }
    for (invariant, seeds) in kinds {
        println!("{invariant:?} did not hold in {}:", seeds.len());
        seeds.iter().take(3).for_each(|(seed, what)| println!("  --seed {seed}  {what}"));
    }
}
