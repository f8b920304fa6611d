//! The readable history of a run, and its hash.

use tapebase_domain::{digest::Hasher, time::Timestamp};

/// Writes down what happens.
#[derive(Default)]
pub struct Trace {
    hasher: Hasher,
    notes: u64,
    /// Kept only for whoever wants to read it.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// One whose lines are kept.
    #[must_use]
    pub fn readable() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    /// Something happens.
    pub fn note(&mut self, now: Timestamp, what: &str) {
        let line = format!("{} {what}", now.format("%dT%H:%M:%S%.3f"));
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        self.notes += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// How much has happened.
    #[must_use]
    pub const fn notes(&self) -> u64 {
        self.notes
    }

    /// All lines, if they were kept, and the hash of them all.
    #[must_use]
    pub fn finish(self) -> (Vec<String>, String) {
        (self.lines.unwrap_or_default(), data_encoding::HEXLOWER.encode(&self.hasher.finish().1.0))
    }
}
