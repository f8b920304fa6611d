//! How long requests took.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::spec::Report;

/// The time of each request, in any order.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn add(&mut self, times: Vec<Duration>) {
        self.0.extend(times);
    }

    /// What came of a run that took so long in all.
    pub fn report(mut self, elapsed: Duration) -> Result<Report> {
        self.0.sort_unstable();
        let percentile = |percent| percentile(&self.0, percent).context("no request was answered");
        Ok(Report {
            requests: u32::try_from(self.0.len())?,
            seconds: elapsed.as_secs_f64(),
            p50: milliseconds(percentile(50)?),
            p99: milliseconds(percentile(99)?),
        })
    }
}

/// The least of the sorted times that so many percent of them do not exceed.
fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.checked_sub(1)?).copied()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl Iterator<Item = u64>) -> Vec<Duration> {
        milliseconds.map(Duration::from_millis).collect()
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let hundred = times(1..=100);

        assert_eq!(percentile(&hundred, 50), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&hundred, 99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&times(1..=3), 50), Some(Duration::from_millis(2)));
        assert_eq!(percentile(&times(7..=7), 99), Some(Duration::from_millis(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn the_report_does_not_depend_on_the_order_of_the_answers() {
        let mut latencies = Latencies::default();
        latencies.add(times([9, 1].into_iter()));
        latencies.add(times([5].into_iter()));

        let report = latencies.report(Duration::from_secs(2)).unwrap();

        assert_eq!((report.requests, report.seconds, report.p50, report.p99), (3, 2.0, 5.0, 9.0));
    }

    #[test]
    fn a_run_without_an_answer_is_no_result() {
        assert!(Latencies::default().report(Duration::from_secs(1)).is_err());
    }
}
