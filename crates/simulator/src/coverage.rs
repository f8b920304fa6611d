//! What was tried, and what never was.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Outcome,
    faults::{Call, Fault},
    plan::{Action, Step},
};

/// How many gaps are printed.
const MOST_GAPS: usize = 20;

/// Calls of stores, and what went wrong with them.
pub type Calls = BTreeMap<(Call, Option<Fault>), u64>;

/// What happened in many histories.
#[derive(Default)]
pub struct Coverage {
    calls: Calls,
    planned: BTreeSet<Action>,
    actions: BTreeMap<Action, u64>,
    /// Which action came right after which: they overlap.
    pairs: BTreeMap<(Action, Action), u64>,
}

impl Coverage {
    /// Adds one history: what was planned, and what came of it.
    pub fn add(&mut self, plan: &[Step], outcome: &Outcome) {
        let Outcome { calls, done, .. } = outcome;
        self.planned.extend(plan.iter().map(|step| step.action));
        count(&mut self.calls, calls.iter().map(|(call, times)| (*call, *times)));
        count(&mut self.actions, done.iter().map(|action| (*action, 1)));
        count(&mut self.pairs, done.windows(2).map(|pair| ((pair[0], pair[1]), 1)));
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: Self) {
        self.planned.extend(other.planned);
        count(&mut self.calls, other.calls);
        count(&mut self.actions, other.actions);
        count(&mut self.pairs, other.pairs);
    }

    /// What was tried how often, as lines to read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.actions.iter().map(|(action, count)| format!("{:<22}{count:>12}", format!("{action:?}"))).collect();
        let calls: BTreeSet<Call> = self.calls.keys().map(|(call, _)| *call).collect();
        let faults: String = Fault::ALL.map(|fault| format!("{:>10}", format!("{fault:?}").to_lowercase())).concat();
        lines.push(format!("{:<34}{:>12}{faults}", "call", "fine"));
        for call in &calls {
            let count = |fault| self.calls.get(&(*call, fault)).copied().unwrap_or_default();
            let faults: String = Fault::ALL.map(|fault| format!("{:>10}", count(Some(fault)))).concat();
            lines.push(format!("{:<34}{:>12}{faults}", call.name, count(None)));
        }
        let gaps = self.gaps();
        let some = gaps.iter().take(MOST_GAPS).map(String::as_str).collect::<Vec<_>>().join(" ");
        lines.push(format!("never tried: {} {some}", gaps.len()));
        lines
    }

    /// What was never tried: actions that were planned, faults of a call, and, of the actions that were tried, one right
    /// after another.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let never = self.planned.iter().filter(|action| !self.actions.contains_key(action));
        let never = never.map(|action| format!("{action:?}"));
        let tried = || self.actions.keys().copied();
        let pairs = tried().flat_map(|first| tried().map(move |second| (first, second)));
        let pairs = pairs.filter(|(first, second)| !(first.stops_everybody() && *second == Action::HangUp));
        let pairs = pairs.filter(|pair| !self.pairs.contains_key(pair)).map(|pair| format!("{pair:?}"));
        let calls: BTreeSet<Call> = self.calls.keys().map(|(call, _)| *call).collect();
        let faults = calls.into_iter().flat_map(|call| Fault::ALL.map(|fault| (call, fault)));
        // At a level without faults none is missing.
        let has_faults = self.calls.keys().any(|(_, fault)| fault.is_some());
        let faults = faults
            .filter(|_| has_faults)
            .filter(|(call, fault)| call.may(*fault) && !self.calls.contains_key(&(*call, Some(*fault))));
        never.chain(pairs).chain(faults.map(|(call, fault)| format!("{fault:?} of {}", call.name))).collect()
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, more: impl IntoIterator<Item = (K, u64)>) {
    for (key, times) in more {
        *counts.entry(key).or_default() += times;
    }
}
