//! What the rows of an owner remember: the order of their changes, what was deleted, and how much there is.

use std::fmt;

use chrono::TimeDelta;
use data_encoding::HEXLOWER;

use crate::{
    blob::{BlobRef, Provenance},
    id::{RecordingId, UserId, random_bytes},
    recording::{Recording, Revision},
    time::Timestamp,
};

/// Counts the changes of one owner's recordings, from 1. Each change takes the next number in its own transaction, so
/// a number that can be read is never followed by a smaller one that could not be read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeNumber(pub u64);

impl ChangeNumber {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Tells one history of rows from every other: rows that were put back to an earlier state have another one than
/// before, so that nobody takes what they have lost for deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HistoryId([u8; Self::BYTES]);

/// The text is not a history id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a history id")]
pub struct InvalidHistoryId;

impl HistoryId {
    /// How many bytes it has.
    pub const BYTES: usize = 8;

    /// Draws a fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    /// What [`Self::to_bytes`] has given.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 16 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidHistoryId`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidHistoryId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidHistoryId)?;
        bytes.try_into().map(Self).map_err(|_| InvalidHistoryId)
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// What stays of a recording that was deleted: its tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The id the recording had.
    pub id: RecordingId,
    /// Whose it was.
    pub owner: UserId,
    /// The number of the deletion among the owner's changes.
    pub changed: ChangeNumber,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// What is known under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A recording.
    Recording(Box<Recording>),
    /// The tombstone of one.
    Deleted(Deleted),
}

impl Entry {
    /// Its number among the changes of its owner.
    #[must_use]
    pub const fn changed(&self) -> ChangeNumber {
        match self {
            Self::Recording(recording) => recording.changed,
            Self::Deleted(deleted) => deleted.changed,
        }
    }

    /// Its revision, if it is a recording.
    #[must_use]
    pub const fn revision(&self) -> Option<Revision> {
        match self {
            Self::Recording(recording) => Some(recording.revision),
            Self::Deleted(_) => None,
        }
    }

    /// The recording, if it is one.
    #[must_use]
    pub fn into_recording(self) -> Option<Recording> {
        match self {
            Self::Recording(recording) => Some(*recording),
            Self::Deleted(_) => None,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &RecordingId {
        match self {
            Self::Recording(recording) => &recording.id,
            Self::Deleted(deleted) => &deleted.id,
        }
    }
}

/// Audio to be removed once it is due: its recording was deleted, or has other audio, or never came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAudio {
    /// Whose it is.
    pub owner: UserId,
    /// The id of the recording it is of.
    pub id: RecordingId,
    /// Where it is.
    pub blob: BlobRef,
}

impl DueAudio {
    /// The blob of what says it is of `of`.
    #[must_use]
    pub fn new(of: &Provenance, blob: BlobRef) -> Self {
        Self { owner: of.owner, id: of.recording.clone(), blob }
    }

    /// Whose it is.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance { owner: self.owner, recording: self.id.clone() }
    }
}

impl From<&Recording> for DueAudio {
    fn from(recording: &Recording) -> Self {
        Self { owner: recording.owner, id: recording.id.clone(), blob: recording.blob.clone() }
    }
}

/// For how long it is remembered what was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long a tombstone is kept.
    pub lifetime: TimeDelta,
    /// How many an owner has at most; the oldest go first.
    pub most: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { lifetime: TimeDelta::days(180), most: 100_000 }
    }
}

/// How much an owner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// What all recordings weigh, see [`crate::quota::weight`].
    pub bytes: u64,
    /// What is set aside for uploads under way.
    pub reserved_bytes: u64,
    /// How many recordings there are.
    pub recordings: u64,
    /// How many uploads are under way.
    pub uploads: u64,
    /// How many sessions there are, those that have expired and are not removed yet among them.
    pub sessions: u64,
    /// How many deleted recordings are remembered.
    pub tombstones: u64,
    /// The number of the last change.
    pub changed: ChangeNumber,
}

impl Counters {
    /// What counts towards the quota.
    #[must_use]
    pub const fn used_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.reserved_bytes)
    }

    /// Recordings, and uploads that will be some.
    #[must_use]
    pub const fn held_recordings(&self) -> u64 {
        self.recordings.saturating_add(self.uploads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_id_reads_back() {
        let id = HistoryId::generate();
        assert_eq!(HistoryId::parse(&id.to_string()), Ok(id));
        assert_eq!(HistoryId::from_bytes(id.to_bytes()), id);
        for text in ["", "0123", "0123456789ABCDEF", "0123456789abcdef00", "회의회의"] {
            assert_eq!(HistoryId::parse(text), Err(InvalidHistoryId), "{text}");
        }
    }
}
