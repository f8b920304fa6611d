//! Rows to domain types and back; nowhere else. Every column is bound and read by its name.

mod checksum;
mod tokens;
mod users;
mod values;

use std::sync::LazyLock;

use rusqlite::{
    Row,
    types::{ToSqlOutput, Value, ValueRef},
};
use tapebase_domain::{
    attempts::Attempts,
    blob::BlobRef,
    details::Details,
    history::{ChangeNumber, Counters, Deleted, DueAudio, HistoryId},
    id::{RecordingId, StoreId, UserId},
    lineage::{Generation, Step},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    playback::PlaybackKey,
    quota::weight,
    recording::{DigestOrigin, Recording, RecordingName, Revision},
};

use self::values::{
    Column, broken, digest, local_time, number, offset, optional_number, optional_time_value, parsed, text, time,
    time_value,
};
pub use self::{
    checksum::add_function as add_checksum_function,
    tokens::{INSERT_TOKEN, TOKEN, bind_token, token},
    users::{
        FIND_ACCOUNT, FIND_ACCOUNT_BY_IDENTITY, FIND_LAST_ACCOUNT, FIND_SESSION, IDENTITY, INSERT_IDENTITY,
        INSERT_SESSION, INSERT_USER, SESSION, USER, account, bind_identity, bind_session, bind_user, session, user_id,
    },
    values::micros,
};

/// The columns of a recording, the checksum over the others at the end, as it is in every table here. What comes later
/// is put before that; what is null is no part of the checksum, so older rows stay right.
pub const RECORDING: &[&str] = &[
    "owner",
    "id",
    "name",
    "declared_type",
    "media_type",
    "size",
    "sha256",
    "digest",
    "recorded_at",
    "recorded_offset",
    "received_at",
    "revision",
    "changed",
    "verified_at",
    "damaged_at",
    "blob",
    "client_duration_ms",
    "checksum",
];
/// The columns of an upload under way.
pub const UPLOAD: &[&str] = &[
    "owner",
    "id",
    "kind",
    "name",
    "declared_type",
    "recorded_at",
    "recorded_offset",
    "again",
    "staged",
    "length",
    "sha256",
    "reserved_bytes",
    "key",
    "expires_at",
    "client_duration_ms",
    "checksum",
];
/// The columns of a tombstone.
pub const DELETED: &[&str] = &["owner", "id", "changed", "deleted_at", "blob", "checksum"];
/// The columns of the one row about all others.
pub const STORE: &[&str] = &["id", "history", "checksum"];
/// The columns of the last step from one generation of the audio to the next.
pub const GENERATION: &[&str] = &["came_from", "leads_to", "checksum"];
/// The columns of a key that playback links are signed with.
pub const PLAYBACK_KEY: &[&str] = &["number", "key", "checksum"];
/// The columns of an account's tries of passwords.
pub const ATTEMPTS: &[&str] = &["key", "state", "expires_at", "checksum"];
/// The columns of an owner's counters.
pub const COUNTERS: &[&str] =
    &["owner", "bytes", "reserved_bytes", "recordings", "uploads", "sessions", "tombstones", "changed"];
/// Columns and statements as text.
pub static RECORDING_COLUMNS: LazyLock<String> = LazyLock::new(|| RECORDING.join(", "));
pub static INSERT_RECORDING: LazyLock<String> =
    LazyLock::new(|| insert_into("recordings", RECORDING) + " ON CONFLICT (owner, id) DO NOTHING");
pub static FIND_RECORDING: LazyLock<String> = LazyLock::new(|| find_in("recordings", RECORDING));
pub static FIND_DELETED: LazyLock<String> = LazyLock::new(|| find_in("deleted", DELETED));
pub static INSERT_UPLOAD: LazyLock<String> = LazyLock::new(|| insert_into("uploads", UPLOAD));
pub static FIND_UPLOAD: LazyLock<String> = LazyLock::new(|| find_in("uploads", UPLOAD));
pub static DELETED_COLUMNS: LazyLock<String> = LazyLock::new(|| DELETED.join(", "));
pub const SET_STORE_ID: &str = "UPDATE store SET id = ?1, checksum = row_checksum(?1, history)";
pub const SET_HISTORY: &str = "UPDATE store SET history = ?1, checksum = row_checksum(id, ?1)";

/// The place of a column among others, found when the program is built; there must be one of this name.
macro_rules! place {
    ($columns:ident, $name:literal) => {
        const { find_place($columns, $name) }
    };
}
use place;

