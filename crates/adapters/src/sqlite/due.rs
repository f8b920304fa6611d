//! What is to be done, and when: rows of their own, so that whoever looks for what is due reads nothing else.

use rusqlite::{Connection, params};
use tapebase_domain::{id::UserId, time::Timestamp};

use super::rows;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An upload under way expires.
    Upload,
    /// A session may have expired: using it puts that off, and leaves this as it is.
    Session,
    /// Audio is to be removed.
    Audio,
    /// A tombstone may be forgotten.
    Tombstone,
    /// All that is the owner's is to be removed; refers to nothing.
    Erasure,
}

impl Kind {
    /// As it stands in the column `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Session => "session",
            Self::Audio => "audio",
            Self::Tombstone => "tombstone",
            Self::Erasure => "erasure",
        }
    }
}

/// Notes when something is to be done.
pub fn schedule(
    connection: &Connection,
    owner: UserId,
    kind: Kind,
    reference: &str,
    due_at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO due (owner, kind, reference, due_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (owner, kind, reference) DO UPDATE SET due_at = excluded.due_at",
        )?
        .execute(params![owner.to_string(), kind.as_str(), reference, rows::micros(&due_at)])?;
    Ok(())
}

/// Has something that is to be done be done later.
pub fn put_off(
    connection: &Connection,
    owner: UserId,
    kind: Kind,
    reference: &str,
    until: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE due SET due_at = ?4 WHERE owner = ?1 AND kind = ?2 AND reference = ?3")?
        .execute(params![owner.to_string(), kind.as_str(), reference, rows::micros(&until)])?;
    Ok(())
}

/// Takes the note back, if there is one.
pub fn cancel(connection: &Connection, owner: UserId, kind: Kind, reference: &str) -> rusqlite::Result<bool> {
    let gone = connection
        .prepare_cached("DELETE FROM due WHERE owner = ?1 AND kind = ?2 AND reference = ?3")?
        .execute(params![owner.to_string(), kind.as_str(), reference])?;
    Ok(gone == 1)
}
