//! Moves what is committed from the write-ahead log into the database, beside the writer.
//!
//! SQLite does that in the thread that commits, every thousand pages, and all who wait for that thread wait for some
//! ten milliseconds with it. Here it is the work of another thread, which holds nobody up; what it has not come to is
//! left to the writer, once the log has [`LOG_PAGES`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::files::beside;
use crate::join_on_drop::JoinOnDrop;

/// How many changes are moved together. Each writes some four pages of 4 KiB.
const CHANGES: usize = 256;
/// How many pages of 4 KiB the log has before the writer itself takes part: only a writer that finds everything moved begins
/// the log anew, and under load there is always something left.
pub const LOG_PAGES: u32 = 4_000;
/// How much room the log keeps. It is larger while somebody, in whatever process, reads one state of the rows for long:
/// what came since cannot be moved before they are done.
pub const KEPT_BYTES: u64 = 32 << 20;
/// How long whoever writes may be held up to cut it: those who read from the log must have come to an end all at once, and
/// only while nobody writes do those who come find everything in the database.
const CUTTING: Duration = Duration::from_millis(300);
/// How often it is looked meanwhile whether they have: a writer that writes without a pause leaves no more time between two
/// commits.
const LOOK: Duration = Duration::from_micros(100);
/// How long after that was in vain it is tried again, though nobody writes.
const AGAIN: Duration = Duration::from_secs(1);

/// The way to the thread, which ends with it.
pub struct Checkpoints {
    /// How many changes are in the log that the thread was not told of.
    changes: usize,
    /// Dropped first: without it there is nothing to wait for.
    due: mpsc::SyncSender<()>,
    _thread: JoinOnDrop,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own to the database at `path`.
    pub fn start(connection: Connection, path: &Path) -> io::Result<Self> {
        // Nobody waits for this thread, and it waits for nobody.
        connection.busy_timeout(Duration::ZERO).map_err(io::Error::other)?;
        let (due, dues) = mpsc::sync_channel(1);
        let log = log_of(path);
        let thread = JoinOnDrop::spawn("sqlite-log", move || {
            let mut tried_at: Option<Instant> = None;
            while wait(&dues, tried_at.is_some()) {
                // What fails is still in the log, and tried again; nobody's change depends on it.
                checkpoint(&connection, "PASSIVE");
                let is_large = || size(&log) > KEPT_BYTES;
                if !is_large() {
                    tried_at = None;
                } else if tried_at.is_none_or(|tried_at| tried_at.elapsed() >= AGAIN) {
                    cut(&connection);
                    tried_at = is_large().then(Instant::now);
                }
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

/// Waits until there is something to do; `false` at the end.
fn wait(dues: &mpsc::Receiver<()>, is_to_be_cut: bool) -> bool {
    if !is_to_be_cut {
        return dues.recv().is_ok();
    }
    !matches!(dues.recv_timeout(AGAIN), Err(RecvTimeoutError::Disconnected))
}

/// Has the log begin anew, if nobody reads from it for long.
fn cut(connection: &Connection) {
    let _ = connection.busy_handler(Some(wait_for_others));
    checkpoint(connection, "TRUNCATE");
    let _ = connection.busy_handler(None);
}

#[expect(clippy::disallowed_methods, reason = "SQLite tells nobody when others are done")]
fn wait_for_others(looked: i32) -> bool {
    thread::sleep(LOOK);
    LOOK * looked.unsigned_abs() < CUTTING
}

fn checkpoint(connection: &Connection, mode: &str) {
    let _ = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
}

/// The log of the database at `path`.
fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

fn size(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use std::{thread::yield_now, time::Instant};

    use super::*;
    use crate::sqlite::open_connection;

    #[test]
    fn what_is_committed_goes_into_the_database() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("rows.db");
        let writer = open_connection(&path).expect("opened");
        writer.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
        let mut checkpoints = Checkpoints::start(open_connection(&path).expect("opened"), &path).expect("started");
        writer.execute_batch("CREATE TABLE t (b); INSERT INTO t VALUES (zeroblob(100000))").expect("inserted");
        assert!(fs::metadata(&path).expect("there").len() < 100_000, "it is in the log alone");

        checkpoints.tried(CHANGES);
        // Waits for the thread.
        drop(checkpoints);

        assert!(fs::metadata(&path).expect("there").len() > 100_000);
    }

    #[test]
    fn a_log_that_grew_while_somebody_read_is_cut_once_they_are_done() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("rows.db");
        let writer = open_connection(&path).expect("opened");
        writer.execute_batch("CREATE TABLE t (b); INSERT INTO t VALUES (1)").expect("inserted");
        let mut checkpoints = Checkpoints::start(open_connection(&path).expect("opened"), &path).expect("started");
        let reader = open_connection(&path).expect("opened");
        reader.execute_batch("BEGIN; SELECT * FROM t").expect("read");
        for _ in 0..12 {
            writer.execute("INSERT INTO t VALUES (zeroblob(5000000))", []).expect("inserted");
            checkpoints.tried(CHANGES);
        }
        assert!(size(&log_of(&path)) > KEPT_BYTES, "the reader holds it");

        reader.execute_batch("COMMIT").expect("done");

        let since = Instant::now();
        while size(&log_of(&path)) > KEPT_BYTES {
            assert!(since.elapsed() < Duration::from_secs(20), "nobody writes any more");
            yield_now();
        }
    }
}
