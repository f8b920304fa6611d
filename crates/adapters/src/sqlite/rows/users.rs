//! Users and their sessions.

use std::sync::LazyLock;

use rusqlite::{
    Row, Rows,
    types::{ToSqlOutput, Value, ValueRef},
};
use tapebase_domain::{
    id::{IdentityId, SessionId, UserId},
    session::{Session, TokenHash},
    user::{Account, Identity, LinkedIdentity, PasswordHash, User},
};

use super::{
    Column, broken, find_place, insert_into, is_damage, optional_time_value, parsed, place, seal, text, time,
    time_value, verify,
};

/// The columns of a user.
pub const USER: &[&str] = &["id", "password", "created_at", "disabled_at", "erase_at", "checksum"];
/// The columns of an identity.
pub const IDENTITY: &[&str] = &["user", "id", "network", "subject", "linked_at", "verified_at", "checksum"];
/// The columns of a session.
pub const SESSION: &[&str] =
    &["token", "id", "user", "client", "created_at", "last_used_at", "expires_at", "ends_at", "checksum"];

pub static INSERT_USER: LazyLock<String> =
    LazyLock::new(|| insert_into("users", USER) + " ON CONFLICT (id) DO NOTHING");
pub static INSERT_IDENTITY: LazyLock<String> =
    LazyLock::new(|| insert_into("identities", IDENTITY) + " ON CONFLICT (network, subject) DO NOTHING");
pub static INSERT_SESSION: LazyLock<String> = LazyLock::new(|| insert_into("sessions", SESSION));
/// The session of a token.
pub static FIND_SESSION: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM sessions WHERE token = ?1", SESSION.join(", ")));

/// The account of a user, that of whoever has an identity, and that of whoever signed up last: a row for each identity
/// they have, or one without any.
pub static FIND_ACCOUNT: LazyLock<String> = LazyLock::new(|| accounts("?1"));
pub static FIND_ACCOUNT_BY_IDENTITY: LazyLock<String> =
    LazyLock::new(|| accounts("(SELECT user FROM identities WHERE network = ?1 AND subject = ?2)"));
pub static FIND_LAST_ACCOUNT: LazyLock<String> = LazyLock::new(|| accounts("(SELECT max(id) FROM users)"));

fn accounts(of: &str) -> String {
    let (users, identities) = (USER.join(", users."), IDENTITY.join(", identities."));
    format!(
        "SELECT users.{users}, identities.{identities} FROM users LEFT JOIN identities ON identities.user = users.id \
         WHERE users.id = {of} ORDER BY identities.linked_at, identities.id"
    )
}

/// Hands `write` the values of a user, in the order of [`USER`].
pub fn bind_user<T>(account: &Account, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let Account { user, password } = account;
    let id = user.id.to_string();
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; USER.len()];
    values[place!(USER, "id")] = text(&id);
    if let Some(password) = password {
        values[place!(USER, "password")] = text(password.expose());
    }
    values[place!(USER, "created_at")] = time_value(&user.created_at);
    values[place!(USER, "disabled_at")] = optional_time_value(user.disabled_at);
    values[place!(USER, "erase_at")] = optional_time_value(user.erase_at);
    seal(&mut values);
    write(&values)
}

/// Hands `write` the values of an identity, in the order of [`IDENTITY`].
pub fn bind_identity<T>(user: UserId, linked: &LinkedIdentity, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let (user, id, (network, subject)) =
        (user.to_string(), linked.id.to_string(), linked.identity.network_and_subject());
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; IDENTITY.len()];
    values[place!(IDENTITY, "user")] = text(&user);
    values[place!(IDENTITY, "id")] = text(&id);
    values[place!(IDENTITY, "network")] = text(&network);
    values[place!(IDENTITY, "subject")] = text(subject);
    values[place!(IDENTITY, "linked_at")] = time_value(&linked.linked_at);
    values[place!(IDENTITY, "verified_at")] = optional_time_value(linked.verified_at);
    seal(&mut values);
    write(&values)
}

