//! A whole history: servers, people and an operator, from the first step to the last check.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use futures_util::FutureExt as _;
use tapebase_adapters::memory::Memory;
use tapebase_domain::{
    Policy, Services,
    auth::AuthPolicy,
    blob::BodyError,
    changes::WaitPolicy,
    history::Retention,
    id::{RecordingId, simulation},
    page::Limit,
    ports::{Clock as _, Timestamp},
    upload::Limits,
};

use crate::{
    app, checks,
    client::{Arrival, Client},
    coverage::Calls,
    device,
    dice::Dice,
    executor::{Executor, Kind, TaskId, Work},
    faults::{Faults, Gate},
    invariant::Invariant,
    model::{Model, Person, Take},
    plan::{Action, Level, Plan, Step},
    ports::ports,
    sessions,
    shared::{Known, Queued, Shared},
    stores::Stores,
    time::{ServerClock, Time},
    trace::Trace,
};

const SERVERS: usize = 2;
const PEOPLE: usize = 3;
/// By how much a server's clock may be wrong.
const SKEW: TimeDelta = TimeDelta::hours(2);
const GRACE: TimeDelta = TimeDelta::hours(24);
const REMEMBERED: TimeDelta = TimeDelta::days(10);
/// More polls than any history needs.
const MOST_POLLS: usize = 200_000;

const LIMITS: Limits = Limits { recording_bytes: 4_000, quota_bytes: 40_000 };

/// Everything there is.
pub struct World {
    time: Time,
    faults: Faults,
    stores: Stores,
    executor: Executor,
    servers: Vec<Server>,
    /// What everybody knows.
    pub shared: Shared,
    copies: Vec<(Memory, Known)>,
    level: Level,
}

struct Server {
    services: Services,
    clock: ServerClock,
}

impl World {
    /// Servers, and people who have signed up.
    #[must_use]
    pub fn new(plan: &Plan, trace: Trace, tolerated: &[Invariant]) -> Self {
        let mut dice = Dice::of(plan.world);
        let mut randomness = dice.fork();
        simulation::draw_from(move |bytes| randomness.fill(bytes));
        let time = Time::from(beginning());
        let (faults, stores) = (Faults::default(), Stores::new(&time));
        let model = Model::new(REMEMBERED - SKEW);
        let shared = Shared::new(time.clone(), model, PEOPLE, trace, tolerated);
        let mut world = Self {
            servers: Vec::new(),
            executor: Executor::default(),
            copies: Vec::new(),
            time,
            faults,
            stores,
            shared,
            level: plan.level,
        };
        world.servers = (0..SERVERS).map(|_| world.start_server()).collect();
        for person in 0..PEOPLE {
            let (shared, services) = (world.shared.clone(), world.servers[0].services.clone());
            world.spawn(0, Kind::Client, dice.fork(), async move {
                sessions::sign_up(&shared, &services, person).await;
            });
        }
        world.run_to_end(&mut dice);
        world
    }

    fn start_server(&self) -> Server {
        let clock = ServerClock::new(self.time.clone());
        let gate = Gate { faults: self.faults.clone(), time: self.time.clone() };
        Server { services: Services::new(&ports(&self.stores, &gate, &clock), &policy()), clock }
    }

    /// Kills a server, and starts it again.
    fn kill(&mut self, server: usize) {
        self.faults.hit(self.executor.drop_server(server));
        self.servers[server] = self.start_server();
    }

    fn spawn(&mut self, server: usize, kind: Kind, dice: Dice, work: impl Future<Output = ()> + Send + 'static) {
        self.faults.prepare(self.executor.next_id(), dice);
        let work: Work = Box::pin(work);
        self.executor.spawn(server, kind, work);
    }

