//! A whole history: servers, people and an operator, from the first step to the last check.

mod book;
mod copies;
mod operator;
mod people;

use std::fmt::Display;

use chrono::{DateTime, TimeDelta};
use futures_util::FutureExt as _;
use tapebase_domain::{
    Policy, Services,
    auth::{AuthPolicy, EmailVerification, ErasurePolicy},
    changes::WaitPolicy,
    history::Retention,
    id::simulation,
    ports::Ports,
    quota::Quota,
    time::Timestamp,
    upload::Limits,
};

use self::copies::Copies;
use crate::{
    app, checks,
    client::{Client, Sending},
    coverage::Calls,
    device,
    dice::Dice,
    executor::{Connection, Executor, Role, TaskId, Work},
    faults::{Faults, Gate},
    invariant::Invariant,
    model::{Model, Person},
    plan::{Action, Level, Plan, Step},
    ports::{MEMORY, ports},
    sessions,
    shared::{Queued, Shared},
    stores::{self, Stores},
    time::{ServerClock, Time},
    trace::Trace,
};

const SERVERS: usize = 2;
const PEOPLE: usize = 3;
/// Where stores do what they do late.
const STORES: usize = SERVERS;
/// By how many minutes a server's clock may be wrong.
const SKEW_MINUTES: i64 = 120;
const GRACE: TimeDelta = TimeDelta::hours(24);
const REMEMBERED: TimeDelta = TimeDelta::days(10);
/// More polls than any history needs.
const MOST_POLLS: usize = 200_000;

/// How much a person may have.
pub const LIMITS: Limits = Limits { recording_bytes: 5_000, quota: Quota { bytes: 40_000, recordings: 9, uploads: 8 } };
/// More sessions than anybody opens: which of them goes first depends on uses that nobody here notes.
const MOST_SESSIONS: u64 = 1_000;

/// Who does something, and at which server.
#[derive(Clone, Copy)]
struct At {
    person: Person,
    server: usize,
}

/// Everything there is.
pub struct World {
    time: Time,
    faults: Faults,
    stores: Stores,
    executor: Executor,
    servers: Vec<Server>,
    /// What everybody knows.
    pub shared: Shared,
    copies: Copies,
    level: Level,
    done: Vec<Action>,
}

struct Server {
    services: Services,
    ports: Ports,
    clock: ServerClock,
    settings: Policy,
}

impl World {
    /// Servers, and people who have signed up.
    ///
    /// # Errors
    /// If the stores cannot be opened.
    pub fn new(plan: &Plan, kind: stores::Kind, trace: Trace, tolerated: &[Invariant]) -> anyhow::Result<Self> {
        let mut dice = Dice::of(plan.world);
        let mut randomness = dice.fork();
        simulation::draw_from(move |bytes| randomness.fill(bytes));
        let time = Time::from(beginning());
        let (faults, stores) = (Faults::default(), Stores::open(kind, &time)?);
        // One server may be behind when something is deleted, and the other ahead when it is forgotten.
        let model = Model::new(REMEMBERED - TimeDelta::minutes(2 * SKEW_MINUTES));
        let shared = Shared::new(time.clone(), model, PEOPLE, trace, tolerated);
        let mut world = Self {
            servers: Vec::new(),
            executor: Executor::default(),
            copies: Copies::default(),
            time,
            faults,
            stores,
            shared,
            level: plan.level,
            done: Vec::new(),
        };
        world.servers = (0..SERVERS).map(|_| world.start_server(settings())).collect();
        for person in 0..PEOPLE {
            let (shared, services) = (world.shared.clone(), world.servers[0].services.clone());
            world.spawn(0, Role::Reader, dice.fork(), async move {
                sessions::sign_up(&shared, &services, person).await;
            });
        }
        world.run_to_end(&mut dice);
        Ok(world)
    }

