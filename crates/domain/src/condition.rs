//! What must be so for an upload to count.

use crate::recording::Revision;

/// What an upload depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// There must be a recording of its id that is of one of these.
    pub matching: Option<Revisions>,
    /// There must be none that is of one of these.
    pub not_matching: Option<Revisions>,
}

/// Some revisions of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revisions {
    /// Whichever it is.
    Any,
    /// One of these.
    These(Vec<Revision>),
}

impl Condition {
    /// Whether the upload counts if this is the revision of what is there.
    #[must_use]
    pub fn admits(&self, current: Option<Revision>) -> bool {
        let is_in = |revisions: &Revisions| match (revisions, current) {
            (_, None) => false,
            (Revisions::Any, Some(_)) => true,
            (Revisions::These(some), Some(revision)) => some.contains(&revision),
        };
        self.matching.as_ref().is_none_or(is_in) && !self.not_matching.as_ref().is_some_and(is_in)
    }
}
