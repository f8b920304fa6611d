//! What goes wrong between a server and its stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryFutureExt as _, future::poll_fn, stream};
use tapebase_domain::{
    blob::ByteStream,
    ports::{
        BlobError, BoxError, CreateError, InsertError, ReserveError, RevisionError, SettleError, StoreError,
        UpdateError,
    },
};

use crate::{
    coverage::Calls,
    dice::Dice,
    executor::{TaskId, Work},
    time::Time,
};

/// How many times later a late call is done than a slow one: some minutes at most.
const LATER: i32 = 4;

/// What may happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails, and nothing was done.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// It fails, and is done some minutes later.
    Late,
    /// It is done twice: the first answer was lost behind the port.
    Twice,
    /// It takes up to a minute.
    Slow,
    /// There is no room for what it writes.
    Full,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Before, Self::After, Self::Late, Self::Twice, Self::Slow, Self::Full];
}

/// A call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The port and its method.
    pub name: &'static str,
    /// Whether it may find that there is none.
    pub needs_room: bool,
    /// Whether it may yet happen though it has failed, or twice.
    pub may_be_repeated: bool,
}

impl Call {
    /// Whether this may happen to it.
    #[must_use]
    pub fn may(self, fault: Fault) -> bool {
        match fault {
            Fault::Full => self.needs_room,
            Fault::Late | Fault::Twice => self.may_be_repeated,
            Fault::Before | Fault::After | Fault::Slow => true,
        }
    }
}

/// Decides which calls fail, and how.
#[derive(Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    /// How many calls are being answered by a store.
    waiting: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// How many calls in ten thousand go wrong.
    share: u32,
    is_full: bool,
    /// The chances of each task: what happens to one does not depend on the others.
    dice: BTreeMap<TaskId, Dice>,
    current: TaskId,
    /// The tasks to which something has happened.
    hit: BTreeSet<TaskId>,
    /// What is to be done late, and the tasks that have asked for it.
    late: Vec<Work>,
    asked_for_late: BTreeSet<TaskId>,
    /// How often each fault came with each call.
    counts: Calls,
}

impl Faults {
    /// How many calls in ten thousand go wrong from now on.
    pub fn set_share(&self, share: u32) {
        self.state().share = share;
    }

    /// Whether there is no room left from now on.
    pub fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// Gives a task its chances.
    pub fn prepare(&self, task: TaskId, dice: Dice) {
        self.state().dice.insert(task, dice);
    }

    /// The task that goes on now.
    pub fn enter(&self, task: TaskId) {
        self.state().current = task;
    }

    /// The task that goes on now.
    #[must_use]
    pub fn current(&self) -> TaskId {
        self.state().current
    }

    /// Whether something has gone wrong for a task.
    #[must_use]
    pub fn has_hit(&self, task: TaskId) -> bool {
        self.state().hit.contains(&task)
    }

    /// Notes that something has gone wrong for tasks.
    pub fn hit(&self, tasks: impl IntoIterator<Item = TaskId>) {
        self.state().hit.extend(tasks);
    }

    /// Takes what is to be done late.
    #[must_use]
    pub fn take_late(&self) -> Vec<Work> {
        std::mem::take(&mut self.state().late)
    }

    /// Whether something a task has asked for may yet happen, though it was told that it has failed.
    #[must_use]
    pub fn is_late(&self, task: TaskId) -> bool {
        self.state().asked_for_late.contains(&task)
    }

    /// All that was late has happened by now.
    pub fn forget_late(&self) {
        self.state().asked_for_late.clear();
    }

    /// Waits for a store, and counts who does.
    async fn wait_for<T>(&self, effect: impl Future<Output = T>) -> T {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        effect.await
    }

    /// What a store sends, so that whoever reads it waits for the store.
    pub fn wait_for_each(&self, bytes: ByteStream<BlobError>) -> ByteStream<BlobError> {
        Box::pin(stream::unfold((self.clone(), bytes), async |(faults, mut bytes)| {
            let piece = faults.wait_for(bytes.next()).await?;
            Some((piece, (faults, bytes)))
        }))
    }

