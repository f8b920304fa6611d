//! Counts tests by the closing line that each test binary prints.

use std::fmt;

/// How many tests ran, over all the test binaries of the workspace.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Adds what a line of the output of `cargo test` says, which is nothing for most lines.
    pub fn count(&mut self, line: &str) {
        let Some(summary) = line.strip_prefix("test result: ") else { return };
        for part in summary.split(['.', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or_default();
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// A test that was left out is told, not passed over.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(formatter, ", {} skipped", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_test_binaries_are_added_up() {
        let mut tally = Tally::default();

        tally.count("running 3 tests");
        tally.count("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.count("test says: 9 passed; ok");
        tally.count("test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.52s");

        assert_eq!(tally.to_string(), "43 passed, 0 failed");
    }

    #[test]
    fn ignored_tests_are_told() {
        let mut tally = Tally::default();

        tally.count("test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s");

        assert_eq!(tally.to_string(), "1 passed, 0 failed, 2 skipped");
    }
}
