//! The result of a contest between two builds of one server, whose differences are smaller than those between servers.

use super::generator::Sample;
use super::number::{median, quartiles, readable};
use super::table::{Row, Table, aligned};

/// What is compared: its name, and what it is of a sample.
type Measure = (&'static str, fn(&Sample) -> f64);

const MEASURES: [Measure; 4] = [
    ("requests/s", Sample::rate),
    ("p99 ms", |sample| sample.report.p99),
    ("CPU s per 1,000", Sample::processor_per_thousand),
    ("peak RSS MiB", |sample| sample.peak),
];

/// What both take, and the ratio of the first to the other in the same round: what disturbs the one for seconds disturbs
/// the other, too.
pub fn show(table: &Table) -> String {
    let [ours, theirs] = &table.rows[..] else { return table.to_string() };
    let header = [
        table.title.clone(),
        ours.name.clone(),
        theirs.name.clone(),
        format!("÷ {} by round: lower quartile", theirs.name),
        "median".to_owned(),
        "upper quartile".to_owned(),
    ];
    let lines = MEASURES.map(|(name, measure)| {
        let middle = |row: &Row| readable(median(row.samples.iter().map(measure)));
        let ratios = ours.samples.iter().zip(&theirs.samples).map(|(ours, theirs)| measure(ours) / measure(theirs));
        let [lower, half, upper] = quartiles(ratios).map(|ratio| format!("{ratio:.3}×"));
        [name.to_owned(), middle(ours), middle(theirs), lower, half, upper]
    });
    aligned(&[&[header], &lines[..]].concat())
}

#[cfg(test)]
mod tests {
    use tapebase_load::Report;

    use super::*;

    fn row(name: &str, rates: &[u32]) -> Row {
        let report = |&requests: &u32| Report { requests, seconds: 1.0, p50: 1.5, p99: 20.0, slowest_second: None };
        let sample = |requests| Sample { report: report(requests), processor: 0.5, peak: 12.0, unwritten: 0.0 };
        Row { name: name.to_owned(), samples: rates.iter().map(sample).collect() }
    }

    #[test]
    fn builds_are_compared_round_by_round() {
        let rows = vec![row("Tapebase", &[1_100, 2_000, 90]), row("other-build", &[1_000, 1_000, 100])];

        let text = show(&Table { title: "put-64k".to_owned(), bytes: 1, more: &[], rows });

        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(lines[0][1..4], ["put-64k", "Tapebase", "other-build"]);
        assert_eq!(lines[2][1..7], ["requests/s", "1,100", "1,000", "1.000×", "1.100×", "1.550×"]);
        assert_eq!(lines[5][1..7], ["peak RSS MiB", "12.0", "12.0", "1.000×", "1.000×", "1.000×"]);
    }
}
