//! Whatever changes something runs to its end, whoever hangs up.
//!
//! actix drops a handler when its client resets the connection, and a worker's runtime when the server stops: a delete
//! would take out the row and leave the audio. So every use case that writes is run here.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use tapebase_api::Slug;
use tokio::{runtime::Handle, sync::Notify};
use tracing::{Instrument as _, Span};

use crate::answers::problem::Problem;

/// Runs what changes something, and knows how much of that is under way.
#[derive(Clone)]
pub struct Tasks {
    /// The process's own runtime, which outlives those of actix's workers.
    runtime: Handle,
    most: usize,
    running: Arc<Running>,
}

#[derive(Default)]
struct Running {
    count: AtomicUsize,
    none_left: Notify,
}

impl Tasks {
    /// Tasks that end on `runtime` if their clients do not wait for them, `most` at once. More than there are connections
    /// is enough: what is begun by more is left by those who went.
    #[must_use]
    pub fn new(runtime: Handle, most: usize) -> Self {
        Self { runtime, most, running: Arc::default() }
    }

    /// How many are under way.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.count.load(Ordering::Acquire)
    }

    /// Returns once none is under way.
    pub async fn finished(&self) {
        loop {
            let none_left = self.running.none_left.notified();
            if self.count() == 0 {
                return;
            }
            none_left.await;
        }
    }

    /// Runs `change` on the caller's thread, as long as the caller waits for it, and elsewhere to its end if not.
    pub(crate) async fn run<T, E>(
        &self,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let counted = Counted::begin(self.running.clone());
        if self.count() > self.most {
            return Err(Problem::new(
                Slug::Busy,
                "What others began has not ended yet. Nothing was changed; try again.",
            ));
        }
        // A panic is this task's alone: on its own thread it would take the worker with it.
        let change = AssertUnwindSafe(change).catch_unwind();
        let change = async move {
            let _counted = counted;
            change.await
        };
        let task = Task { change: Some(Box::pin(change)), runtime: &self.runtime, span: Span::current() };
        match task.await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(Problem::internal("a task panicked")),
        }
    }
}

/// Counts a task for as long as it is there.
struct Counted(Arc<Running>);

impl Counted {
    fn begin(running: Arc<Running>) -> Self {
        running.count.fetch_add(1, Ordering::AcqRel);
        Self(running)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

/// A future that moves to the runtime when it is dropped before its end.
///
/// To spawn every task there would wake two threads for each: one for the task, one for its answer.
struct Task<'tasks, F>
where
    F: Future<Output: Send> + Send + 'static,
{
    change: Option<Pin<Box<F>>>,
    runtime: &'tasks Handle,
    /// Of its request, whose id the log lines of the rest have.
    span: Span,
}

impl<F> Future for Task<'_, F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let task = self.get_mut();
        let Some(change) = &mut task.change else { return Poll::Pending };
        let result = change.as_mut().poll(context);
        if result.is_ready() {
            task.change = None;
        }
        result
    }
}

impl<F> Drop for Task<'_, F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(change) = self.change.take() {
            let span = std::mem::replace(&mut self.span, Span::none());
            self.runtime.spawn(change.instrument(span));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    /// Begins a change that waits for a word, and drops whoever waits for the change.
    async fn abandon(tasks: &Tasks) -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (go_on, told) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let change = tasks.run(async move {
            told.await.map_err(Problem::internal)?;
            done.send(()).map_err(|()| Problem::internal("nobody wants to know"))
        });
        assert!(timeout(Duration::from_millis(10), change).await.is_err(), "it waits for a word");
        (go_on, is_done)
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_done_all_the_same() {
        let tasks = Tasks::new(Handle::current(), 1);
        let (go_on, is_done) = abandon(&tasks).await;

        go_on.send(()).unwrap();

        timeout(Duration::from_secs(5), is_done).await.expect("it is done").unwrap();
    }

    #[tokio::test]
    async fn a_task_counts_until_its_end() {
        let tasks = Tasks::new(Handle::current(), 1);
        let (go_on, _is_done) = abandon(&tasks).await;
        assert_eq!(tasks.count(), 1);
        assert!(timeout(Duration::from_millis(10), tasks.finished()).await.is_err(), "one is under way");

        go_on.send(()).unwrap();

        timeout(Duration::from_secs(5), tasks.finished()).await.expect("it has ended");
        assert_eq!(tasks.count(), 0);
    }

    #[tokio::test]
    async fn a_worker_that_ends_leaves_its_tasks_to_the_process() {
        let tasks = Tasks::new(Handle::current(), 1);
        let theirs = tasks.clone();

        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (go_on, is_done) = runtime.block_on(abandon(&theirs));
            drop(runtime);
            (go_on, is_done)
        });
        let (go_on, is_done) = tokio::task::spawn_blocking(|| worker.join().unwrap()).await.unwrap();
        go_on.send(()).unwrap();

        timeout(Duration::from_secs(5), is_done).await.expect("it is done").unwrap();
    }

    #[tokio::test]
    async fn no_more_is_begun_than_there_may_be() {
        let tasks = Tasks::new(Handle::current(), 1);
        let (go_on, _is_done) = abandon(&tasks).await;

        let refused = tasks.run::<(), Problem>(async { Ok(()) }).await;

        assert_eq!(refused.unwrap_err().slug(), Slug::Busy);
        go_on.send(()).unwrap();
        timeout(Duration::from_secs(5), tasks.finished()).await.expect("it has ended");
        tasks.run::<(), Problem>(async { Ok(()) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let tasks = Tasks::new(Handle::current(), 1);

        let problem = tasks.run::<(), Problem>(async { panic!("on purpose") }).await;

        assert_eq!(problem.unwrap_err().slug(), Slug::Internal);
        assert_eq!(tasks.count(), 0);
    }
}
