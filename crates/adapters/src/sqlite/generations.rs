//! The last step of the audio from one generation to the next, as SQLite has noted it.

use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::lineage::{LastStep, Step};

use super::{Outcome, rows};

/// The last step that was noted.
pub fn last_step(connection: &Connection) -> rusqlite::Result<LastStep> {
    let query = format!("SELECT {} FROM generation", rows::GENERATION.join(", "));
    match connection.prepare_cached(&query)?.query_row([], rows::step).optional() {
        Ok(noted) => Ok(noted.map_or(LastStep::None, LastStep::Noted)),
        Err(error) if rows::is_damage(&error) => Ok(LastStep::Unknown),
        Err(error) => Err(error),
    }
}

/// Notes another step, if the last one is still `last`.
pub fn note_step(connection: &Connection, last: LastStep, next: Step) -> rusqlite::Result<Outcome<bool>> {
    if last_step(connection)? != last {
        return Ok(Outcome::Undo(false));
    }
    forget(connection)?;
    let (from, to) = (next.from.map(|from| from.to_string()), next.to.to_string());
    let insert = "INSERT INTO generation (came_from, leads_to, checksum) VALUES (?1, ?2, row_checksum(?1, ?2))";
    connection.execute(insert, params![from, to])?;
    Ok(Outcome::Keep(true))
}

/// Forgets what was noted: no audio belongs to these rows yet.
pub fn forget(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM generation", []).map(|_| ())
}
