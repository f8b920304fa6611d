//! Whatever changes something runs to its end, whoever hangs up.
//!
//! actix drops a handler when its client resets the connection, and a worker's runtime when the server stops: a delete
//! would take out the row and leave the audio. So every use case that writes is run here.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join};
use tapebase_api::Slug;
use tapebase_domain::id::UserId;
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{sleep, timeout},
};
use tracing::{Instrument as _, Span};

use crate::answers::problem::Problem;

/// Runs what changes something, and knows how much of that is under way.
#[derive(Clone)]
pub struct Tasks {
    /// The process's own runtime, which outlives those of actix's workers.
    runtime: Handle,
    most: usize,
    /// Whether the process stands still between an answer and the next request.
    is_frozen: bool,
    running: Arc<Running>,
}

/// One user has one part in so many of all tasks at most.
const SHARES: usize = 8;

/// How long what nobody waits for takes at most, mostly: to hand a mail to its server.
const USUALLY: Duration = Duration::from_secs(1);

/// How long an answer waits for that, where nothing goes on after it: what is not done by then may never be.
const AT_MOST: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Running {
    count: AtomicUsize,
    /// Of those who have some.
    users: Mutex<HashMap<UserId, usize>>,
    none_left: Notify,
}

impl Tasks {
    /// Tasks that end on `runtime` if their clients do not wait for them, `most` at once. More than there are connections
    /// is enough: what is begun by more is left by those who went.
    #[must_use]
    pub fn new(runtime: Handle, most: usize) -> Self {
        Self { runtime, most, is_frozen: false, running: Arc::default() }
    }

    /// The same for a process that stands still after an answer.
    #[must_use]
    pub fn frozen_after_answers(self) -> Self {
        Self { is_frozen: true, ..self }
    }

    /// Whether the process stands still between an answer and the next request.
    #[must_use]
    pub const fn are_frozen_after_answers(&self) -> bool {
        self.is_frozen
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

    /// Runs a `change` of `user`, or of somebody who is nobody yet, on the caller's thread as long as the caller waits for
    /// it, and elsewhere to its end if not.
    pub(crate) async fn run<T, E>(
        &self,
        user: impl Into<Option<UserId>>,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let counted = self.count_one(user.into())?;
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

    /// Begins what its client does not wait for, and is not to learn the duration of.
    ///
    /// It counts as under way for as long as it usually takes, at least: whoever can read that number is not to learn more
    /// from it. Where nothing goes on after an answer, that waits for it, for a few seconds.
    pub(crate) async fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Problem> {
        let counted = self.count_one(None)?;
        let work = async move {
            let _counted = counted;
            join(work, sleep(USUALLY)).await;
        };
        let work = self.runtime.spawn(work.instrument(Span::current()));
        if self.is_frozen {
            // A panic is this task's alone.
            let _ = timeout(AT_MOST, work).await;
        }
        Ok(())
    }

    fn count_one(&self, user: Option<UserId>) -> Result<Counted, Problem> {
        let (counted, of_user) = Counted::begin(self.running.clone(), user);
        if self.count() > self.most || of_user > self.most.div_ceil(SHARES) {
            return Err(Problem::new(
                Slug::Busy,
                "What others began has not ended yet. Nothing was changed; try again.",
            ));
        }
        Ok(counted)
    }
}

/// Counts a task for as long as it is there.
struct Counted {
    running: Arc<Running>,
    user: Option<UserId>,
}

impl Counted {
    /// And says how many its user has by now.
    fn begin(running: Arc<Running>, user: Option<UserId>) -> (Self, usize) {
        running.count.fetch_add(1, Ordering::AcqRel);
        let of_user = user.map_or(0, |user| {
            let mut users = running.users();
            let count = users.entry(user).or_default();
            *count += 1;
            *count
        });
        (Self { running, user }, of_user)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(user) = self.user
            && let Entry::Occupied(mut count) = self.running.users().entry(user)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        if self.running.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.running.none_left.notify_waiters();
        }
    }
}

impl Running {
    fn users(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Timers, connections and blocking calls that it begins are the process's: a worker's end with the worker.
        let _entered = task.runtime.enter();
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
    use std::pin::pin;

    use chrono::{DateTime, TimeDelta};
    use tokio::{
        sync::{broadcast, oneshot},
        task::spawn_blocking,
        time::{Instant, timeout},
    };

    use super::*;

    /// Begins a change that waits for a word, and drops whoever waits for the change.
    async fn abandon(tasks: &Tasks) -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (go_on, told) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let change = tasks.run(None, async move {
            // Begun here, to be ended elsewhere.
            let pause = pin!(sleep(Duration::from_millis(100)));
            let ((), told) = join(pause, told).await;
            told.map_err(Problem::internal)?;
            spawn_blocking(|| ()).await.map_err(Problem::internal)?;
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

        let refused = tasks.run::<(), Problem>(None, async { Ok(()) }).await;

        assert_eq!(refused.unwrap_err().slug(), Slug::Busy);
        go_on.send(()).unwrap();
        timeout(Duration::from_secs(5), tasks.finished()).await.expect("it has ended");
        tasks.run::<(), Problem>(None, async { Ok(()) }).await.unwrap();
    }

    #[tokio::test]
    async fn one_user_leaves_most_to_others() {
        let tasks = Tasks::new(Handle::current(), 2 * SHARES);
        let [ann, ben] = [1, 2].map(|second| UserId::generate(DateTime::UNIX_EPOCH + TimeDelta::seconds(second)));
        let (go_on, told) = broadcast::channel::<()>(1);
        for _ in 0..2 {
            let mut told = told.resubscribe();
            let change = tasks.run(ann, async move { told.recv().await.map_err(Problem::internal) });
            assert!(timeout(Duration::from_millis(10), change).await.is_err(), "it waits for a word");
        }

        let refused = tasks.run::<(), Problem>(ann, async { Ok(()) }).await;

        assert_eq!(refused.unwrap_err().slug(), Slug::Busy);
        tasks.run::<(), Problem>(ben, async { Ok(()) }).await.unwrap();
        go_on.send(()).unwrap();
        timeout(Duration::from_secs(5), tasks.finished()).await.expect("they have ended");
        tasks.run::<(), Problem>(ann, async { Ok(()) }).await.unwrap();
        assert!(tasks.running.users().is_empty(), "nobody who has none is remembered");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_begun_and_counted() {
        let tasks = Tasks::new(Handle::current(), 1);
        let (go_on, told) = oneshot::channel::<()>();

        tasks.start(async move { told.await.unwrap() }).await.unwrap();

        assert_eq!(tasks.count(), 1);
        assert_eq!(tasks.start(async {}).await.unwrap_err().slug(), Slug::Busy);
        go_on.send(()).unwrap();
        timeout(Duration::from_secs(5), tasks.finished()).await.expect("it has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn before_a_process_stands_still_everything_is_done_and_takes_the_same_time() {
        let tasks = Tasks::new(Handle::current(), 1).frozen_after_answers();
        for (takes, waits) in [(Duration::ZERO, USUALLY), (USUALLY / 2, USUALLY), (2 * USUALLY, 2 * USUALLY)] {
            let begun = Instant::now();

            tasks.start(sleep(takes)).await.unwrap();

            assert_eq!(begun.elapsed().as_secs(), waits.as_secs());
            assert_eq!(tasks.count(), 0);
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let tasks = Tasks::new(Handle::current(), 1);

        let problem = tasks.run::<(), Problem>(None, async { panic!("on purpose") }).await;

        assert_eq!(problem.unwrap_err().slug(), Slug::Internal);
        assert_eq!(tasks.count(), 0);
    }
}