    /// Whether anybody waits for a store: then no time passes.
    #[must_use]
    pub fn is_store_busy(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Calls {
        self.state().counts.clone()
    }

    /// What happens to a call, and for how long it takes if it is slow.
    fn draw(&self, call: Call) -> Option<(Fault, TimeDelta)> {
        let mut state = self.state();
        let State { share, is_full, dice, current, hit, counts, .. } = &mut *state;
        let drawn = dice.get_mut(current).and_then(|dice| {
            if *is_full && call.needs_room && dice.is(90) {
                return Some((Fault::Full, TimeDelta::zero()));
            }
            let is_faulty = dice.is_one_of_ten_thousand(*share);
            let fault = match dice.below(8) {
                0..3 => Fault::Before,
                3 if call.may_be_repeated => Fault::Late,
                4 if call.may_be_repeated => Fault::Twice,
                3..6 => Fault::After,
                6 => Fault::Slow,
                _ if call.needs_room => Fault::Full,
                _ => Fault::Slow,
            };
            let milliseconds = i64::try_from(dice.below(60_000)).unwrap_or_default();
            is_faulty.then_some((fault, TimeDelta::milliseconds(milliseconds)))
        });
        *counts.entry((call, drawn.map(|(fault, _)| fault))).or_default() += 1;
        let (fault, duration) = drawn?;
        if !matches!(fault, Fault::Slow | Fault::Twice) {
            hit.insert(*current);
        }
        Some((fault, duration))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of every call to a store.
#[derive(Clone)]
pub struct Gate {
    /// What goes wrong.
    pub faults: Faults,
    /// How calls take time.
    pub time: Time,
}

impl Gate {
    /// A call that needs no room.
    pub async fn call<T, E: Failure>(
        &self,
        name: &'static str,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.pass(Call { name, needs_room: false, may_be_repeated: false }, effect).await
    }

    /// A call that needs room.
    pub async fn call_with_room<T, E: Failure>(
        &self,
        name: &'static str,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.pass(Call { name, needs_room: true, may_be_repeated: false }, effect).await
    }

    /// A call that needs room, and that a store may repeat by itself. It may yet happen though it has failed, unless that
    /// could bring back what was deleted meanwhile.
    pub async fn call_repeated<T: 'static, E: Failure + 'static, F: Future<Output = Result<T, E>> + Send + 'static>(
        &self,
        name: &'static str,
        effect: impl Fn() -> F,
        may_happen_late: bool,
    ) -> Result<T, E> {
        let fault = self.faults.draw(Call { name, needs_room: true, may_be_repeated: true });
        match fault {
            Some((Fault::Late, duration)) if may_happen_late => {
                self.do_late(duration * LATER, effect());
                yield_now().await;
                Err(E::unavailable("nobody knows".into()))
            }
            Some((Fault::Twice, _)) => {
                let first = effect();
                let second = effect();
                self.meet(fault, async { first.and_then(|_| second).await }).await
            }
            _ => self.meet(fault, effect()).await,
        }
    }

    async fn pass<T, E: Failure>(&self, call: Call, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let fault = self.faults.draw(call);
        self.meet(fault, effect).await
    }

    /// Has something done later, by the store alone.
    fn do_late<T>(&self, after: TimeDelta, effect: impl Future<Output = T> + Send + 'static) {
        let (faults, time) = (self.faults.clone(), self.time.clone());
        let mut state = self.faults.state();
        let task = state.current;
        state.asked_for_late.insert(task);
        state.late.push(Box::pin(async move {
            time.sleep(after).await;
            faults.wait_for(effect).await;
        }));
    }

    async fn meet<T, E: Failure>(
        &self,
        fault: Option<(Fault, TimeDelta)>,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        yield_now().await;
        match fault {
            Some((Fault::Before | Fault::Late, _)) => return Err(E::unavailable("refused".into())),
            Some((Fault::Full, _)) => return Err(E::full("no room".into())),
            Some((Fault::Slow, duration)) => self.time.sleep(duration).await,
            Some((Fault::After | Fault::Twice, _)) | None => {}
        }
        let result = self.faults.wait_for(effect).await;
        yield_now().await;
        match fault {
            Some((Fault::After, _)) => Err(E::unavailable("the answer was lost".into())),
            _ => result,
        }
    }
}

/// Lets others go first.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return std::task::Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// An error of a port that a fault can be told by.
pub trait Failure {
    /// The store cannot answer.
    fn unavailable(cause: BoxError) -> Self;
    /// The store has no room.
    fn full(cause: BoxError) -> Self;
}

impl Failure for BlobError {
    fn unavailable(cause: BoxError) -> Self {
        Self::Unavailable(cause)
    }

    fn full(cause: BoxError) -> Self {
        Self::Full(cause)
    }
}

macro_rules! failure_of_rows {
    ($($error:ty),*) => {
        $(impl Failure for $error {
            fn unavailable(cause: BoxError) -> Self {
                StoreError::Unavailable(cause).into()
            }

            fn full(cause: BoxError) -> Self {
                StoreError::Full(cause).into()
            }
        })*
    };
}

failure_of_rows!(StoreError, InsertError, RevisionError, ReserveError, SettleError, CreateError, UpdateError);
