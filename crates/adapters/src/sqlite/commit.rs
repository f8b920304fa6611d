//! The one way an owner's recordings change: the row, the owner's counters and the owner's next change number.

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use tapebase_domain::{
    history::{ChangeNumber, DueAudio},
    id::UserId,
    quota::{Quota, weight},
    recording::Recording,
    time::Timestamp,
};

use super::{
    due::{self, Kind},
    rows,
};

/// What there will be more of, or less.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    pub bytes: i64,
    pub reserved_bytes: i64,
    pub recordings: i64,
    pub uploads: i64,
    pub sessions: i64,
    pub tombstones: i64,
    /// How many change numbers are taken.
    pub changes: i64,
}

/// How a recording changes.
pub enum Change {
    /// It is added, `again` in the place of a tombstone if there is one.
    Add { recording: Recording, quota: Quota, again: bool },
    /// An upload under way becomes it: its bytes were set aside.
    Settle { recording: Recording, again: bool },
    /// Something about it is not as it was.
    Replace(Recording),
    /// It is taken out, and leaves a tombstone.
    Remove { recording: Recording, at: Timestamp, most_tombstones: u64 },
    /// It is taken out as if it had never been there.
    Forget(Recording),
}

const COUNT: &str = "INSERT INTO counters (owner, bytes, reserved_bytes, recordings, uploads, sessions, tombstones, changed) \
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
                     WHERE ?2 + ?3 <= ?9 AND ?4 + ?5 <= ?10 AND ?5 <= ?11 \
                     ON CONFLICT (owner) DO UPDATE SET bytes = bytes + ?2, reserved_bytes = reserved_bytes + ?3, \
                     recordings = recordings + ?4, uploads = uploads + ?5, sessions = sessions + ?6, \
                     tombstones = tombstones + ?7, changed = changed + ?8 \
                     WHERE bytes + reserved_bytes + ?2 + ?3 <= ?9 AND recordings + uploads + ?4 + ?5 <= ?10 \
                     AND uploads + ?5 <= ?11 RETURNING changed";

/// Counts what there is more or less of; the number of the owner's last change. `None` if the quota does not allow it.
pub fn count(
    connection: &Connection,
    owner: UserId,
    delta: Delta,
    quota: Option<Quota>,
) -> rusqlite::Result<Option<ChangeNumber>> {
    let Delta { bytes, reserved_bytes, recordings, uploads, sessions, tombstones, changes } = delta;
    let Quota { bytes: most_bytes, recordings: most_recordings, uploads: most_uploads } =
        quota.unwrap_or(Quota::UNLIMITED);
    let values = params![
        owner.to_string(),
        bytes,
        reserved_bytes,
        recordings,
        uploads,
        sessions,
        tombstones,
        changes,
        integer(most_bytes),
        integer(most_recordings),
        integer(most_uploads),
    ];
    let changed = connection.prepare_cached(COUNT)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(changed.map(ChangeNumber))
}

/// Makes a change: the recording as it is kept, or as it was. `None` if there is one of its id or the quota does not
/// allow it; what was done by then is to be undone.
pub fn change(connection: &Connection, change: Change) -> rusqlite::Result<Option<Recording>> {
    let (delta, quota) = weigh(connection, &change)?;
    let (Change::Add { recording, .. }
    | Change::Settle { recording, .. }
    | Change::Replace(recording)
    | Change::Remove { recording, .. }
    | Change::Forget(recording)) = &change;
    let Some(changed) = count(connection, recording.owner, delta, quota)? else { return Ok(None) };
    match change {
        Change::Add { recording, .. } | Change::Settle { recording, .. } => {
            let recording = Recording { changed, ..recording };
            Ok(insert(connection, &recording)?.then_some(recording))
        }
        Change::Replace(recording) => {
            let recording = Recording { changed, ..recording };
            delete(connection, &recording)?;
            Ok(insert(connection, &recording)?.then_some(recording))
        }
        Change::Remove { recording, at, most_tombstones } => {
            delete(connection, &recording)?;
            bury(connection, &recording, changed, at)?;
            keep_to(connection, recording.owner, most_tombstones)?;
            Ok(Some(recording))
        }
        Change::Forget(recording) => {
            delete(connection, &recording)?;
            Ok(Some(recording))
        }
    }
}

/// What there will be more or less of, and the quota if it counts.
fn weigh(connection: &Connection, change: &Change) -> rusqlite::Result<(Delta, Option<Quota>)> {
    Ok(match change {
        Change::Add { recording, quota, again } => {
            (Delta { tombstones: -taken_over(connection, recording, *again)?, ..added(recording) }, Some(*quota))
        }
        Change::Settle { recording, again } => {
            let tombstones = -taken_over(connection, recording, *again)?;
            (Delta { tombstones, reserved_bytes: -bytes_of(recording.size), uploads: -1, ..added(recording) }, None)
        }
        Change::Replace(_) => (Delta { changes: 1, ..Delta::default() }, None),
        Change::Remove { recording, .. } => (Delta { tombstones: 1, ..taken_out(recording) }, None),
        Change::Forget(recording) => (taken_out(recording), None),
    })
}

