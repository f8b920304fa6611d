//! Rows to domain types and back; nowhere else.

use chrono::{DateTime, FixedOffset};
use rusqlite::{Row, types::Type};
use tapebase_domain::{
    blob::BlobRef,
    digest::Sha256,
    id::{RecordingId, SessionId, StoreId, UserId},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{BoxError, Miscount, Timestamp},
    recording::{Recording, RecordingName, Revision},
    session::Session,
    user::{Account, Email, Identity, PasswordHash, SocialId, User},
};

/// The columns [`recording`] reads, in its order.
pub const RECORDING: &str =
    "id, name, media_type, size, sha256, recorded_at, recorded_offset, received_at, revision, blob";
/// The columns [`plan`] reads, in its order.
pub const PLAN: &str =
    "owner, id, name, media_type, size, sha256, recorded_at, recorded_offset, staged, key, expires_at";
/// The columns [`account`] reads, in its order.
pub const ACCOUNT: &str = "users.id, users.network, users.subject, users.created_at, users.password";
/// The columns [`session`] reads, in its order, after as many others as it is told.
pub const SESSION: &str = "sessions.id, sessions.user, sessions.client, sessions.created_at, sessions.last_used_at, \
                           sessions.expires_at, sessions.ends_at";

/// Whose recording it is, in the column behind those of [`RECORDING`].
pub fn owner(row: &Row<'_>) -> rusqlite::Result<UserId> {
    parsed(row, 10, UserId::parse)
}

/// A recording of `owner`.
pub fn recording(owner: UserId, row: &Row<'_>) -> rusqlite::Result<Recording> {
    Ok(Recording {
        owner,
        id: parsed(row, 0, RecordingId::parse)?,
        name: RecordingName::parse(row.get(1)?).map_err(|error| broken(1, error))?,
        media_type: parsed(row, 2, MediaType::parse)?,
        size: row.get(3)?,
        sha256: digest(row, 4)?,
        recorded_at: local_time(row, 5, 6)?,
        received_at: time(row, 7)?,
        revision: Revision(row.get(8)?),
        blob: BlobRef::new(row.get(9)?),
    })
}

pub fn plan(row: &Row<'_>) -> rusqlite::Result<PendingUpload> {
    Ok(PendingUpload {
        owner: parsed(row, 0, UserId::parse)?,
        id: parsed(row, 1, RecordingId::parse)?,
        name: RecordingName::parse(row.get(2)?).map_err(|error| broken(2, error))?,
        media_type: parsed(row, 3, MediaType::parse)?,
        size: row.get(4)?,
        sha256: digest(row, 5)?,
        recorded_at: local_time(row, 6, 7)?,
        staged: StagedRef::new(row.get(8)?),
        key: LinkKey(row.get(9)?),
        expires_at: time(row, 10)?,
    })
}

pub fn miscount(row: &Row<'_>) -> rusqlite::Result<Miscount> {
    Ok(Miscount { owner: parsed(row, 0, UserId::parse)?, counted: row.get(1)?, used: row.get(2)? })
}

pub fn store_id(row: &Row<'_>) -> rusqlite::Result<StoreId> {
    parsed(row, 0, StoreId::parse)
}

pub fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let (network, subject): (String, String) = (row.get(1)?, row.get(2)?);
    let identity = if network.is_empty() {
        Identity::Email(Email::parse(&subject).map_err(|error| broken(2, error))?)
    } else {
        Identity::Social(SocialId::parse(network, subject).map_err(|error| broken(2, error))?)
    };
    let user = User { id: parsed(row, 0, UserId::parse)?, identity, created_at: time(row, 3)? };
    Ok(Account { user, password: row.get::<_, Option<String>>(4)?.map(PasswordHash::new) })
}

pub fn session(row: &Row<'_>, skip: usize) -> rusqlite::Result<Session> {
    Ok(Session {
        id: parsed(row, skip, SessionId::parse)?,
        user: parsed(row, skip + 1, UserId::parse)?,
        client: row.get(skip + 2)?,
        created_at: time(row, skip + 3)?,
        last_used_at: time(row, skip + 4)?,
        expires_at: time(row, skip + 5)?,
        ends_at: time(row, skip + 6)?,
    })
}

/// The columns `network` and `subject`; an email address has no network.
pub fn identity(identity: &Identity) -> (&str, &str) {
    match identity {
        Identity::Email(email) => ("", email.as_str()),
        Identity::Social(social) => (social.network(), social.id()),
    }
}

pub fn micros<Z: chrono::TimeZone>(time: &DateTime<Z>) -> i64 {
    time.timestamp_micros()
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Sha256> {
    Sha256::from_slice(row.get_ref(column)?.as_blob()?).ok_or_else(|| broken(column, "not a digest"))
}

fn local_time(row: &Row<'_>, column: usize, offset_column: usize) -> rusqlite::Result<DateTime<FixedOffset>> {
    let offset = FixedOffset::east_opt(row.get(offset_column)?);
    let offset = offset.ok_or_else(|| broken(offset_column, "not an offset"))?;
    Ok(time(row, column)?.with_timezone(&offset))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    DateTime::from_timestamp_micros(row.get(column)?).ok_or_else(|| broken(column, "not a time"))
}

fn parsed<T, E: Into<BoxError>>(row: &Row<'_>, column: usize, parse: fn(&str) -> Result<T, E>) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str()?).map_err(|error| broken(column, error))
}

fn broken(column: usize, error: impl Into<BoxError>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
