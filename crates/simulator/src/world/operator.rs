//! What happens to everybody in a history: time, servers, the disk, and what an operator does.

use chrono::TimeDelta;

use super::{SERVERS, SKEW_MINUTES, World};
use crate::{dice::Dice, executor::Kind};

impl World {
    pub(super) fn hang_up(&mut self, dice: &mut Dice) {
        let clients = self.executor.running(|kind| kind == Kind::Client);
        let Some(task) = dice.pick(&clients) else { return };
        self.shared.note(&format!("a client hangs up: {task:?}"));
        self.stores.settle();
        self.executor.drop_task(*task);
    }

    pub(super) fn crash(&mut self, server: usize) {
        self.shared.note(&format!("server {server} is killed and started again"));
        self.kill(server);
    }

    /// A while. Nobody waits for an answer for longer than some minutes.
    pub(super) fn pass(&mut self, dice: &mut Dice) {
        let some = |most: usize, dice: &mut Dice| 1 + i64::try_from(dice.below(most)).unwrap_or_default();
        let duration = match dice.below(10) {
            0..6 => TimeDelta::seconds(some(120, dice)),
            6..9 => TimeDelta::hours(some(20, dice)),
            _ => TimeDelta::days(some(6, dice)),
        };
        if duration > TimeDelta::minutes(5) {
            self.run_to_end(dice);
        }
        self.shared.note(&format!("{duration} pass"));
        self.time.pass(duration);
    }

    pub(super) fn set_clock(&mut self, server: usize, dice: &mut Dice) {
        let range = usize::try_from(2 * SKEW_MINUTES).unwrap_or_default();
        let minutes = i64::try_from(dice.below(range)).unwrap_or_default() - SKEW_MINUTES;
        self.shared.note(&format!("the clock of server {server} is {minutes} minutes ahead"));
        self.servers[server].clock.set_ahead(TimeDelta::minutes(minutes));
    }

    pub(super) fn sweep(&mut self, server: usize, dice: &mut Dice) {
        self.shared.note(&format!("server {server} sweeps"));
        let (sweep, shared) = (self.servers[server].services.sweep.clone(), self.shared.clone());
        self.spawn(server, Kind::Operator, dice.fork(), async move {
            match sweep.run().await {
                Ok(swept) => shared.note(&format!("{swept:?}")),
                Err(error) => shared.note(&format!("the sweep fails: {error}")),
            }
        });
    }

    pub(super) fn fill(&mut self, dice: &mut Dice) {
        let is_full = dice.is(40);
        self.shared.note(if is_full { "there is no room left" } else { "there is room" });
        self.faults.set_full(is_full);
    }

    pub(super) fn copy_rows(&mut self) {
        let Some(rows) = self.stores.copy_rows() else { return };
        self.shared.note("the rows are copied");
        let known = self.shared.facts().known.clone();
        self.copies.push((rows, known));
    }

    /// Stops all servers, puts the rows back, says so, and starts the servers again.
    pub(super) fn put_back(&mut self, dice: &mut Dice) {
        let Some((rows, known)) = dice.pick(&self.copies).cloned() else { return };
        (0..SERVERS).for_each(|server| self.kill(server));
        self.shared.note("the rows are put back");
        let _ = self.stores.wait_for(self.stores.put_back(&rows, &self.time));
        let _ = self.stores.wait_for(self.stores.inner().feed.renew_history());
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.known.model.put_back(&known.model, now);
        // Sessions and accounts of later have never been there.
        facts.known.sessions = known.sessions;
        facts.known.newcomers = known.newcomers;
    }

    pub(super) fn rot(&mut self, dice: &mut Dice) {
        let Some(Ok(recordings)) = self.stores.wait_for(self.stores.recordings()) else { return };
        let Some(recording) = dice.pick(&recordings).filter(|recording| recording.size > 0) else { return };
        let place = dice.seed() % recording.size;
        self.shared.note(&format!("a bit of {} falls over", recording.id));
        self.stores.ledger().flip(&recording.blob, place);
    }
}
