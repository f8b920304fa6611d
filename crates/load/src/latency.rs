//! How long requests took.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::spec::Report;

/// The time of each request, in any order, and how many were answered in each second of the run.
#[derive(Default)]
pub struct Latencies {
    times: Vec<Duration>,
    seconds: Vec<u32>,
    /// When the last request began: fewer and fewer are under way from then on.
    last_begun: Duration,
}

impl Latencies {
    /// Adds a request that took so long and was `answered` so long after the first began.
    pub fn add(&mut self, time: Duration, answered: Duration) {
        self.times.push(time);
        self.last_begun = self.last_begun.max(answered.saturating_sub(time));
        let second = usize::try_from(answered.as_secs()).unwrap_or(usize::MAX);
        self.seconds.resize(self.seconds.len().max(second + 1), 0);
        self.seconds[second] += 1;
    }

    /// Adds those of another connection.
    pub fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
        self.last_begun = self.last_begun.max(other.last_begun);
        self.seconds.resize(self.seconds.len().max(other.seconds.len()), 0);
        for (all, more) in self.seconds.iter_mut().zip(other.seconds) {
            *all += more;
        }
    }

    /// What came of a run that took so long in all.
    pub fn report(mut self, elapsed: Duration) -> Result<Report> {
        self.times.sort_unstable();
        let percentile = |percent| percentile(&self.times, percent).context("no request was answered");
        let whole = usize::try_from(self.last_begun.as_secs())?.min(self.seconds.len());
        Ok(Report {
            requests: u32::try_from(self.times.len())?,
            seconds: elapsed.as_secs_f64(),
            p50: milliseconds(percentile(50)?),
            p99: milliseconds(percentile(99)?),
            slowest_second: self.seconds[..whole].iter().min().copied(),
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
        let [mut one, mut other] = [Latencies::default(), Latencies::default()];
        one.add(Duration::from_millis(9), Duration::from_millis(1_500));
        one.add(Duration::from_millis(1), Duration::from_millis(300));
        other.add(Duration::from_millis(5), Duration::from_millis(2_100));
        one.extend(other);

        let report = one.report(Duration::from_millis(2_100)).unwrap();

        assert_eq!((report.requests, report.seconds, report.p50, report.p99), (3, 2.1, 5.0, 9.0));
    }

    #[test]
    fn the_slowest_second_is_a_whole_one() {
        let report = |answered: &[u64], elapsed| {
            let mut latencies = Latencies::default();
            for at in answered {
                latencies.add(Duration::from_millis(1), Duration::from_millis(*at));
            }
            latencies.report(Duration::from_millis(elapsed)).unwrap().slowest_second
        };

        assert_eq!(report(&[100, 200, 1_100, 2_100], 2_500), Some(1));
        assert_eq!(report(&[100, 2_100], 2_500), Some(0), "none in the second one");
        assert_eq!(report(&[100], 900), None);
        assert_eq!(report(&[100, 200], 3_000), None, "nobody asked any more");
    }

    #[test]
    fn a_run_without_an_answer_is_no_result() {
        assert!(Latencies::default().report(Duration::from_secs(1)).is_err());
    }
}
