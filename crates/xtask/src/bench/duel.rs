//! The result of a contest between two builds of one server, whose differences are smaller than those between servers.

use super::generator::Sample;
use super::number::{median, quartiles, readable};
use super::table::{Row, Table, aligned};

/// How fast both are, and how often the first is as fast as the other in the same round: what disturbs the one for
/// seconds disturbs the other, too.
pub fn show(table: &Table) -> String {
    let [ours, theirs] = &table.rows[..] else { return table.to_string() };
    let rate = |row: &Row| readable(median(row.samples.iter().map(Sample::rate)));
    let ratios = ours.samples.iter().zip(&theirs.samples).map(|(ours, theirs)| ours.rate() / theirs.rate());
    let [lower, middle, upper] = quartiles(ratios).map(|ratio| format!("{ratio:.3}×"));
    let header = [
        "requests/s, medians".to_owned(),
        ours.name.clone(),
        theirs.name.clone(),
        format!("÷ {} by round: lower quartile", theirs.name),
        "median".to_owned(),
        "upper quartile".to_owned(),
    ];
    aligned(&[header, [table.title.clone(), rate(ours), rate(theirs), lower, middle, upper]])
}

#[cfg(test)]
mod tests {
    use tapebase_load::Report;

    use super::*;

    fn row(name: &str, rates: &[u32]) -> Row {
        let report = |&requests: &u32| Report { requests, seconds: 1.0, p50: 1.5, p99: 20.0 };
        let sample = |requests| Sample { report: report(requests), processor: 0.5, peak: 12.0 };
        Row { name: name.to_owned(), samples: rates.iter().map(sample).collect() }
    }

    #[test]
    fn builds_are_compared_round_by_round() {
        let rows = vec![row("Tapebase", &[1_100, 2_000, 90]), row("other-build", &[1_000, 1_000, 100])];

        let text = show(&Table { title: "put-64k".to_owned(), bytes: 1, rows });

        let cells: Vec<_> = text.lines().nth(2).unwrap_or_default().split('|').map(str::trim).collect();
        assert_eq!(cells[1..7], ["put-64k", "1,100", "1,000", "1.000×", "1.100×", "1.550×"]);
    }
}
