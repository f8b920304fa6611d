//! What is wrong with a database: how it is kept, how it is laid out, and which rows are not what was written.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, types::ValueRef};

use super::{OpenError, migrations, rows};

/// Every table whose rows have a checksum over these columns, but for the recordings, which are walked through.
const TABLES: [(&str, &[&str]); 11] = [
    ("store", rows::STORE),
    ("generation", rows::GENERATION),
    ("users", rows::USER),
    ("identities", rows::IDENTITY),
    ("sessions", rows::SESSION),
    ("tokens", rows::TOKEN),
    ("uploads", rows::UPLOAD),
    ("deleted", rows::DELETED),
    ("playback_keys", rows::PLAYBACK_KEY),
    ("used", &["digest", "expires_at", "checksum"]),
    ("attempts", rows::ATTEMPTS),
];

/// The statement that made each table and index, by its name.
type Schema = BTreeMap<String, String>;

/// What SQLite says of the pages, the indexes and the constraints.
pub fn of_pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let said = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(said.into_iter().filter(|said| said != "ok").collect())
}

/// Which tables and indexes are not as this version makes them; SQLite believes whatever it reads there.
pub fn of_schema(connection: &Connection) -> Result<Vec<String>, OpenError> {
    let mut fresh = Connection::open_in_memory()?;
    super::add_functions(&fresh)?;
    migrations::apply(&mut fresh)?;
    let found = schema(connection)?;
    let other = schema(&fresh)?.into_iter().filter(|(name, sql)| found.get(name) != Some(sql));
    Ok(other.map(|(name, _)| format!("{name} is not laid out as it was made")).collect())
}

fn schema(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Which rows have another checksum than they should have.
pub fn of_rows(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for (table, columns) in TABLES {
        look_through(connection, table, columns, |row| rows::verify(row, columns, 0), &mut found)?;
    }
    let forgotten = ["owner", "forgotten", "checksum"];
    look_through(connection, "counters", &forgotten, |row| rows::forgotten(row, 0).map(|_| ()), &mut found)?;
    Ok(found)
}

fn look_through(
    connection: &Connection,
    table: &str,
    columns: &[&str],
    check: impl Fn(&Row<'_>) -> rusqlite::Result<()>,
    found: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
    let mut all = statement.query([])?;
    while let Some(row) = all.next()? {
        match check(row) {
            Err(error) if rows::is_damage(&error) => found.push(format!("{table} {}: {error}", describe(row))),
            checked => checked?,
        }
    }
    Ok(())
}

/// The first texts of a row, which say whose it is.
fn describe(row: &Row<'_>) -> String {
    let texts = [0, 1].into_iter().filter_map(|place| match row.get_ref(place) {
        Ok(ValueRef::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("/")
}
