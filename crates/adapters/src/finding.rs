//! What `tapebase setup` and `tapebase doctor` report.

use std::fmt;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What must be so.
    pub what: String,
    /// Whether it is.
    pub outcome: Outcome,
}

/// What came of looking at something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was right already.
    AlreadyRight,
    /// It is right now.
    Done,
    /// The store has no such setting.
    Unsupported,
    /// It is as it can be, and better were otherwise; says what to do.
    Warning(String),
    /// It is not, for this reason; says what to do.
    Failed(String),
}

impl Finding {
    /// Whether everything is right now.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, outcome } = self;
        match outcome {
            Outcome::AlreadyRight => write!(formatter, "ok      {what}"),
            Outcome::Done => write!(formatter, "done    {what}"),
            Outcome::Unsupported => write!(formatter, "none    {what}: this store knows no such setting"),
            Outcome::Warning(reason) => write!(formatter, "warning {what}: {reason}"),
            Outcome::Failed(reason) => write!(formatter, "FAILED  {what}: {reason}"),
        }
    }
}
