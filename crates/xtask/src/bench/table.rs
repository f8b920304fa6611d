//! The result of a contest, as Markdown that is also easy to read as it is.

use std::fmt::{self, Display, Formatter};

use super::generator::Sample;
use super::number::{median, readable};

/// Which row the others are compared with, beside the first.
const REFERENCE: &str = "nginx";

/// What there is of every row, beside which server it is of.
const COLUMNS: [Column; 8] = [
    ("requests/s: median (min–max)", |_, row| row.rates()),
    ("× nginx", |table, row| {
        let reference = table.rows.iter().find(|row| row.name.starts_with(REFERENCE));
        times(reference.map(|reference| row.rate() / reference.rate()))
    }),
    ("Tapebase ÷ it", |table, row| {
        let ours = table.rows.first().filter(|first| !std::ptr::eq(*first, row));
        times(ours.map(|ours| ours.rate() / row.rate()))
    }),
    ("MB/s", |table, row| readable(row.rate() * f64::from(table.bytes) / 1e6)),
    ("p50 ms", |_, row| readable(row.median(|sample| sample.report.p50))),
    ("p99 ms", |_, row| readable(row.median(|sample| sample.report.p99))),
    ("CPU s per 1,000", |_, row| readable(row.median(Sample::processor_per_thousand))),
    ("peak RSS MiB", |_, row| readable(row.samples.iter().map(|sample| sample.peak).fold(0.0, f64::max))),
];

/// Of uploads besides: how steady they are, and what a power cut at the end would take.
pub const OF_UPLOADS: &[Column] = &[
    ("slowest second: requests", |_, row| {
        let slowest = row.samples.iter().filter_map(|sample| sample.report.slowest_second).min();
        slowest.map_or_else(|| "–".to_owned(), |requests| readable(requests.into()))
    }),
    ("sent MB", |table, row| {
        let sent = |sample: &Sample| f64::from(sample.report.requests) * f64::from(table.bytes) / 1e6;
        readable(row.median(sent))
    }),
    ("not on disk MB", |_, row| readable(row.median(|sample| sample.unwritten))),
];

/// A column: its head, and what it says of a row of a table.
pub type Column = (&'static str, fn(&Table, &Row) -> String);

/// The samples of one server.
pub struct Row {
    pub name: String,
    pub samples: Vec<Sample>,
}

/// The samples of all servers in a contest, Tapebase first.
pub struct Table {
    pub title: String,
    /// Bytes of content in a request or its answer.
    pub bytes: u32,
    /// What is to be said besides what is said of all.
    pub more: &'static [Column],
    pub rows: Vec<Row>,
}

impl Row {
    fn median(&self, measure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(measure))
    }

    fn rate(&self) -> f64 {
        self.median(Sample::rate)
    }

    fn rates(&self) -> String {
        let rates = || self.samples.iter().map(Sample::rate);
        let (least, most) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
        format!("{} ({}–{})", readable(self.rate()), readable(least), readable(most))
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"))
}

impl Display for Table {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let columns = || COLUMNS.iter().chain(self.more);
        let header = std::iter::once("server".to_owned()).chain(columns().map(|(head, _)| (*head).to_owned()));
        let cells = |row: &Row| {
            std::iter::once(row.name.clone()).chain(columns().map(|(_, cell)| cell(self, row))).collect::<Vec<_>>()
        };
        let lines: Vec<_> = std::iter::once(header.collect()).chain(self.rows.iter().map(cells)).collect();
        writeln!(formatter, "### {}\n\n{}", self.title, aligned(&lines))
    }
}

/// A Markdown table, the first line being its header; all columns but the first hold numbers.
pub fn aligned(lines: &[impl AsRef<[String]>]) -> String {
    let columns = lines.first().map_or(0, |header| header.as_ref().len());
    let width =
        |column: usize| lines.iter().map(|line| line.as_ref()[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, (text, width)): (usize, (&String, &usize))| {
        if column == 0 { format!(" {text:<width$} ") } else { format!(" {text:>width$} ") }
    };
    let rule = |(column, width)| {
        if column == 0 { format!("{:-<1$}", "", width + 2) } else { format!("{:->1$}:", "", width + 1) }
    };
    let line = |cells: Vec<String>| format!("|{}|\n", cells.join("|"));
    let mut text: Vec<_> =
        lines.iter().map(|cells| line(cells.as_ref().iter().zip(&widths).enumerate().map(cell).collect())).collect();
    text.insert(1, line(widths.into_iter().enumerate().map(rule).collect()));
    text.concat()
}

#[cfg(test)]
mod tests {
    use tapebase_load::Report;

    use super::*;

    fn row(name: &str, rates: &[u32]) -> Row {
        let sample = |&requests: &u32| Sample {
            report: Report { requests, seconds: 1.0, p50: 1.5, p99: 20.0, slowest_second: Some(requests / 2) },
            processor: 0.5,
            peak: 12.0,
            unwritten: 700.0,
        };
        Row { name: name.to_owned(), samples: rates.iter().map(sample).collect() }
    }

    #[test]
    fn every_server_is_compared_with_nginx_and_with_tapebase() {
        let rows = vec![row("Tapebase", &[1_000, 3_000, 2_000]), row("nginx", &[4_000]), row("dufs", &[500])];

        let text = Table { title: "put-64k".to_owned(), bytes: 1_000, more: &[], rows }.to_string();

        let cells: Vec<Vec<_>> = text.lines().skip(4).map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(cells[0][1..6], ["Tapebase", "2,000 (1,000–3,000)", "0.50×", "–", "2.00"]);
        assert_eq!(cells[1][1..6], ["nginx", "4,000 (4,000–4,000)", "1.00×", "0.50×", "4.00"]);
        assert_eq!(cells[2][1..6], ["dufs", "500 (500–500)", "0.12×", "4.00×", "0.50"]);
    }

    #[test]
    fn a_table_without_nginx_has_no_ratio_to_it() {
        let text = Table { title: "x".to_owned(), bytes: 0, more: &[], rows: vec![row("Tapebase", &[1])] }.to_string();

        let cells: Vec<_> = text.lines().nth(4).unwrap_or_default().split('|').map(str::trim).collect();
        assert_eq!(cells[3..5], ["–", "–"]);
    }

    #[test]
    fn of_uploads_it_is_told_how_steady_and_how_safe_they_are() {
        let rows = vec![row("nginx", &[1_000, 4_000, 2_000])];

        let text = Table { title: "x".to_owned(), bytes: 1_000, more: OF_UPLOADS, rows }.to_string();

        let cells: Vec<_> = text.lines().nth(4).unwrap_or_default().split('|').map(str::trim).collect();
        assert_eq!(cells[10..13], ["500", "2.00", "700"]);
    }

    #[test]
    fn numbers_are_aligned_to_the_right() {
        let lines = [["a", "b"], ["long", "1"], ["x", "1,234"]].map(|line| line.map(str::to_owned));

        let text = aligned(&lines);

        assert_eq!(text, "| a    |     b |\n|------|------:|\n| long |     1 |\n| x    | 1,234 |\n");
    }
}
