//! Rows that nobody needs to know after a while.

use rusqlite::params;
use tapebase_domain::{ports::StoreError, time::Timestamp};

use super::{Outcome, Sqlite, rows};

/// How many rows are removed in one transaction.
const AT_ONCE: i64 = 1_000;

impl Sqlite {
    /// Runs a statement that deletes some rows which expired before `?1`, `?2` at most, until there is none; how many there
    /// were. A few at a time: whoever writes meanwhile is held up by no more than that.
    pub(super) async fn delete_expired(&self, delete: &'static str, now: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let some = self.writer.write(move |connection| {
                let gone = connection.prepare_cached(delete)?.execute(params![rows::micros(&now), AT_ONCE])?;
                Ok(Outcome::Keep(gone))
            });
            match some.await? {
                0 => return Ok(deleted),
                gone => deleted += gone as u64,
            }
        }
    }
}