fn added(recording: &Recording) -> Delta {
    Delta { bytes: bytes_of(recording.size), recordings: 1, changes: 1, ..Delta::default() }
}

fn taken_out(recording: &Recording) -> Delta {
    Delta { bytes: -bytes_of(recording.size), recordings: -1, changes: 1, ..Delta::default() }
}

/// What a recording of this size counts as.
pub fn bytes_of(size: u64) -> i64 {
    integer(weight(size))
}

/// What is larger than SQLite's integers is none that anybody has stored.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `false` if the id is taken.
fn insert(connection: &Connection, recording: &Recording) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&rows::INSERT_RECORDING)?;
    let added = rows::bind_recording(recording, |values| statement.execute(params_from_iter(values.iter())))?;
    Ok(added == 1)
}

fn delete(connection: &Connection, recording: &Recording) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM recordings WHERE owner = ?1 AND id = ?2")?
        .execute(params![recording.owner.to_string(), recording.id.as_str()])?;
    Ok(())
}

/// Takes a tombstone away in whose place a recording comes; how many there were. Without `again` there is none.
fn taken_over(connection: &Connection, recording: &Recording, again: bool) -> rusqlite::Result<i64> {
    if !again {
        return Ok(0);
    }
    let gone = connection
        .prepare_cached("DELETE FROM deleted WHERE owner = ?1 AND id = ?2")?
        .execute(params![recording.owner.to_string(), recording.id.as_str()])?;
    Ok(i64::from(gone == 1))
}

/// Leaves a tombstone, and notes that the audio is to be removed.
fn bury(connection: &Connection, recording: &Recording, changed: ChangeNumber, at: Timestamp) -> rusqlite::Result<()> {
    let Recording { owner, id, blob, .. } = recording;
    connection
        .prepare_cached(
            "INSERT INTO deleted (owner, id, changed, deleted_at, blob, checksum) \
             VALUES (?1, ?2, ?3, ?4, ?5, row_checksum(?1, ?2, ?3, ?4, ?5))",
        )?
        .execute(params![owner.to_string(), id.as_str(), changed.0, rows::micros(&at), blob.as_str()])?;
    let audio = DueAudio { owner: *owner, id: id.clone(), blob: blob.clone() };
    due::schedule(connection, *owner, Kind::Audio, &rows::audio_reference(&audio), at)
}

/// Forgets the oldest tombstones past so many; each deletion adds one, so there is hardly ever more than one.
fn keep_to(connection: &Connection, owner: UserId, most: u64) -> rusqlite::Result<()> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let surplus: i64 = connection
        .prepare_cached("SELECT tombstones - ?2 FROM counters WHERE owner = ?1")?
        .query_row(params![owner.to_string(), most], |row| row.get(0))?;
    if surplus <= 0 {
        return Ok(());
    }
    let last: i64 = connection
        .prepare_cached("SELECT changed FROM deleted WHERE owner = ?1 ORDER BY changed LIMIT 1 OFFSET ?2")?
        .query_row(params![owner.to_string(), surplus - 1], |row| row.get(0))?;
    forget_up_to(connection, owner, last)
}

/// Forgets an owner's tombstones up to a number.
fn forget_up_to(connection: &Connection, owner: UserId, last: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM due WHERE owner = ?1 AND kind = 'tombstone' AND EXISTS (SELECT 1 FROM deleted \
             WHERE owner = ?1 AND changed <= ?2 AND reference >= id || '/' AND reference < id || '0')",
        )?
        .execute(params![owner.to_string(), last])?;
    let gone = connection
        .prepare_cached("DELETE FROM deleted WHERE owner = ?1 AND changed <= ?2")?
        .execute(params![owner.to_string(), last])?;
    note_forgotten(connection, owner, gone, last)
}

/// Forgets the tombstone of this number.
pub fn forget_one(connection: &Connection, owner: UserId, changed: i64) -> rusqlite::Result<()> {
    let gone = connection
        .prepare_cached("DELETE FROM deleted WHERE owner = ?1 AND changed = ?2")?
        .execute(params![owner.to_string(), changed])?;
    note_forgotten(connection, owner, gone, changed)
}

/// Whoever knows no more than what was changed up to `last` is to be told that deletions are forgotten.
fn note_forgotten(connection: &Connection, owner: UserId, gone: usize, last: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE counters SET tombstones = tombstones - ?2 WHERE owner = ?1")?
        .execute(params![owner.to_string(), gone])?;
    // A number that is damaged stays as it is, and so do those who would go by it: nothing may be made of it that looks
    // sound. What was never given to a change was never forgotten.
    connection
        .prepare_cached(
            "UPDATE counters SET forgotten = max(forgotten, min(?2, changed)), \
             checksum = row_checksum(owner, max(forgotten, min(?2, changed))) WHERE owner = ?1 \
             AND (checksum = row_checksum(owner, forgotten) OR checksum IS NULL AND forgotten = 0)",
        )?
        .execute(params![owner.to_string(), last])?;
    Ok(())
}