    /// Goes through the steps, until something is wrong.
    pub fn live(&mut self, steps: &[Step]) {
        for step in steps {
            self.faults.set_share(self.level.faults());
            let mut dice = Dice::of(step.seed);
            self.act(step.action, &mut dice);
            for _ in 0..dice.below(24) {
                if self.go_on(&mut dice).is_none() && !(dice.is(30) && self.time.pass_to_next_alarm()) {
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

    /// The calls of stores, and what went wrong with them.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.faults.counts()
    }

    fn go_on(&mut self, dice: &mut Dice) -> Option<()> {
        let faults = self.faults.clone();
        self.executor.step(dice, |task| faults.enter(task))
    }

    /// Lets everything that was begun come to its end.
    fn run_to_end(&mut self, dice: &mut Dice) {
        for _ in 0..MOST_POLLS {
            if self.go_on(dice).is_none() && (self.executor.is_idle() || !self.time.pass_to_next_alarm()) {
                break;
            }
        }
        if !self.executor.is_idle() {
            let tasks: Vec<TaskId> = self.executor.running(|_| true);
            self.shared.wrong(Invariant::Ends, format!("{tasks:?} never end"));
        }
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
        for person in 0..PEOPLE {
            let queue = self.shared.facts().people[person].queue.clone();
            for Queued { id, take, .. } in queue.into_iter().filter(|queued| !queued.is_safe) {
                self.as_client(person, 0, dice, |client| app::upload(client, id, take, false, Arrival::Whole));
                self.run_to_end(dice);
            }
        }
        self.check_finished();
        self.time.pass(GRACE * 2);
        self.sweep(0, dice);
        self.run_to_end(dice);
        for person in 0..PEOPLE {
            self.as_client(person, 0, dice, device::catch_up);
            self.as_client(person, 1, dice, checks::person);
            self.run_to_end(dice);
        }
        let (shared, stores) = (self.shared.clone(), self.stores.clone());
        self.spawn(0, Kind::Operator, dice.fork(), async move { checks::stores(&shared, &stores).await });
        self.run_to_end(dice);
        self.is_wrong();
    }

    /// Nobody has left anything behind, unless something went wrong with it.
    fn check_finished(&self) {
        for (what, task) in self.stores.ledger().loose() {
            if !self.faults.has_hit(task) {
                self.shared.wrong(Invariant::Finishes, format!("{what} was left by {task:?}, whose client hung up"));
            }
        }
    }

    fn sweep(&mut self, server: usize, dice: &mut Dice) {
        let (sweep, shared) = (self.servers[server].services.sweep.clone(), self.shared.clone());
        self.spawn(server, Kind::Operator, dice.fork(), async move {
            match sweep.run().await {
                Ok(swept) => shared.note(&format!("{swept:?}")),
                Err(error) => shared.note(&format!("the sweep fails: {error}")),
            }
        });
    }

    /// Has somebody do something at a server.
    fn as_client<W>(&mut self, person: Person, server: usize, dice: &mut Dice, act: impl FnOnce(Client) -> W)
    where
        W: Future + Send + 'static,
    {
        let Some(user) = self.shared.facts().people[person].user else { return };
        let client = Client {
            shared: self.shared.clone(),
            services: self.servers[server].services.clone(),
            person,
            user,
            stores: self.stores.clone(),
        };
        self.spawn(server, Kind::Client, dice.fork(), act(client).map(|_| ()));
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each action")]
    fn act(&mut self, action: Action, dice: &mut Dice) {
        let (person, server) = (dice.below(PEOPLE), dice.below(SERVERS));
        match action {
            Action::Upload => {
                let (id, take) = (self.fresh_id(), self.record(dice));
                let queued = Queued { id: id.clone(), take, is_safe: false };
                self.shared.facts().people[person].queue.push(queued);
                let arrival = self.arrival(dice);
                self.as_client(person, server, dice, |client| app::upload(client, id, take, false, arrival));
            }
            Action::Repeat => {
                let queue = self.shared.facts().people[person].queue.clone();
                let Some(Queued { id, take, .. }) = dice.pick(&queue).cloned() else { return };
                let arrival = self.arrival(dice);
                self.as_client(person, server, dice, |client| app::upload(client, id, take, false, arrival));
            }
            Action::Clash => {
                let (id, take) = (self.id(dice), self.record(dice));
                self.as_client(person, server, dice, |client| app::upload(client, id, take, false, Arrival::Whole));
            }
            Action::UploadAgain => {
                let queue = self.shared.facts().people[person].queue.clone();
                let Some(Queued { id, take, .. }) = dice.pick(&queue).cloned() else { return };
                self.as_client(person, server, dice, |client| app::upload(client, id, take, true, Arrival::Whole));
            }
            Action::Find => {
                let id = self.id(dice);
                self.as_client(person, server, dice, |client| app::find(client, id));
            }
            Action::Play => {
                let id = self.own_id(person, dice);
                self.as_client(person, server, dice, |client| app::play(client, id, None));
            }
            Action::PlayRange => {
                let (id, from) = (self.own_id(person, dice), dice.below(100) as u64);
                let to = from + dice.below(100) as u64;
                self.as_client(person, server, dice, |client| app::play(client, id, Some((from, to))));
            }
            Action::List => {
                let limit = Limit::new(1 + dice.below(4) as u64).unwrap_or_default();
                self.as_client(person, server, dice, |client| app::list(client, limit));
            }
            Action::Rename => {
                let (id, name) = (self.id(dice), u32::try_from(dice.below(1_000)).unwrap_or_default());
                self.as_client(person, server, dice, |client| app::rename(client, id, name));
            }
            Action::Delete => {
                let id = if dice.is(90) { self.own_id(person, dice) } else { self.id(dice) };
                self.as_client(person, server, dice, |client| app::delete(client, id));
            }
            Action::Announce => {
                let is_new = dice.is(70);
                let id = if is_new { self.fresh_id() } else { self.own_id(person, dice) };
                let (take, again) = (self.record(dice), dice.is(20));
                self.as_client(person, server, dice, |client| app::announce(client, id, take, again));
            }
            Action::SendPart => {
                let announced = self.shared.facts().people[person].announced.clone();
                let Some((upload, take)) = dice.pick(&announced).cloned() else { return };
                let take = if dice.is(10) { self.record(dice) } else { take };
                let arrival = self.arrival(dice);
                self.as_client(person, server, dice, |client| app::send_part(client, upload, take, arrival));
            }
            Action::Complete => {
                let announced = self.shared.facts().people[person].announced.clone();
                let Some((upload, _)) = dice.pick(&announced).cloned() else { return };
                self.as_client(person, server, dice, |client| app::complete(client, upload.id));
            }
            Action::Abort => {
                let announced = self.shared.facts().people[person].announced.clone();
                let Some((upload, _)) = dice.pick(&announced).cloned() else { return };
                self.as_client(person, server, dice, |client| app::abort(client, upload.id));
            }
            Action::SignUp => {
                let newcomers = self.shared.facts().known.newcomers.len();
                let number = dice.below(newcomers + 1);
                if number == newcomers {
                    self.shared.facts().known.newcomers.push(false);
                }
                self.as_client(person, server, dice, |client| sessions::sign_up_newcomer(client, number));
            }
            Action::LogIn => self.as_client(person, server, dice, sessions::log_in),
            Action::Present | Action::LogOut | Action::LogOutEverywhere => {
                let Some(token) = self.token(person, dice) else { return };
                self.as_client(person, server, dice, |client| async move {
                    match action {
                        Action::LogOut => sessions::log_out(client, token).await,
                        Action::LogOutEverywhere => sessions::log_out_everywhere(client, token).await,
                        _ => sessions::present(client, token).await,
                    }
                });
            }
            Action::ReadChanges => {
                let limit = Limit::new(1 + dice.below(5) as u64).unwrap_or_default();
                let wait = Duration::from_secs(if dice.is(30) { 25 } else { 0 });
                self.as_client(person, server, dice, |client| device::read(client, limit, wait));
            }
            Action::HangUp => {
                let clients = self.executor.running(|kind| kind == Kind::Client);
                let Some(task) = dice.pick(&clients) else { return };
                self.shared.note(&format!("a client hangs up: {task:?}"));
                self.executor.drop_task(*task);
            }
            Action::Crash => {
                self.shared.note(&format!("server {server} is killed and started again"));
                self.kill(server);
            }
            Action::Pass => self.pass(dice),
            Action::SetClock => {
                let minutes = i64::try_from(dice.below(240)).unwrap_or_default() - 120;
                self.shared.note(&format!("the clock of server {server} is {minutes} minutes ahead"));
                self.servers[server].clock.set_ahead(TimeDelta::minutes(minutes));
            }
            Action::Sweep => {
                self.shared.note(&format!("server {server} sweeps"));
                self.sweep(server, dice);
            }
            Action::Fill => {
                let is_full = dice.is(40);
                self.shared.note(if is_full { "there is no room left" } else { "there is room" });
                self.faults.set_full(is_full);
            }
            Action::CopyRows => {
                self.shared.note("the rows are copied");
                let known = self.shared.facts().known.clone();
                self.copies.push((self.stores.copy_rows(), known));
            }
            Action::PutBack => self.put_back(dice),
            Action::Rot => {
                let Some(Some(recordings)) = self.stores.recordings().now_or_never().map(Result::ok) else { return };
                let Some(recording) = dice.pick(&recordings).filter(|recording| recording.size > 0) else { return };
                let place = dice.seed() % recording.size;
                self.shared.note(&format!("a bit of {} falls over", recording.id));
                self.stores.ledger().flip(&recording.blob, place);
            }
        }
    }

    /// A while. Nobody waits for an answer for longer than some minutes.
    fn pass(&mut self, dice: &mut Dice) {
        let duration = match dice.below(10) {
            0..6 => TimeDelta::seconds(1 + i64::try_from(dice.below(120)).unwrap_or_default()),
            6..9 => TimeDelta::hours(1 + i64::try_from(dice.below(20)).unwrap_or_default()),
            _ => TimeDelta::days(1 + i64::try_from(dice.below(6)).unwrap_or_default()),
        };
        if duration > TimeDelta::minutes(5) {
            self.run_to_end(dice);
        }
        self.shared.note(&format!("{duration} pass"));
        self.time.pass(duration);
    }

    /// Stops all servers, puts the rows back, says so, and starts the servers again.
    fn put_back(&mut self, dice: &mut Dice) {
        let copies = self.copies.len();
        let Some((rows, known)) = self.copies.get(dice.below(copies)).cloned() else { return };
        for server in 0..SERVERS {
            self.kill(server);
        }
        self.shared.note("the rows are put back");
        let _ = self.stores.put_back(&rows).now_or_never();
        let _ = self.stores.inner().feed.renew_history().now_or_never();
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.known.model.put_back(&known.model, now);
        facts.known.sessions = known.sessions;
        // The others have never been there.
        facts.known.newcomers = known.newcomers;
    }

    fn record(&self, dice: &mut Dice) -> Take {
        let length = if dice.is(4) { 4_500 } else { dice.below(3_000) };
        let mut audio = vec![0; length];
        dice.fill(&mut audio);
        self.shared.facts().record(audio.into())
    }

    fn arrival(&self, dice: &mut Dice) -> Arrival {
        match (self.level, dice.below(100)) {
            (Level::Stormy | Level::Catastrophic, 0..4) => Arrival::Broken(BodyError::Incomplete),
            (Level::Stormy | Level::Catastrophic, 4..6) => Arrival::Broken(BodyError::Stalled),
            _ => Arrival::Whole,
        }
    }

    /// An id that anybody has.
    fn id(&self, dice: &mut Dice) -> RecordingId {
        let person = dice.below(PEOPLE);
        self.own_id(person, dice)
    }

    fn fresh_id(&self) -> RecordingId {
        RecordingId::generate(self.time.now())
    }

    fn own_id(&self, person: Person, dice: &mut Dice) -> RecordingId {
        let ids = self.shared.facts().known.model.ids(person);
        dice.pick(&ids).cloned().unwrap_or_else(|| self.fresh_id())
    }

    fn token(&self, person: Person, dice: &mut Dice) -> Option<String> {
        let facts = self.shared.facts();
        let tokens: Vec<&String> =
            facts.known.sessions.iter().filter(|it| it.person == person).map(|it| &it.token).collect();
        dice.pick(&tokens).map(|token| (*token).clone())
    }
}

fn beginning() -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

fn policy() -> Policy {
    Policy {
        limits: LIMITS,
        auth: AuthPolicy {
            open_signup: true,
            trust_social_ids: false,
            idle: TimeDelta::days(3_650),
            absolute: TimeDelta::days(3_650),
        },
        orphan_grace: GRACE,
        retention: Retention { lifetime: REMEMBERED, most: 1_000 },
        wait: WaitPolicy::default(),
    }
}