/// An account, from all its rows. A damaged identity lets nobody in, and keeps no other but social ids from doing so; the
/// log has it.
/// Fails if there is no other. Only who is being erased has none.
pub fn account(mut rows: Rows<'_>) -> rusqlite::Result<Option<Account>> {
    let (mut account, mut damage): (Option<Account>, _) = (None, None);
    while let Some(row) = rows.next()? {
        match linked_identity(row, USER.len()) {
            Ok(linked) => {
                let account = match &mut account {
                    Some(account) => account,
                    none => none.insert(account_with_none(row)?),
                };
                account.user.identities.extend(linked);
            }
            Err(cause) if is_damage(&cause) => {
                tracing::error!(%cause, "a damaged identity is left out: run `tapebase verify`");
                damage = Some(cause);
            }
            Err(error) => return Err(error),
        }
    }
    if let (Some(account), Some(_)) = (&mut account, &damage) {
        // What is damaged may be the proof without which a social id must let nobody in any more.
        account.user.identities.retain(|linked| linked.identity.is_proof());
    }
    let account = account.filter(|Account { user, .. }| !user.identities.is_empty() || user.erase_at.is_some());
    match (account, damage) {
        (None, Some(damage)) => Err(damage),
        (account, _) => Ok(account),
    }
}

/// From the columns of [`USER`]: an account without identities.
fn account_with_none(row: &Row<'_>) -> rusqlite::Result<Account> {
    verify(row, USER, 0)?;
    let user = User {
        id: parsed(row, place!(USER, "id"), UserId::parse)?,
        identities: Vec::new(),
        created_at: time(row, place!(USER, "created_at"))?,
        disabled_at: Column::of(row, place!(USER, "disabled_at"))?.optional(Column::time)?,
        erase_at: Column::of(row, place!(USER, "erase_at"))?.optional(Column::time)?,
    };
    let password: Option<String> = row.get(place!(USER, "password"))?;
    Ok(Account { user, password: password.map(PasswordHash::new) })
}

/// From the columns of [`IDENTITY`] after as many others, all of which are null where there is none.
fn linked_identity(row: &Row<'_>, skip: usize) -> rusqlite::Result<Option<LinkedIdentity>> {
    if row.get_ref(skip)? == ValueRef::Null {
        return Ok(None);
    }
    verify(row, IDENTITY, skip)?;
    let column = |place: usize| Column::of(row, skip + place);
    let place = place!(IDENTITY, "subject");
    let (network, subject) = (column(place!(IDENTITY, "network"))?.text()?, column(place)?.text()?);
    let identity = Identity::from_stored(network, subject).map_err(|error| broken(place, error))?;
    Ok(Some(LinkedIdentity {
        id: column(place!(IDENTITY, "id"))?.parsed(IdentityId::parse)?,
        identity,
        linked_at: column(place!(IDENTITY, "linked_at"))?.time()?,
        verified_at: column(place!(IDENTITY, "verified_at"))?.optional(Column::time)?,
    }))
}

/// Hands `write` the values of a session that `token` opens, in the order of [`SESSION`].
pub fn bind_session<T>(session: &Session, token: TokenHash, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let (id, user) = (session.id.to_string(), session.user.to_string());
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; SESSION.len()];
    values[place!(SESSION, "token")] = ToSqlOutput::Borrowed(ValueRef::Blob(&token.0.0));
    values[place!(SESSION, "id")] = text(&id);
    values[place!(SESSION, "user")] = text(&user);
    values[place!(SESSION, "client")] = text(&session.client);
    values[place!(SESSION, "created_at")] = time_value(&session.created_at);
    values[place!(SESSION, "last_used_at")] = time_value(&session.last_used_at);
    values[place!(SESSION, "expires_at")] = time_value(&session.expires_at);
    values[place!(SESSION, "ends_at")] = time_value(&session.ends_at);
    seal(&mut values);
    write(&values)
}

/// A session, from the columns of [`SESSION`].
pub fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    verify(row, SESSION, 0)?;
    Ok(Session {
        id: parsed(row, place!(SESSION, "id"), SessionId::parse)?,
        user: parsed(row, place!(SESSION, "user"), UserId::parse)?,
        client: row.get(place!(SESSION, "client"))?,
        created_at: time(row, place!(SESSION, "created_at"))?,
        last_used_at: time(row, place!(SESSION, "last_used_at"))?,
        expires_at: time(row, place!(SESSION, "expires_at"))?,
        ends_at: time(row, place!(SESSION, "ends_at"))?,
    })
}

pub fn user_id(row: &Row<'_>) -> rusqlite::Result<UserId> {
    parsed(row, 0, UserId::parse)
}
