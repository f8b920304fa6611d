//! Users and their sessions.

use std::sync::LazyLock;

use rusqlite::{
    Row,
    types::{ToSqlOutput, Value, ValueRef},
};
use tapebase_domain::{
    id::{SessionId, UserId},
    session::{Session, TokenHash},
    user::{Account, Email, Identity, PasswordHash, SocialId, User},
};

use super::{Column, broken, find_place, insert_into, parsed, place, seal, text, time, time_value, verify};

/// The columns of a user.
pub const USER: &[&str] = &["id", "network", "subject", "password", "created_at", "checksum"];
/// The columns of a session.
pub const SESSION: &[&str] =
    &["token", "id", "user", "client", "created_at", "last_used_at", "expires_at", "ends_at", "checksum"];

pub static INSERT_USER: LazyLock<String> =
    LazyLock::new(|| insert_into("users", USER) + " ON CONFLICT (network, subject) DO NOTHING");
pub static INSERT_SESSION: LazyLock<String> = LazyLock::new(|| insert_into("sessions", SESSION));
/// The session of a token, and whose it is.
pub static FIND_SESSION: LazyLock<String> = LazyLock::new(|| {
    let (sessions, users) = (SESSION.join(", sessions."), USER.join(", users."));
    format!(
        "SELECT sessions.{sessions}, users.{users} FROM sessions JOIN users ON users.id = sessions.user \
         WHERE sessions.token = ?1"
    )
});

/// Hands `write` the values of an account, in the order of [`USER`].
pub fn bind_account<T>(account: &Account, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let Account { user, password } = account;
    let (id, (network, subject)) = (user.id.to_string(), identity(&user.identity));
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; USER.len()];
    values[place!(USER, "id")] = text(&id);
    values[place!(USER, "network")] = text(network);
    values[place!(USER, "subject")] = text(subject);
    if let Some(password) = password {
        values[place!(USER, "password")] = text(password.expose());
    }
    values[place!(USER, "created_at")] = time_value(&user.created_at);
    seal(&mut values);
    write(&values)
}

/// An account, from the columns of [`USER`] after as many others.
pub fn account(row: &Row<'_>, skip: usize) -> rusqlite::Result<Account> {
    verify(row, USER, skip)?;
    let column = |place: usize| Column::of(row, skip + place);
    let place = place!(USER, "subject");
    let (network, subject) = (column(place!(USER, "network"))?.text()?, column(place)?.text()?);
    let identity = if network.is_empty() {
        Identity::Email(Email::parse(subject).map_err(|error| broken(place, error))?)
    } else {
        let social = SocialId::parse(network.to_owned(), subject.to_owned());
        Identity::Social(social.map_err(|error| broken(place, error))?)
    };
    let user = User {
        id: column(place!(USER, "id"))?.parsed(UserId::parse)?,
        identity,
        created_at: column(place!(USER, "created_at"))?.time()?,
    };
    let password = column(place!(USER, "password"))?.optional(Column::text)?;
    Ok(Account { user, password: password.map(|hash| PasswordHash::new(hash.to_owned())) })
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

/// The columns `network` and `subject`; an email address has no network.
pub fn identity(identity: &Identity) -> (&str, &str) {
    match identity {
        Identity::Email(email) => ("", email.as_str()),
        Identity::Social(social) => (social.network(), social.id()),
    }
}

pub fn user_id(row: &Row<'_>) -> rusqlite::Result<UserId> {
    parsed(row, 0, UserId::parse)
}