const fn find_place(columns: &[&str], name: &str) -> usize {
    let mut place = 0;
    while place < columns.len() {
        if is_same(columns[place].as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("there is a column of this name");
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

/// The query for these columns of an owner's row.
fn find_in(table: &str, columns: &[&str]) -> String {
    format!("SELECT {} FROM {table} WHERE owner = ?1 AND id = ?2", columns.join(", "))
}

/// The statement that adds a row of these columns to a table.
fn insert_into(table: &str, columns: &[&str]) -> String {
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "))
}

/// Hands `write` the values of a recording, in the order of [`RECORDING`].
pub fn bind_recording<T>(recording: &Recording, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let owner = recording.owner.to_string();
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; RECORDING.len()];
    values[place!(RECORDING, "owner")] = text(&owner);
    values[place!(RECORDING, "id")] = text(recording.id.as_str());
    values[place!(RECORDING, "name")] = text(recording.details.name.as_str());
    values[place!(RECORDING, "declared_type")] = text(recording.details.media_type.as_str());
    values[place!(RECORDING, "media_type")] = text(recording.media_type.as_str());
    values[place!(RECORDING, "size")] = number(recording.size);
    values[place!(RECORDING, "sha256")] = ToSqlOutput::Borrowed(ValueRef::Blob(&recording.sha256.0));
    values[place!(RECORDING, "digest")] = text(recording.digest.as_str());
    values[place!(RECORDING, "recorded_at")] = time_value(&recording.details.recorded_at);
    values[place!(RECORDING, "recorded_offset")] = offset(&recording.details.recorded_at);
    values[place!(RECORDING, "received_at")] = time_value(&recording.received_at);
    values[place!(RECORDING, "revision")] = number(recording.revision.0);
    values[place!(RECORDING, "changed")] = number(recording.changed.0);
    values[place!(RECORDING, "verified_at")] = optional_time_value(recording.verified_at);
    values[place!(RECORDING, "damaged_at")] = optional_time_value(recording.damaged_at);
    values[place!(RECORDING, "blob")] = text(recording.blob.as_str());
    values[place!(RECORDING, "client_duration_ms")] = optional_number(recording.details.client_duration_ms);
    seal(&mut values);
    write(&values)
}

/// Puts the checksum over the others behind them.
fn seal(values: &mut [ToSqlOutput<'_>]) {
    if let Some((checksum, others)) = values.split_last_mut() {
        *checksum = number(checksum::of(others.iter().map(checksum::value)).into());
    }
}

/// Fails unless these columns of a row, after as many others, have their checksum.
pub fn verify(row: &Row<'_>, columns: &[&str], skip: usize) -> rusqlite::Result<()> {
    let values = (skip..skip + columns.len()).map(|place| row.get_ref(place));
    checksum::verify(&values.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// A recording, from the columns of [`RECORDING`]; fails if its checksum is another. Lists have many: each value is asked
/// for once, and what the checksum vouches for is not looked through again.
pub fn recording(row: &Row<'_>) -> rusqlite::Result<Recording> {
    let mut values = [ValueRef::Null; RECORDING.len()];
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.get_ref(column)?;
    }
    checksum::verify(&values)?;
    let column = |place: usize| Column { place, value: values[place] };
    let declared = column(place!(RECORDING, "declared_type")).text()?;
    let media_type = column(place!(RECORDING, "media_type")).text()?;
    let recorded_at = column(place!(RECORDING, "recorded_at"));
    Ok(Recording {
        owner: column(place!(RECORDING, "owner")).parsed(UserId::parse)?,
        id: column(place!(RECORDING, "id")).parsed(RecordingId::parse)?,
        details: Details {
            name: RecordingName::from_stored(column(place!(RECORDING, "name")).text()?.to_owned()),
            media_type: MediaType::from_stored(declared.to_owned()),
            recorded_at: recorded_at.local_time(column(place!(RECORDING, "recorded_offset")))?,
            client_duration_ms: column(place!(RECORDING, "client_duration_ms")).optional(Column::number)?,
        },
        media_type: MediaType::from_stored(media_type.to_owned()),
        size: column(place!(RECORDING, "size")).number()?,
        sha256: column(place!(RECORDING, "sha256")).digest()?,
        digest: column(place!(RECORDING, "digest")).parsed(DigestOrigin::parse)?,
        received_at: column(place!(RECORDING, "received_at")).time()?,
        revision: Revision(column(place!(RECORDING, "revision")).number()?),
        changed: ChangeNumber(column(place!(RECORDING, "changed")).number()?),
        verified_at: column(place!(RECORDING, "verified_at")).optional(Column::time)?,
        damaged_at: column(place!(RECORDING, "damaged_at")).optional(Column::time)?,
        blob: BlobRef::new(column(place!(RECORDING, "blob")).text()?.to_owned()),
    })
}

/// Which row this is of the columns of [`RECORDING`], as far as it says.
pub fn describe(row: &Row<'_>) -> String {
    let said = |place: usize| match row.get_ref(place) {
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => "?".to_owned(),
    };
    format!("{}/{}", said(place!(RECORDING, "owner")), said(place!(RECORDING, "id")))
}

/// Hands `write` the values of an upload, in the order of [`UPLOAD`].
pub fn bind_upload<T>(upload: &PendingUpload, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let owner = upload.owner.to_string();
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; UPLOAD.len()];
    values[place!(UPLOAD, "owner")] = text(&owner);
    values[place!(UPLOAD, "id")] = text(upload.id.as_str());
    values[place!(UPLOAD, "kind")] = text("direct");
    values[place!(UPLOAD, "name")] = text(upload.details.name.as_str());
    values[place!(UPLOAD, "declared_type")] = text(upload.details.media_type.as_str());
    values[place!(UPLOAD, "recorded_at")] = time_value(&upload.details.recorded_at);
    values[place!(UPLOAD, "recorded_offset")] = offset(&upload.details.recorded_at);
    values[place!(UPLOAD, "again")] = number(upload.again.into());
    values[place!(UPLOAD, "staged")] = text(upload.staged.as_str());
    values[place!(UPLOAD, "length")] = number(upload.size);
    values[place!(UPLOAD, "sha256")] = ToSqlOutput::Borrowed(ValueRef::Blob(&upload.sha256.0));
    values[place!(UPLOAD, "reserved_bytes")] = number(weight(upload.size));
    values[place!(UPLOAD, "key")] = ToSqlOutput::Borrowed(ValueRef::Blob(&upload.key.0));
    values[place!(UPLOAD, "expires_at")] = time_value(&upload.expires_at);
    values[place!(UPLOAD, "client_duration_ms")] = optional_number(upload.details.client_duration_ms);
    seal(&mut values);
    write(&values)
}

/// An upload, from the columns of [`UPLOAD`].
pub fn upload(row: &Row<'_>) -> rusqlite::Result<PendingUpload> {
    verify(row, UPLOAD, 0)?;
    Ok(PendingUpload {
        owner: parsed(row, place!(UPLOAD, "owner"), UserId::parse)?,
        id: parsed(row, place!(UPLOAD, "id"), RecordingId::parse)?,
        details: Details {
            name: parsed(row, place!(UPLOAD, "name"), |name| RecordingName::parse(name.to_owned()))?,
            media_type: parsed(row, place!(UPLOAD, "declared_type"), MediaType::parse)?,
            recorded_at: local_time(row, place!(UPLOAD, "recorded_at"), place!(UPLOAD, "recorded_offset"))?,
            client_duration_ms: row.get(place!(UPLOAD, "client_duration_ms"))?,
        },
        again: row.get(place!(UPLOAD, "again"))?,
        staged: StagedRef::new(row.get(place!(UPLOAD, "staged"))?),
        size: row.get(place!(UPLOAD, "length"))?,
        sha256: digest(row, place!(UPLOAD, "sha256"))?,
        key: LinkKey(row.get(place!(UPLOAD, "key"))?),
        expires_at: time(row, place!(UPLOAD, "expires_at"))?,
    })
}

/// A tombstone, from the columns of [`DELETED`].
pub fn deleted(row: &Row<'_>) -> rusqlite::Result<Deleted> {
    verify(row, DELETED, 0)?;
    Ok(Deleted {
        owner: parsed(row, place!(DELETED, "owner"), UserId::parse)?,
        id: parsed(row, place!(DELETED, "id"), RecordingId::parse)?,
        changed: ChangeNumber(row.get(place!(DELETED, "changed"))?),
        deleted_at: time(row, place!(DELETED, "deleted_at"))?,
    })
}

/// Somebody's counters, from the columns of [`COUNTERS`], after as many others as it is told. What is damaged to be below
/// nothing is nothing, until it is counted anew.
pub fn counters(row: &Row<'_>, skip: usize) -> rusqlite::Result<(UserId, Counters)> {
    let count = |place: usize| row.get(skip + place).map(|count: i64| u64::try_from(count).unwrap_or_default());
    let counters = Counters {
        bytes: count(place!(COUNTERS, "bytes"))?,
        reserved_bytes: count(place!(COUNTERS, "reserved_bytes"))?,
        recordings: count(place!(COUNTERS, "recordings"))?,
        uploads: count(place!(COUNTERS, "uploads"))?,
        sessions: count(place!(COUNTERS, "sessions"))?,
        tombstones: count(place!(COUNTERS, "tombstones"))?,
        changed: ChangeNumber(count(place!(COUNTERS, "changed"))?),
    };
    Ok((parsed(row, skip + place!(COUNTERS, "owner"), UserId::parse)?, counters))
}

/// What `due` refers to by for audio of a deleted recording.
pub fn audio_reference(audio: &DueAudio) -> String {
    format!("{}/{}", audio.id, audio.blob)
}

/// Audio of a deleted recording, from the columns `owner` and `reference` of `due`.
pub fn deleted_audio(row: &Row<'_>) -> rusqlite::Result<DueAudio> {
    let (id, blob) = parsed(row, 1, |reference| reference.split_once('/').map(split).ok_or("not a reference"))?;
    let id = RecordingId::parse(&id).map_err(|error| broken(1, error))?;
    Ok(DueAudio { owner: parsed(row, 0, UserId::parse)?, id, blob: BlobRef::new(blob) })
}

fn split((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// A user's id, from a column that nothing else says anything of.
pub fn owner(row: &Row<'_>, column: usize) -> rusqlite::Result<UserId> {
    parsed(row, column, UserId::parse)
}

/// The id of the database, by itself: whether it is the right one is for the audio to say, which has it, too.
pub fn store_id(row: &Row<'_>) -> rusqlite::Result<StoreId> {
    parsed(row, 0, StoreId::parse)
}

/// The history of the database, from the columns of [`STORE`]; another can be drawn.
pub fn history(row: &Row<'_>) -> rusqlite::Result<HistoryId> {
    verify(row, STORE, 0)?;
    parsed(row, place!(STORE, "history"), HistoryId::parse)
}

/// From the columns of [`GENERATION`].
pub fn step(row: &Row<'_>) -> rusqlite::Result<Step> {
    verify(row, GENERATION, 0)?;
    let (from, to) = (place!(GENERATION, "came_from"), place!(GENERATION, "leads_to"));
    let is_first = row.get_ref(from)? == ValueRef::Null;
    let from = (!is_first).then(|| parsed(row, from, Generation::parse)).transpose()?;
    Ok(Step { from, to: parsed(row, to, Generation::parse)? })
}

/// From the columns of [`ATTEMPTS`].
pub fn attempts(row: &Row<'_>) -> rusqlite::Result<Attempts> {
    verify(row, ATTEMPTS, 0)?;
    let place = place!(ATTEMPTS, "state");
    let state: Vec<u8> = row.get(place)?;
    Attempts::from_bytes(&state).map_err(|error| broken(place, error))
}

/// A key that playback links are signed with, from the columns of [`PLAYBACK_KEY`].
pub fn playback_key(row: &Row<'_>) -> rusqlite::Result<PlaybackKey> {
    verify(row, PLAYBACK_KEY, 0)?;
    row.get(place!(PLAYBACK_KEY, "key")).map(PlaybackKey)
}

/// Up to which number tombstones may be forgotten, from the columns `owner`, `forgotten` and `checksum` of `counters`
/// after as many others.
pub fn forgotten(row: &Row<'_>, skip: usize) -> rusqlite::Result<ChangeNumber> {
    let number = ChangeNumber(row.get(skip + 1)?);
    if number == ChangeNumber(0) && row.get_ref(skip + 2)? == ValueRef::Null {
        return Ok(number);
    }
    verify(row, &["owner", "forgotten", "checksum"], skip)?;
    Ok(number)
}

/// Whether a row is damaged, and not the database as a whole.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..)
    )
}

/// Up to `most` rows that can be read. One that is damaged must not keep the others; the log has it.
pub fn readable<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    what: &'static str,
    most: usize,
) -> rusqlite::Result<Vec<T>> {
    let (mut found, mut left_out, mut first) = (Vec::new(), 0_u64, None);
    for row in rows {
        match row {
            Ok(row) => found.push(row),
            Err(error) if is_damage(&error) => {
                left_out += 1;
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        if found.len() >= most {
            break;
        }
    }
    if let Some(cause) = first {
        tracing::error!(what, left_out, %cause, "damaged rows are left out: run `tapebase verify`");
    }
    Ok(found)
}
