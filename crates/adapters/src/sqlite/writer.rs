//! The one writer: a thread that commits the transactions waiting for it together.
//!
//! A commit costs a flush of the disk however much it holds, so whoever comes while one runs shares the
//! next; alone, nobody waits. Each change has a savepoint of its own: one that fails, or panics, takes none with it.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tapebase_domain::ports::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::is_full;
use crate::join_on_drop::JoinOnDrop;

/// How many changes may wait before senders are held up.
const QUEUE: usize = 1_024;
/// How many changes go into one commit at most.
const BATCH: usize = 256;

/// What becomes of the rows a change wrote.
pub enum Outcome<T> {
    /// They are committed before the answer is given.
    Keep(T),
    /// They are taken back.
    Undo(T),
}

/// Makes a change in the transaction, if there is one, and yields what is left to do.
type Job = Box<dyn FnOnce(Option<&mut Transaction<'_>>) -> Done + Send>;

/// A change that was made, or not, and is to be answered once the fate of the transaction is known.
struct Done {
    failure: Option<Failure>,
    answer: Box<dyn FnOnce(Result<(), Failure>) + Send>,
}

/// Why a change or a whole transaction failed, in a form that can be told to everybody in it.
#[derive(Debug, Clone)]
struct Failure {
    message: String,
    kind: Kind,
}

/// What is known of a write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There was no room for it.
    Full,
    /// It was not begun.
    NotWritten,
    /// Nothing.
    Unknown,
}

/// The way to the writing thread, which ends with it; the connection is closed by then.
pub struct Writer {
    /// Dropped first: without it there is nothing to wait for.
    jobs: mpsc::Sender<Job>,
    _thread: JoinOnDrop,
}

impl Writer {
    /// Starts the thread on a connection nobody else changes rows with. Nothing is written that `before_batch` fails for;
    /// `after_batch` hears how many changes were tried together.
    pub fn start(
        mut connection: Connection,
        mut before_batch: impl FnMut() -> io::Result<()> + Send + 'static,
        mut after_batch: impl FnMut(usize) + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
        let thread = JoinOnDrop::spawn("sqlite-writer", move || {
            while let Some(first) = waiting.blocking_recv() {
                let mut batch = vec![first];
                while batch.len() < BATCH
                    && let Ok(job) = waiting.try_recv()
                {
                    batch.push(job);
                }
                let changes = batch.len();
                commit(&mut connection, batch, &mut before_batch);
                after_batch(changes);
            }
        })?;
        Ok(Self { jobs, _thread: thread })
    }

    /// Makes `change` in a transaction and answers when it would survive a power cut.
    ///
    /// Once begun it goes on to its end, even if the caller stops waiting.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_then(change, || ()).await
    }

    /// Like [`Self::write`]; `then` is called once the fate of the change is decided and before anybody hears of it, even
    /// if the caller has stopped waiting.
    pub async fn write_then<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = transaction.map(|transaction| attempt(transaction, change));
            let failure = result.as_ref().and_then(|result| result.as_ref().err().cloned());
            let answer = Box::new(move |outcome: Result<(), Failure>| {
                // A change that failed by itself is not in the transaction, whatever became of that.
                let result = match result {
                    Some(Err(failure)) => Err(failure),
                    Some(Ok(result)) => outcome.map(|()| result),
                    None => Err(outcome.err().map_or_else(Failure::not_run, Failure::not_written)),
                };
                then();
                // Whoever asked may have left.
                let _ = sender.send(result.map_err(StoreError::from));
            });
            Done { failure, answer }
        });
        self.jobs.send(job).await.map_err(|_| StoreError::from(Failure::not_run().not_written()))?;
        answered.await.map_err(|_| StoreError::from(Failure::not_run()))?
    }
}

/// Makes a change, and takes back what it made if it fails or panics: the thread and its connection are everybody's.
fn attempt<T>(
    transaction: &mut Transaction<'_>,
    change: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>>,
) -> Result<T, Failure> {
    // What a panic may leave half done is in the savepoint, which goes with it.
    match catch_unwind(AssertUnwindSafe(|| try_change(transaction, change))) {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::panicked()),
    }
}

fn try_change<T>(
    transaction: &mut Transaction<'_>,
    change: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>>,
) -> rusqlite::Result<T> {
    let savepoint = transaction.savepoint()?;
    match change(&savepoint)? {
        Outcome::Keep(result) => savepoint.commit().map(|()| result),
        Outcome::Undo(result) => Ok(result),
    }
}

/// Runs every job in one transaction, commits it, and answers them all.
fn commit(connection: &mut Connection, batch: Vec<Job>, before: impl FnOnce() -> io::Result<()>) {
    let mut done = Vec::with_capacity(batch.len());
    let mut waiting = batch.into_iter();
    let outcome = before().map_err(Failure::from).and_then(|()| run(connection, &mut waiting, &mut done));
    done.extend(waiting.map(|job| job(None)));
    for Done { answer, .. } in done {
        answer(outcome.clone());
    }
}

fn run(
    connection: &mut Connection,
    waiting: &mut impl Iterator<Item = Job>,
    done: &mut Vec<Done>,
) -> Result<(), Failure> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in waiting {
        let made = job(Some(&mut transaction));
        let failure = made.failure.clone();
        done.push(made);
        // SQLite rolls the whole transaction back by itself when the disk is full or fails.
        // Going on would commit the rest one by one, and answer for what is gone.
        if transaction.is_autocommit() {
            return Err(failure.unwrap_or_else(Failure::not_run));
        }
    }
    Ok(transaction.commit()?)
}

