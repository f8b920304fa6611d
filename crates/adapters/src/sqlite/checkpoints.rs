//! Moves what is committed from the write-ahead log into the database, beside the writer.
//!
//! SQLite does that in the thread that commits, every thousand pages, and all who wait for that thread wait for some
//! ten milliseconds with it. Here it is the work of another thread, which holds nobody up; what it has not come to is
//! left to the writer, once the log has [`LOG_PAGES`].

use std::{io, sync::mpsc};

use rusqlite::Connection;

use crate::join_on_drop::JoinOnDrop;

/// How many changes are moved together. Each writes some four pages of 4 KiB.
const CHANGES: usize = 256;
/// How many pages of 4 KiB the log has before the writer itself takes part: only a writer that finds everything moved begins
/// the log anew, and under load there is always something left.
pub const LOG_PAGES: u32 = 4_000;

/// The way to the thread, which ends with it.
pub struct Checkpoints {
    /// How many changes are in the log that the thread was not told of.
    changes: usize,
    /// Dropped first: without it there is nothing to wait for.
    due: mpsc::SyncSender<()>,
    _thread: JoinOnDrop,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own.
    pub fn start(connection: Connection) -> io::Result<Self> {
        let (due, dues) = mpsc::sync_channel(1);
        let thread = JoinOnDrop::spawn("sqlite-log", move || {
            while dues.recv().is_ok() {
                // What fails is still in the log, and tried again; nobody's change depends on it.
                let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            }
        })?;
        Ok(Self { changes: 0, due, _thread: thread })
    }

    /// Tells of so many more changes that may be in the log.
    pub fn tried(&mut self, changes: usize) {
        self.changes += changes;
        // If it is still at work, the next commit tells it.
        if self.changes >= CHANGES && self.due.try_send(()).is_ok() {
            self.changes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sqlite::open_connection;

    #[test]
    fn what_is_committed_goes_into_the_database() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("rows.db");
        let writer = open_connection(&path).expect("opened");
        writer.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
        let mut checkpoints = Checkpoints::start(open_connection(&path).expect("opened")).expect("started");
        writer.execute_batch("CREATE TABLE t (b); INSERT INTO t VALUES (zeroblob(100000))").expect("inserted");
        assert!(fs::metadata(&path).expect("there").len() < 100_000, "it is in the log alone");

        checkpoints.tried(CHANGES);
        // Waits for the thread.
        drop(checkpoints);

        assert!(fs::metadata(&path).expect("there").len() > 100_000);
    }
}
