//! Random histories of many clients, servers and faults, which can be repeated, and what must hold in them.
//!
//! - [`plan`] draws what is going to happen; `world` has it happen, in one thread that decides by the dice who goes
//!   on at each await (`executor`), while `time` passes only when nothing else does.
//! - `ports` are the ports of a server, with `faults` on the way to the `stores` that all servers share.
//! - `app`, `device` and `sessions` are what clients do; `model` is what they may be answered, and `checks`
//!   what is looked at in the end.

mod app;
mod checks;
mod client;
pub mod coverage;
mod device;
mod dice;
mod executor;
mod faults;
mod in_memory;
pub mod invariant;
mod leaving;
mod ledger;
mod links;
mod model;
mod pieces;
pub mod plan;
mod ports;
#[cfg(feature = "embedded")]
mod real;
mod sessions;
mod shared;
pub mod shrink;
mod stores;
mod time;
pub mod trace;
mod unsynced;
mod world;

pub use stores::Kind;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    coverage::Calls,
    invariant::{Invariant, Wrong},
    plan::{Action, Plan},
    trace::Trace,
    world::World,
};

/// What came of a history.
pub struct Outcome {
    /// What went wrong, if anything did.
    pub wrong: Option<Wrong>,
    /// What happened, if that was to be kept.
    pub lines: Vec<String>,
    /// The hash of all that happened.
    pub hash: String,
    /// What was done, in order: an action that finds nothing to do is none.
    pub done: Vec<Action>,
    /// The calls of stores, and what went wrong with them.
    pub calls: Calls,
}

/// Lives through a history, in memory. What is tolerated need not hold.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "memory is always there")]
#[expect(clippy::expect_used, reason = "memory is always there")]
pub fn simulate(plan: &Plan, trace: Trace, tolerated: &[Invariant]) -> Outcome {
    simulate_on(stores::Kind::Memory, plan, trace, tolerated).expect("memory is there")
}

/// Lives through a history on stores of this kind.
///
/// # Errors
/// If they cannot be opened.
pub fn simulate_on(kind: stores::Kind, plan: &Plan, trace: Trace, tolerated: &[Invariant]) -> anyhow::Result<Outcome> {
    let mut world = World::new(plan, kind, trace, tolerated)?;
    if catch_unwind(AssertUnwindSafe(|| world.live(&plan.steps))).is_err() {
        world.shared.wrong(Invariant::Panics, "something panicked, and said on stderr what".into());
    }
    world.end();
    let mut facts = world.shared.facts();
    let (lines, hash) = std::mem::take(&mut facts.trace).finish();
    Ok(Outcome { wrong: facts.wrong.clone(), lines, hash, done: world.done(), calls: world.calls() })
}
