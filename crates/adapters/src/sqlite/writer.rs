//! The one writer: a thread that commits the transactions waiting for it together.
//!
//! A commit costs a flush of the disk however much it holds, so whoever comes while one runs shares the
//! next; alone, nobody waits. Each change has a savepoint of its own: one that fails takes none with it.

use std::{io, thread};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tapebase_domain::ports::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::from_sqlite;

/// How many changes may wait before senders are held up.
const QUEUE: usize = 1_024;
/// How many changes go into one commit at most.
const BATCH: usize = 256;

/// What becomes of the rows a change wrote.
pub enum Change<T> {
    /// They are committed before the answer is given.
    Keep(T),
    /// They are taken back.
    Undo(T),
}

/// Makes a change, and yields what is to be done once it is known whether it was committed.
type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The way to the writing thread, which ends with it.
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread on a connection nobody else writes with.
    pub fn start(mut connection: Connection) -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
        thread::Builder::new().name("sqlite-writer".into()).spawn(move || {
            while let Some(first) = waiting.blocking_recv() {
                let mut batch = vec![first];
                while batch.len() < BATCH
                    && let Ok(job) = waiting.try_recv()
                {
                    batch.push(job);
                }
                commit(&mut connection, batch);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Makes `change` in a transaction and answers when it would survive a power cut.
    ///
    /// Once begun it goes on to its end, even if the caller stops waiting.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<Change<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = attempt(transaction, change);
            Box::new(move |committed| {
                // A change that failed by itself is not in the commit, whatever became of that.
                let result = result.map_err(from_sqlite).and_then(|result| committed.map(|()| result));
                // Whoever asked may have left.
                let _ = answer.send(result);
            })
        });
        self.jobs.send(job).await.map_err(|_| no_answer())?;
        answered.await.map_err(|_| no_answer())?
    }
}

fn attempt<T>(
    transaction: &mut Transaction<'_>,
    change: impl FnOnce(&Connection) -> rusqlite::Result<Change<T>>,
) -> rusqlite::Result<T> {
    let savepoint = transaction.savepoint()?;
    match change(&savepoint)? {
        Change::Keep(result) => savepoint.commit().map(|()| result),
        Change::Undo(result) => Ok(result),
    }
}

fn commit(connection: &mut Connection, batch: Vec<Job>) {
    let mut replies = Vec::with_capacity(batch.len());
    let outcome = run(connection, batch, &mut replies);
    for reply in replies {
        reply(match &outcome {
            Ok(()) => Ok(()),
            Err(Failure { message, is_full: true }) => Err(StoreError::Full(message.clone().into())),
            Err(Failure { message, is_full: false }) => Err(StoreError::Unavailable(message.clone().into())),
        });
    }
}

/// Why a whole batch failed, in a form that can be told to each of its members.
struct Failure {
    message: String,
    is_full: bool,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        Self { message: error.to_string(), is_full }
    }
}

fn run(connection: &mut Connection, batch: Vec<Job>, replies: &mut Vec<Reply>) -> Result<(), Failure> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        replies.push(job(&mut transaction));
        // SQLite rolls the whole transaction back by itself when the disk is full or fails.
        // Going on would commit the rest one by one, and answer for what is gone.
        if transaction.is_autocommit() {
            return Err(Failure { message: "rolled back together with another change".into(), is_full: false });
        }
    }
    Ok(transaction.commit()?)
}

fn no_answer() -> StoreError {
    StoreError::Unavailable("the writing thread gave no answer".into())
}