impl Failure {
    fn not_run() -> Self {
        Self { message: "the writing thread gave no answer".into(), kind: Kind::Unknown }
    }

    /// Of a change that was not begun when something else failed.
    fn not_written(self) -> Self {
        match self.kind {
            Kind::Full | Kind::NotWritten => self,
            Kind::Unknown => Self { kind: Kind::NotWritten, ..self },
        }
    }

    /// The panic itself is in the log.
    fn panicked() -> Self {
        Self { message: "the change panicked, and was taken back".into(), kind: Kind::NotWritten }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self { message: error.to_string(), kind: if is_full(&error) { Kind::Full } else { Kind::Unknown } }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string(), kind: Kind::NotWritten }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let Failure { message, kind } = failure;
        match kind {
            Kind::Full => Self::Full(message.into()),
            Kind::NotWritten => Self::NotWritten(message.into()),
            Kind::Unknown => Self::Unavailable(message.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().expect("opened");
        connection.execute_batch("PRAGMA page_size = 512; CREATE TABLE numbers (n BLOB UNIQUE)").expect("made");
        Writer::start(connection, || Ok(()), |_| ()).expect("started")
    }

    fn insert(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<Outcome<()>> + Send {
        move |connection| connection.execute("INSERT INTO numbers VALUES (?1)", [n]).map(|_| Outcome::Keep(()))
    }

    async fn count(writer: &Writer) -> i64 {
        let count = writer.write(|connection| {
            connection.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).map(Outcome::Keep)
        });
        count.await.expect("counted")
    }

    #[tokio::test]
    async fn one_that_fails_takes_none_with_it() {
        let writer = writer();

        let (first, again, other) =
            futures_util::join!(writer.write(insert(1)), writer.write(insert(1)), writer.write(insert(2)));

        assert!(first.is_ok() && again.is_err() && other.is_ok());
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn one_that_panics_takes_neither_the_others_nor_the_thread_with_it() {
        let writer = writer();
        let panicking = writer.write::<()>(|connection| {
            connection.execute("INSERT INTO numbers VALUES (1)", [])?;
            panic!("on purpose")
        });

        let (before, panicked, beside) =
            futures_util::join!(writer.write(insert(2)), panicking, writer.write(insert(3)));

        assert!(before.is_ok() && matches!(panicked, Err(StoreError::NotWritten(_))) && beside.is_ok());
        writer.write(insert(4)).await.expect("the thread is there");
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test]
    async fn what_is_undone_leaves_nothing() {
        let writer = writer();

        let undone = writer.write(|connection| {
            connection.execute("INSERT INTO numbers VALUES (1)", [])?;
            Ok(Outcome::Undo("undone"))
        });

        assert_eq!(undone.await.expect("answered"), "undone");
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn a_full_database_says_so_and_goes_on() {
        let writer = writer();
        let limit =
            writer.write(|connection| connection.query_row("PRAGMA max_page_count = 8", [], |_| Ok(Outcome::Keep(()))));
        limit.await.expect("limited");

        let refused = writer.write(|connection| {
            connection.execute("INSERT INTO numbers VALUES (zeroblob(100000))", []).map(|_| Outcome::Keep(()))
        });

        assert!(matches!(refused.await, Err(StoreError::Full(_))));
        writer.write(insert(1)).await.expect("there is room for little");
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn what_could_not_be_begun_is_known_not_to_be_written() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("rows.db");
        let other = Connection::open(&path).expect("opened");
        other.execute_batch("CREATE TABLE numbers (n BLOB UNIQUE)").expect("made");
        let connection = Connection::open(&path).expect("opened");
        connection.busy_timeout(std::time::Duration::ZERO).expect("set");
        let writer = Writer::start(connection, || Ok(()), |_| ()).expect("started");
        other.execute_batch("BEGIN IMMEDIATE").expect("locked");

        let refused = writer.write(insert(1)).await;

        assert!(matches!(refused, Err(StoreError::NotWritten(_))), "{refused:?}");
        other.execute_batch("ROLLBACK").expect("unlocked");
        writer.write(insert(1)).await.expect("there is no lock");
    }

    #[tokio::test]
    async fn nothing_is_written_that_is_refused_before() {
        let connection = Connection::open_in_memory().expect("opened");
        let writer = Writer::start(connection, || Err(io::Error::other("moved")), |_| ()).expect("started");

        let refused = writer.write(|_| -> rusqlite::Result<Outcome<()>> { unreachable!("it is refused") }).await;

        assert!(matches!(refused, Err(StoreError::NotWritten(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn what_comes_after_a_change_happens_though_nobody_waits_for_it() {
        let writer = writer();
        let (sender, heard) = oneshot::channel();
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let insert_once_told = move |connection: &Connection| {
            held.recv().expect("told");
            insert(1)(connection)
        };

        let mut change =
            Box::pin(writer.write_then(insert_once_told, move || sender.send(()).expect("somebody listens")));
        assert!(futures_util::poll!(&mut change).is_pending());
        drop(change);
        go_on.send(()).expect("it waits");

        heard.await.expect("it happened");
        assert_eq!(count(&writer).await, 1);
    }
}
