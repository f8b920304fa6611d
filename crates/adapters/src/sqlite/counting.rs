//! Counters of what an owner has, as they are kept and as they are counted anew.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension as _};
use tapebase_domain::{history::Counters, id::UserId, ports::Miscount, quota::BLOCK_BYTES};

use super::rows;

/// What there is, of everybody who has something or is said to; the columns of [`rows::COUNTERS`].
static FOUND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT owner, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(reserved_bytes), 0) AS reserved_bytes, \
         sum(recordings) AS recordings, sum(uploads) AS uploads, sum(sessions) AS sessions, \
         sum(tombstones) AS tombstones, max(changed) AS changed FROM ( \
         SELECT owner, sum(max(size, {BLOCK_BYTES})) AS bytes, 0 AS reserved_bytes, count(*) AS recordings, 0 AS uploads, \
         0 AS sessions, 0 AS tombstones, max(changed) AS changed FROM recordings GROUP BY owner \
         UNION ALL SELECT owner, 0, sum(reserved_bytes), 0, count(*), 0, 0, 0 FROM uploads GROUP BY owner \
         UNION ALL SELECT user, 0, 0, 0, 0, count(*), 0, 0 FROM sessions GROUP BY user \
         UNION ALL SELECT owner, 0, 0, 0, 0, 0, count(*), max(changed) FROM deleted GROUP BY owner \
         UNION ALL SELECT owner, 0, 0, 0, 0, 0, 0, changed FROM counters)"
    )
});

/// What is counted of an owner.
pub fn counters(connection: &Connection, owner: UserId) -> rusqlite::Result<Counters> {
    let query = format!("SELECT {} FROM counters WHERE owner = ?1", rows::COUNTERS.join(", "));
    let found = connection.prepare_cached(&query)?.query_row([owner.to_string()], |row| rows::counters(row, 0));
    Ok(found.optional()?.map(|(_, counters)| counters).unwrap_or_default())
}

/// Counts anew. Change numbers only ever rise: what has one that is past the last is the last.
pub fn recount(connection: &Connection, owner: UserId) -> rusqlite::Result<Counters> {
    let query = format!(
        "INSERT INTO counters ({columns}) SELECT {columns} FROM ({found} WHERE owner = ?1 GROUP BY owner) WHERE TRUE \
         ON CONFLICT (owner) DO UPDATE SET bytes = excluded.bytes, reserved_bytes = excluded.reserved_bytes, \
         recordings = excluded.recordings, uploads = excluded.uploads, sessions = excluded.sessions, \
         tombstones = excluded.tombstones, changed = excluded.changed",
        columns = rows::COUNTERS.join(", "),
        found = *FOUND,
    );
    connection.prepare_cached(&query)?.execute([owner.to_string()])?;
    counters(connection, owner)
}

/// Everybody whose counters are not what there is.
pub fn miscounted(connection: &Connection) -> rusqlite::Result<Vec<Miscount>> {
    let (counted, found, everybody) = (counters_of("counters"), counters_of("found"), &*FOUND);
    let query = format!(
        "SELECT found.owner, {counted}, found.owner, {found} \
         FROM ({everybody} GROUP BY owner) AS found LEFT JOIN counters USING (owner) \
         WHERE ({counted}) <> ({found}) ORDER BY found.owner",
    );
    let mut statement = connection.prepare_cached(&query)?;
    let miscounts = statement.query_map([], |row| {
        let (owner, counted) = rows::counters(row, 0)?;
        let (_, found) = rows::counters(row, rows::COUNTERS.len())?;
        Ok(Miscount { owner, counted, found })
    })?;
    rows::readable(miscounts, "counters", usize::MAX)
}

/// The counters of a table as columns of a query, without whose they are.
fn counters_of(table: &str) -> String {
    let columns = rows::COUNTERS.iter().filter(|column| **column != "owner");
    columns.map(|column| format!("coalesce({table}.{column}, 0)")).collect::<Vec<_>>().join(", ")
}
