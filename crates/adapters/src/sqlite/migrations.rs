//! The tables, and how they became what they are.
//!
//! A server that runs goes on with the statements it knows. Whoever brings the tables up to date below it has it write rows
//! that nobody can read later, so that is done by a server before it serves, or while there is none.

use std::{fs::File, path::Path};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{OpenError, open_existing};
use crate::serving_lock;

/// Each is applied once, in this order; never change one that was released.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("migrations/1-recordings-and-users.sql")),
    M::up(include_str!("migrations/2-plans.sql")),
    M::up(include_str!("migrations/3-recordings-in-order.sql")),
    M::up(include_str!("migrations/4-rows-that-remember.sql")),
    M::up(include_str!("migrations/5-blocks-at-least.sql")),
    M::up(include_str!("migrations/6-checksums-everywhere.sql")),
    M::up(include_str!("migrations/7-damaged-recordings.sql")),
    M::up(include_str!("migrations/8-playback-links.sql")),
    M::up(include_str!("migrations/9-identities.sql")),
    M::up(include_str!("migrations/10-single-use.sql")),
    M::up(include_str!("migrations/11-attempts.sql")),
    M::up(include_str!("migrations/12-erasure.sql")),
    M::up(include_str!("migrations/13-tokens.sql")),
    M::up(include_str!("migrations/14-addresses.sql")),
    M::up(include_str!("migrations/15-verified-addresses.sql")),
    M::up(include_str!("migrations/16-generations.sql")),
];

/// Brings the tables up to date, which are none at first.
pub fn apply(connection: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    Migrations::from_slice(MIGRATIONS).to_latest(connection)
}

/// Keeps servers away from tables that are not up to date, until they are.
pub fn keep_servers_away(path: &Path) -> Result<Option<File>, OpenError> {
    if !path.exists() || Migrations::from_slice(MIGRATIONS).pending_migrations(&open_existing(path)?)? <= 0 {
        return Ok(None);
    }
    serving_lock::try_lock(path)?.map(Some).ok_or(OpenError::ServedByOlder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::faults;

    #[test]
    fn what_was_damaged_before_stays_so() {
        let mut connection = Connection::open_in_memory().expect("made");
        crate::sqlite::add_functions(&connection).expect("added");
        Migrations::from_slice(&MIGRATIONS[..8]).to_latest(&mut connection).expect("version 8");
        for (id, checksum) in [("sound", "row_checksum('sound', '', 'sound', NULL, 5)"), ("damaged", "7")] {
            let add = format!("INSERT INTO users VALUES ('{id}', '', '{id}', NULL, 5, {checksum})");
            connection.execute(&add, []).expect("inserted");
        }

        apply(&mut connection).expect("up to date");

        let found = faults::of_rows(&connection).expect("looked through");
        let [user, identity] = &found[..] else { panic!("{found:?}") };
        assert!(user.starts_with("users damaged") && identity.starts_with("identities damaged"), "{found:?}");
    }

    #[test]
    fn addresses_are_filed_anew_unless_another_user_has_the_text() {
        let mut connection = Connection::open_in_memory().expect("made");
        crate::sqlite::add_functions(&connection).expect("added");
        Migrations::from_slice(&MIGRATIONS[..13]).to_latest(&mut connection).expect("version 13");
        for (user, address) in
            [("a", "große@x.com"), ("b", "straße@x.com"), ("c", "strasse@x.com"), ("d", "an\u{ad}n@x.com")]
        {
            let add = format!(
                "INSERT INTO users VALUES ('{user}', NULL, 5, NULL, row_checksum('{user}', NULL, 5), NULL); \
                 INSERT INTO identities VALUES ('{user}', '{user}', '', '{address}', 5, \
                 row_checksum('{user}', '{user}', '', '{address}', 5));"
            );
            connection.execute_batch(&add).expect("inserted");
        }

        apply(&mut connection).expect("up to date");

        let mut statement = connection.prepare("SELECT subject FROM identities ORDER BY user").expect("prepared");
        let subjects = statement.query_map([], |row| row.get(0)).expect("asked");
        let subjects: Vec<String> = subjects.collect::<Result<_, _>>().expect("text");
        assert_eq!(subjects, ["grosse@x.com", "straße@x.com", "strasse@x.com", "an\u{ad}n@x.com"]);
        assert_eq!(faults::of_rows(&connection).expect("looked through"), Vec::<String>::new());
    }
}
