//! Runs many tasks in one thread, and decides by the dice which of them goes on: to its next await, no further.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::dice::Dice;

/// How long a store may take, whatever it is.
const LONGEST_CALL: Duration = Duration::from_mins(1);

/// Names a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TaskId(pub u64);

/// Who a task is for.
#[derive(Debug, Clone)]
pub enum Role {
    /// A client who wants to know something, and may hang up: then nobody goes on.
    Reader,
    /// A client who wants something changed, and may hang up: then the server goes on without them.
    Changer(Connection),
    /// The operator, or the server itself.
    Operator,
}

/// Between a client and a server, until the client hangs up.
#[derive(Debug, Clone, Default)]
pub struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Whether the client has hung up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a task does.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All tasks.
#[derive(Default)]
pub struct Executor {
    tasks: BTreeMap<TaskId, Task>,
    ready: Ready,
    tasks_ever: u64,
}

struct Task {
    work: Work,
    /// The server it runs on.
    server: usize,
    role: Role,
    waker: Waker,
}

/// What has something to do.
#[derive(Clone, Default)]
struct Ready(Arc<(Mutex<BTreeSet<TaskId>>, Condvar)>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, id: TaskId) {
        self.lock().insert(id);
        self.0.1.notify_one();
    }

    fn take_one(&self, dice: &mut Dice) -> Option<TaskId> {
        let mut ready = self.lock();
        let place = dice.below(ready.len());
        let id = ready.iter().nth(place).copied()?;
        ready.remove(&id);
        Some(id)
    }
}

struct TaskWaker {
    id: TaskId,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.insert(self.id);
    }
}

impl Executor {
    /// The id of the next task.
    #[must_use]
    pub const fn next_id(&self) -> TaskId {
        TaskId(self.tasks_ever)
    }

    /// Begins a task on a server.
    pub fn spawn(&mut self, server: usize, role: Role, work: Work) {
        let id = self.next_id();
        self.tasks_ever += 1;
        let waker = Waker::from(Arc::new(TaskWaker { id, ready: self.ready.clone() }));
        self.tasks.insert(id, Task { work, server, role, waker });
        self.ready.insert(id);
    }

    /// Has one task go on; `false` if none can.
    pub fn step(&mut self, dice: &mut Dice, about_to: impl FnOnce(TaskId)) -> bool {
        let Some(id) = self.ready.take_one(dice) else { return false };
        about_to(id);
        // It may have been dropped since it was woken.
        if let Some(task) = self.tasks.get_mut(&id)
            && task.work.as_mut().poll(&mut Context::from_waker(&task.waker)) == Poll::Ready(())
        {
            self.tasks.remove(&id);
        }
        true
    }

    /// Waits until another thread has woken somebody; `false` if that takes too long.
    #[must_use]
    pub fn wait_until_woken(&self) -> bool {
        let (ready, woken) = &*self.ready.0;
        let ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = woken.wait_timeout_while(ready, LONGEST_CALL, |ready| ready.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Whether everything is done.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The tasks that are not done.
    #[must_use]
    pub fn running(&self) -> Vec<TaskId> {
        self.tasks.keys().copied().collect()
    }

    /// The tasks that are not done, and for which a client waits.
    #[must_use]
    pub fn waited_for(&self) -> Vec<TaskId> {
        let is_waited_for = |(_, task): &(_, &Task)| match &task.role {
            Role::Reader => true,
            Role::Changer(connection) => !connection.is_closed(),
            Role::Operator => false,
        };
        self.tasks.iter().filter(is_waited_for).map(|(id, _)| *id).collect()
    }

    /// Whether a server has nothing more to do.
    #[must_use]
    pub fn is_idle_at(&self, server: usize) -> bool {
        self.tasks.values().all(|task| task.server != server)
    }

    /// The client of a task hangs up: it is dropped where it is, unless it changes something.
    pub fn hang_up(&mut self, id: TaskId) {
        match self.tasks.get(&id).map(|task| &task.role) {
            Some(Role::Changer(Connection(is_closed))) => is_closed.store(true, Ordering::Relaxed),
            _ => drop(self.tasks.remove(&id)),
        }
    }

    /// Drops all tasks of a server where they are, and says which they were.
    pub fn drop_server(&mut self, server: usize) -> Vec<TaskId> {
        self.tasks.extract_if(.., |_, task| task.server == server).map(|(id, _)| id).collect()
    }
}