    fn start_server(&self, settings: Policy) -> Server {
        let clock = ServerClock::new(self.time.clone());
        let gate = Gate { faults: self.faults.clone(), time: self.time.clone() };
        let ports = ports(&self.stores, &gate, &clock);
        Server { services: Services::new(&ports, &settings), ports, clock, settings }
    }

    /// Kills a server, and starts it again.
    fn kill(&mut self, server: usize) {
        self.stop(server);
        self.start(server);
    }

    /// Drops everything a server was doing.
    fn stop(&mut self, server: usize) {
        let dropped = self.stores.run_in(|| self.executor.drop_server(server));
        self.faults.hit(dropped);
        self.stores.settle();
    }

    /// Starts a server with the settings it had, and nothing in its memory.
    fn start(&mut self, server: usize) {
        self.servers[server] = self.start_server(self.servers[server].settings.clone());
    }

    fn spawn(&mut self, server: usize, role: Role, dice: Dice, work: impl Future<Output = ()> + Send + 'static) {
        self.faults.prepare(self.executor.next_id(), dice);
        let work: Work = Box::pin(work);
        self.executor.spawn(server, role, work);
    }

    /// Goes through the steps, until something is wrong.
    pub fn live(&mut self, steps: &[Step]) {
        self.faults.set_share(self.level.faults());
        for step in steps {
            let mut dice = Dice::of(step.seed);
            let before = self.progress();
            self.act(step.action, &mut dice);
            if self.progress() != before {
                self.done.push(step.action);
            }
            self.begin_late(&mut dice);
            for _ in 0..dice.below(24) {
                if !(self.go_on(&mut dice) || dice.is(30) && self.time.pass_to_next_alarm()) {
                    break;
                }
            }
            if self.is_wrong() {
                return;
            }
        }
        let mut dice = Dice::of(steps.len() as u64);
        self.heal(&mut dice);
    }

    /// Drops whatever still goes on.
    pub fn end(&mut self) {
        self.stores.run_in(|| self.executor = Executor::default());
    }

    /// Differs once anything has happened.
    fn progress(&self) -> (TaskId, u64) {
        (self.executor.next_id(), self.shared.facts().trace.notes())
    }

    /// What was done, in order.
    #[must_use]
    pub fn done(&self) -> Vec<Action> {
        self.done.clone()
    }

