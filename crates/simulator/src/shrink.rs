//! Leaves out of a failing history whatever it fails without (Zeller and Hildebrandt, "Simplifying and isolating
//! failure-inducing input", 2002).

use crate::{invariant::Invariant, plan::Plan, simulate, trace::Trace};

/// The fewest steps that were found for `invariant` not to hold.
#[must_use]
pub fn shrink(plan: &Plan, invariant: Invariant, tolerated: &[Invariant]) -> Plan {
    let fails = |plan: &Plan| {
        let wrong = simulate(plan, Trace::default(), tolerated).wrong;
        wrong.is_some_and(|wrong| wrong.invariant == invariant)
    };
    let mut plan = plan.clone();
    let mut length = plan.steps.len().div_ceil(2);
    while length > 0 {
        let mut start = 0;
        while start < plan.steps.len() {
            let end = (start + length).min(plan.steps.len());
            let fewer = plan.with([&plan.steps[..start], &plan.steps[end..]].concat());
            if fails(&fewer) {
                plan = fewer;
            } else {
                start = end;
            }
        }
        length /= 2;
    }
    plan
}
