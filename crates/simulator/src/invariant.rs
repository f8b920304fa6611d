//! What must hold.

use crate::plan::Level;

/// What must hold, whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Invariant {
    /// Every answer is one that is possible, given all others.
    Answers,
    /// What is played is what was recorded, to the bit.
    Bytes,
    /// Audio goes by its owner's word alone.
    OwnersWord,
    /// What a request has begun is finished, whoever hangs up: nothing is left for the sweeper.
    Finishes,
    /// No audio stays that nobody has.
    Leftovers,
    /// What everybody has is counted right.
    Counters,
    /// A device that follows the rules has what the server has, and deletes nothing that nobody deleted.
    Devices,
    /// A token opens what it should, and nothing once it is revoked.
    Tokens,
    /// Whoever is told that a recording is safe can forget it.
    Safe,
    /// A backup has all that was there, and nothing without its audio.
    Backups,
    /// Everything comes to an end, and nobody is refused once nothing goes wrong any more.
    Ends,
    /// Nothing that anybody asks for makes a server panic.
    Panics,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What did not hold.
    pub invariant: Invariant,
    /// In so many words.
    pub what: String,
}

/// What does not hold yet at a level, and is known: now and then a change after rows were put back is heard of only when
/// its reader asks again.
#[must_use]
pub fn not_yet(level: Level) -> Vec<Invariant> {
    match level {
        Level::Calm | Level::Stormy => Vec::new(),
        Level::Catastrophic => vec![Invariant::Ends],
    }
}