    /// The calls of stores, and what went wrong with them.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.faults.counts()
    }

    /// Has somebody go on, who may have to wait for a store; `false` if nobody can.
    fn go_on(&mut self, dice: &mut Dice) -> bool {
        let (faults, executor) = (self.faults.clone(), &mut self.executor);
        self.stores.run_in(|| executor.step(dice, |task| faults.enter(task)))
            || (self.faults.is_store_busy() && self.executor.wait_until_woken())
    }

    /// Begins what stores are to do late.
    fn begin_late(&mut self, dice: &mut Dice) {
        for work in self.faults.take_late() {
            self.faults.hit([self.executor.next_id()]);
            self.spawn(STORES, Role::Operator, dice.fork(), work);
        }
    }

    /// Lets everything that was begun come to its end.
    fn run_to_end(&mut self, dice: &mut Dice) {
        self.run_until(dice, Executor::is_idle);
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.known.model.settle_late(now);
        self.faults.forget_late();
    }

    /// Goes on until something is so.
    fn run_until(&mut self, dice: &mut Dice, is_so: impl Fn(&Executor) -> bool) {
        for _ in 0..MOST_POLLS {
            self.begin_late(dice);
            if is_so(&self.executor) {
                return;
            }
            if !self.go_on(dice) && !self.time.pass_to_next_alarm() {
                break;
            }
        }
        let tasks: Vec<TaskId> = self.executor.running();
        self.shared.wrong(Invariant::Ends, format!("{tasks:?} never end"));
    }

    /// Whether something has gone wrong already.
    fn is_wrong(&self) -> bool {
        if let Some(what) = self.stores.ledger().wrong() {
            self.shared.wrong(Invariant::OwnersWord, what.to_owned());
        }
        self.shared.facts().wrong.is_some()
    }

    /// Nothing goes wrong any more: everybody finishes, the server sweeps, and all is looked at.
    fn heal(&mut self, dice: &mut Dice) {
        self.shared.note("nothing goes wrong any more");
        self.faults.set_share(0);
        self.faults.set_full(false);
        self.servers.iter().for_each(|server| server.clock.set_ahead(TimeDelta::zero()));
        self.run_to_end(dice);
        self.shared.facts().is_healed = true;
        // At once: what is remembered of sessions for a while is not forgotten yet.
        for person in 0..PEOPLE {
            self.as_client(At { person, server: 0 }, dice, checks::tokens);
            self.run_to_end(dice);
        }
        for person in 0..PEOPLE {
            let queue = self.shared.facts().people[person].queue.clone();
            for Queued { id, take, .. } in queue.into_iter().filter(|queued| !queued.is_safe) {
                self.as_client(At { person, server: 0 }, dice, |client| app::upload(client, id, take, Sending::GOOD));
                self.run_to_end(dice);
            }
        }
        self.check_finished();
        self.check_memory();
        let now = self.shared.facts().now();
        self.must(self.stores.wait_for(self.stores.audio(now)));
        self.time.pass(GRACE * 2);
        self.stores.sync();
        self.notice();
        self.sweep(0, dice);
        self.run_to_end(dice);
        self.must(self.stores.wait_for(checks::swept(&self.shared, &self.stores)));
        for person in 0..PEOPLE {
            self.as_client(At { person, server: 0 }, dice, device::catch_up);
            self.as_client(At { person, server: 1 }, dice, checks::person);
            self.run_to_end(dice);
        }
        self.audit(dice);
        self.must(self.stores.wait_for(checks::stores(&self.shared, &self.stores)));
        if !self.is_wrong() {
            self.go_by_the_book(dice);
            self.is_wrong();
        }
    }

    /// Nothing goes wrong with the stores themselves.
    fn must<T, E: Display>(&self, result: Result<T, E>) {
        if let Err(error) = result {
            self.shared.wrong(Invariant::Ends, format!("the stores themselves fail: {error}"));
        }
    }

    /// Nobody has left anything behind, unless something went wrong with it.
    fn check_finished(&self) {
        for (what, task) in self.stores.ledger().loose() {
            if !self.faults.has_hit(task) {
                self.shared.wrong(Invariant::Finishes, format!("{what} was left by {task:?}, whose client hung up"));
            }
        }
    }

    /// Nobody has kept memory that was for a body.
    fn check_memory(&self) {
        for (server, Server { ports, .. }) in self.servers.iter().enumerate() {
            let kept = MEMORY - ports.memory.free_bytes();
            if kept > 0 {
                self.shared
                    .wrong(Invariant::Finishes, format!("{kept} bytes of memory were never given back at {server}"));
            }
        }
    }

    /// Has somebody read something at a server.
    fn as_client<W>(&mut self, at: At, dice: &mut Dice, act: impl FnOnce(Client) -> W)
    where
        W: Future + Send + 'static,
    {
        self.begin(at, Role::Reader, dice, act);
    }

    /// Has somebody change something at a server.
    fn as_changer<W>(&mut self, at: At, dice: &mut Dice, act: impl FnOnce(Client) -> W)
    where
        W: Future + Send + 'static,
    {
        self.begin(at, Role::Changer(Connection::default()), dice, act);
    }

    fn begin<W>(&mut self, at: At, role: Role, dice: &mut Dice, act: impl FnOnce(Client) -> W)
    where
        W: Future + Send + 'static,
    {
        let At { person, server } = at;
        let Some(user) = self.shared.facts().people[person].user else { return };
        let client = Client {
            shared: self.shared.clone(),
            services: self.servers[server].services.clone(),
            memory: self.servers[server].ports.memory.clone(),
            person,
            user,
            stores: self.stores.clone(),
            faults: self.faults.clone(),
            connection: match &role {
                Role::Changer(connection) => connection.clone(),
                Role::Reader | Role::Operator => Connection::default(),
            },
        };
        self.spawn(server, role, dice.fork(), act(client).map(|_| ()));
    }

    fn act(&mut self, action: Action, dice: &mut Dice) {
        let at = At { person: dice.below(PEOPLE), server: dice.below(SERVERS) };
        match action {
            Action::Upload => self.upload(at, dice),
            Action::Repeat => self.repeat(at, dice),
            Action::Clash => self.clash(at, dice),
            Action::UploadAgain => self.upload_again(at, dice),
            Action::Find => self.find(at, dice),
            Action::Play => self.play(at, dice),
            Action::PlayRange => self.play_range(at, dice),
            Action::List => self.list(at, dice),
            Action::Rename => self.rename(at, dice),
            Action::Delete => self.delete(at, dice),
            Action::Announce => self.announce(at, dice),
            Action::SendPart => self.send_part(at, dice),
            Action::Complete => self.complete(at, dice),
            Action::Abort => self.abort(at, dice),
            Action::SignUp => self.sign_up(at, dice),
            Action::LogIn => self.as_changer(at, dice, sessions::log_in),
            Action::Present => self.with_token(at, dice, sessions::present),
            Action::LogOut => self.change_with_token(at, dice, sessions::log_out),
            Action::CloseSession => self.close_session(at, dice),
            Action::LogOutEverywhere => self.change_with_token(at, dice, sessions::log_out_everywhere),
            Action::ChangePassword => self.change_with_token(at, dice, sessions::change_password),
            Action::ForgetPassword => self.as_changer(at, dice, sessions::forget_password),
            Action::ChangeIdentities => self.as_changer(at, dice, sessions::change_identities),
            Action::ProveSocialId => self.as_changer(at, dice, sessions::prove_social_id),
            Action::UseToken => self.as_changer(at, dice, sessions::use_token),
            Action::DisableUser => self.as_changer(at, dice, sessions::disable),
            Action::Leave => self.leave(at, dice),
            Action::MakeLink => self.make_link(at, dice),
            Action::PlayLink => self.play_link(at, dice),
            Action::ReadChanges => self.read_changes(at, dice),
            Action::HangUp => self.hang_up(dice),
            Action::Crash => self.crash(at.server),
            Action::Pass => self.pass(dice),
            Action::SetClock => self.set_clock(at.server, dice),
            Action::Sweep => self.sweep(at.server, dice),
            Action::Fill => self.fill(dice),
            Action::Throttle => self.throttle(dice),
            Action::PowerCut => self.cut_power(dice),
            Action::Restart => self.restart(at.server, dice),
            Action::Verify => self.verify(at.server, dice),
            Action::RotateKeys => self.rotate_keys(at.server, dice),
            Action::BackUp => self.back_up(at.server, dice),
            Action::Restore => self.restore(dice),
            Action::CopyRows => self.copy_rows(),
            Action::PutBack => self.put_back(dice),
            Action::Rot => self.rot(dice),
        }
    }
}

/// The first of January 2026.
fn beginning() -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

fn settings() -> Policy {
    Policy {
        limits: LIMITS,
        auth: AuthPolicy {
            open_signup: true,
            trust_social_ids: true,
            email_verification: EmailVerification::Asked,
            idle: TimeDelta::days(3_650),
            absolute: TimeDelta::days(3_650),
            wrong_passwords_per_address: 0,
            sign_ups_per_address: 0,
            erasure: ErasurePolicy::default(),
            most_sessions: MOST_SESSIONS,
        },
        orphan_grace: GRACE,
        retention: Retention { lifetime: REMEMBERED, most: 1_000 },
        wait: WaitPolicy::default(),
    }
}
