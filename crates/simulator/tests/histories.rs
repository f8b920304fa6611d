//! What holds in random histories, and in those in which something once went wrong.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tapebase_simulator::{
    Kind,
    coverage::Coverage,
    invariant::{Wrong, not_yet},
    plan::{Level, Plan},
    shrink::shrink,
    simulate, simulate_on,
    trace::Trace,
};

const LEVELS: [Level; 3] = [Level::Calm, Level::Stormy, Level::Catastrophic];
const STEPS: usize = 200;

/// How many histories it takes at most until everything was tried: notes of what was left behind are rarely slow.
const ENOUGH: u64 = 16_000;
/// How many histories are lived through on a disk.
const ON_DISK: u64 = 10;
/// And in engines like S3 and DynamoDB.
const ON_AWS: u64 = 5;
/// How long fresh histories are lived through at each level.
const FRESH: Duration = Duration::from_secs(20);

#[test]
fn what_once_went_wrong_is_right() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files: Vec<_> = fs::read_dir(corpus).expect("read").map(|entry| entry.expect("read").path()).collect();
    assert!(!files.is_empty());
    for file in files {
        let plan: Plan = fs::read_to_string(&file).expect("read").parse().expect("a history");

        let wrong = simulate(&plan, Trace::default(), &not_yet(plan.level)).wrong;

        assert_eq!(wrong, None, "{}", file.display());
    }
}

#[test]
fn a_seed_is_the_same_history_in_every_process() {
    for (level, seed) in LEVELS.into_iter().flat_map(|level| [1, 2, 3].map(|seed| (level, seed))) {
        let plan = Plan::draw(seed, STEPS, level);
        let simulate = || simulate(&plan, Trace::default(), &not_yet(level)).hash;

        let elsewhere = Command::new(env!("CARGO_BIN_EXE_simulate"))
            .args(["--level", &level.to_string(), "--seed", &seed.to_string(), "--known"])
            .output()
            .expect("it runs");

        let text = String::from_utf8(elsewhere.stdout).expect("text");
        assert_eq!(text.lines().last(), Some(format!("trace hash {}", simulate()).as_str()));
        assert_eq!(simulate(), simulate());
    }
}

#[test]
fn calm_histories_are_right() {
    live_through_fresh_ones(Level::Calm);
}

#[test]
fn stormy_histories_are_right() {
    live_through_fresh_ones(Level::Stormy);
}

#[test]
fn catastrophic_histories_are_right() {
    live_through_fresh_ones(Level::Catastrophic);
}

#[test]
fn histories_on_a_disk_are_right() {
    live_through_on(Kind::Embedded, ON_DISK);
}

#[test]
fn histories_on_s3_and_dynamodb_are_right() {
    live_through_on(Kind::Aws, ON_AWS);
}

#[test]
fn everything_is_tried_with_everything() {
    let (mut coverage, tolerated) = (Coverage::default(), not_yet(Level::Catastrophic));
    let simulate = |seed| {
        let plan = Plan::draw(seed, STEPS, Level::Catastrophic);
        let outcome = simulate(&plan, Trace::default(), &tolerated);
        (plan, outcome)
    };
    for seeds in (0..ENOUGH).step_by(500) {
        // On two cores, for this takes longest.
        let (some, others) = thread::scope(|scope| {
            let some = scope.spawn(|| (seeds..seeds + 250).map(simulate).collect::<Vec<_>>());
            let others: Vec<_> = (seeds + 250..seeds + 500).map(simulate).collect();
            (some.join().expect("simulated"), others)
        });
        for (plan, outcome) in some.into_iter().chain(others) {
            coverage.add(&plan.steps, &outcome);
        }
        if coverage.gaps().is_empty() {
            return;
        }
    }
    panic!("never tried: {:?}", coverage.gaps());
}

fn live_through_on(stores: Kind, histories: u64) {
    let tolerated = not_yet(Level::Stormy);
    for seed in 0..histories {
        let plan = Plan::draw(seed, STEPS, Level::Stormy);

        let wrong = simulate_on(stores, &plan, Trace::default(), &tolerated).expect("the stores are there").wrong;

        assert_eq!(wrong, None, "{seed}");
    }
}

fn live_through_fresh_ones(level: Level) {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
    let (began, tolerated) = (Instant::now(), not_yet(level));
    let first = u64::try_from(since_1970.as_millis()).expect("a few digits");
    for seed in (first..).take_while(|_| began.elapsed() < FRESH) {
        let plan = Plan::draw(seed, STEPS, level);
        let outcome = simulate(&plan, Trace::default(), &tolerated);
        if let Some(Wrong { invariant, what }) = outcome.wrong {
            panic!("seed {seed}: {invariant:?}: {what}\n{}", shrink(&plan, invariant, &tolerated));
        }
    }
}
