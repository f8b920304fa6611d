//! API tokens.

use std::sync::LazyLock;

use rusqlite::{
    Row,
    types::{ToSqlOutput, Value, ValueRef},
};
use tapebase_domain::{
    api_token::{ApiToken, Scopes},
    id::{ApiTokenId, RecordingId, UserId},
    session::TokenHash,
};

use super::{
    Column, find_place, insert_into, optional_time_value, parsed, place, seal, text, time, time_value, verify,
};

/// The columns of an API token.
pub const TOKEN: &[&str] =
    &["token", "id", "user", "name", "scopes", "recording", "created_at", "last_used_at", "expires_at", "checksum"];

pub static INSERT_TOKEN: LazyLock<String> = LazyLock::new(|| insert_into("tokens", TOKEN));

/// Hands `write` the values of a token that `hash` finds, in the order of [`TOKEN`].
pub fn bind_token<T>(token: &ApiToken, hash: TokenHash, write: impl FnOnce(&[ToSqlOutput<'_>]) -> T) -> T {
    let (id, user, scopes) = (token.id.to_string(), token.user.to_string(), token.scopes.to_text());
    let mut values = [const { ToSqlOutput::Owned(Value::Null) }; TOKEN.len()];
    values[place!(TOKEN, "token")] = ToSqlOutput::Borrowed(ValueRef::Blob(&hash.0.0));
    values[place!(TOKEN, "id")] = text(&id);
    values[place!(TOKEN, "user")] = text(&user);
    values[place!(TOKEN, "name")] = text(&token.name);
    values[place!(TOKEN, "scopes")] = text(&scopes);
    if let Some(recording) = &token.recording {
        values[place!(TOKEN, "recording")] = text(recording.as_str());
    }
    values[place!(TOKEN, "created_at")] = time_value(&token.created_at);
    values[place!(TOKEN, "last_used_at")] = optional_time_value(token.last_used_at);
    values[place!(TOKEN, "expires_at")] = time_value(&token.expires_at);
    seal(&mut values);
    write(&values)
}

/// An API token, from the columns of [`TOKEN`].
pub fn token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    verify(row, TOKEN, 0)?;
    let recording: Option<String> = row.get(place!(TOKEN, "recording"))?;
    Ok(ApiToken {
        id: parsed(row, place!(TOKEN, "id"), ApiTokenId::parse)?,
        user: parsed(row, place!(TOKEN, "user"), UserId::parse)?,
        name: row.get(place!(TOKEN, "name"))?,
        scopes: parsed(row, place!(TOKEN, "scopes"), |text| Scopes::from_text(text).ok_or(InvalidScopes))?,
        recording: match recording {
            Some(_) => Some(parsed(row, place!(TOKEN, "recording"), RecordingId::parse)?),
            None => None,
        },
        created_at: time(row, place!(TOKEN, "created_at"))?,
        last_used_at: Column::of(row, place!(TOKEN, "last_used_at"))?.optional(Column::time)?,
        expires_at: time(row, place!(TOKEN, "expires_at"))?,
    })
}

/// Nothing that this version gives tokens.
#[derive(Debug, thiserror::Error)]
#[error("unknown scopes")]
struct InvalidScopes;
