//! What happens to everybody in a history: time, servers, the disk, and what an operator does.

use chrono::TimeDelta;

use tapebase_domain::{
    Services,
    audit::Audit,
    lineage::{Lineage, LineageError},
    quota::Quota,
    sweep::SweepError,
    verify::Verify,
};

use super::{GRACE, LIMITS, SERVERS, SKEW_MINUTES, World, settings};
use crate::{checks, dice::Dice, executor::Role, invariant::Invariant, links, shared::Shared, stores::Stores};

/// How many calls in ten thousand are refused, or worse, while stores are throttled.
const THROTTLED: u32 = 5_000;

impl World {
    pub(super) fn hang_up(&mut self, dice: &mut Dice) {
        let clients = self.executor.waited_for();
        let Some(task) = dice.pick(&clients) else { return };
        self.shared.note(&format!("a client hangs up: {task:?}"));
        self.stores.run_in(|| self.executor.hang_up(*task));
        self.stores.settle();
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
            self.stores.sync();
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
        let Services { sweep, lineage, .. } = self.servers[server].services.clone();
        let (shared, stores, has_noticed) = (self.shared.clone(), self.stores.clone(), dice.is(50));
        self.spawn(server, Role::Operator, dice.fork(), async move {
            match sweep.run().await {
                Ok(swept) => shared.note(&format!("{swept:?}")),
                Err(error) => {
                    shared.note(&format!("the sweep fails: {error}"));
                    if has_noticed && matches!(error, SweepError::Lineage(LineageError::Parted)) {
                        go_on_with_rows(&shared, &stores, &lineage).await;
                    }
                }
            }
        });
    }

    /// Whoever has not noticed yet that rows were put back does so now.
    pub(super) fn notice(&self) {
        let lineage = Lineage::new(&self.stores.inner());
        if let Err(LineageError::Parted) = self.stores.wait_for(lineage.check()) {
            self.stores.wait_for(go_on_with_rows(&self.shared, &self.stores, &lineage));
        }
    }

    pub(super) fn fill(&mut self, dice: &mut Dice) {
        let is_full = dice.is(40);
        self.shared.note(if is_full { "there is no room left" } else { "there is room" });
        self.faults.set_full(is_full);
    }

    pub(super) fn throttle(&mut self, dice: &mut Dice) {
        let is_throttled = dice.is(40);
        self.shared.note(if is_throttled { "the stores refuse most calls" } else { "the stores take calls" });
        self.faults.set_share(if is_throttled { THROTTLED } else { self.level.faults() });
    }

    pub(super) fn cut_power(&mut self, dice: &mut Dice) {
        self.shared.note("the power is cut");
        (0..SERVERS).for_each(|server| self.kill(server));
        self.stores.lose_power(dice);
    }

    /// Stops a server once it has nothing more to do, and starts it with another quota, and open to newcomers or not.
    pub(super) fn restart(&mut self, server: usize, dice: &mut Dice) {
        self.run_until(dice, |executor| executor.is_idle_at(server));
        let part = if dice.is(50) { 1 } else { 2 };
        let Quota { bytes, recordings, uploads } = LIMITS.quota;
        let mut settings = settings();
        settings.limits.quota = Quota { bytes: bytes / part, recordings: recordings / part, uploads: uploads / part };
        settings.auth.open_signup = dice.is(80);
        self.shared.note(&format!("server {server} is stopped and started, with 1/{part} of the quota"));
        self.servers[server] = self.start_server(settings);
    }

    pub(super) fn verify(&mut self, server: usize, dice: &mut Dice) {
        let ports = &self.servers[server].ports;
        let verify = Verify::new(ports, GRACE);
        self.shared.note("the operator verifies and repairs everything");
        let (audit, lineage) = (Audit::new(ports, GRACE), Lineage::new(ports));
        let (shared, stores) = (self.shared.clone(), self.stores.clone());
        self.spawn(server, Role::Operator, dice.fork(), async move {
            if let Err(error) = checks::verify(&shared, &stores, &verify).await {
                shared.note(&format!("verifying fails: {error}"));
            }
            if let Err(error) = note_orphans(&shared, &audit, &lineage).await {
                shared.note(&format!("repairing fails: {error}"));
            }
        });
    }

    /// What nobody has written down is found, and gone in its time.
    pub(super) fn audit(&mut self, dice: &mut Dice) {
        let ports = &self.servers[0].ports;
        let (audit, lineage) = (Audit::new(ports, GRACE), Lineage::new(ports));
        let shared = self.shared.clone();
        self.spawn(0, Role::Operator, dice.fork(), async move {
            if let Err(error) = note_orphans(&shared, &audit, &lineage).await {
                shared.wrong(Invariant::Ends, format!("an audit fails: {error}"));
            }
        });
        self.run_to_end(dice);
        self.time.pass(Audit::STAY + GRACE);
        self.sweep(0, dice);
        self.run_to_end(dice);
    }

    pub(super) fn rotate_keys(&mut self, server: usize, dice: &mut Dice) {
        self.shared.note("the operator rotates the keys of links");
        let keys = self.servers[server].ports.playback_keys.clone();
        self.spawn(server, Role::Operator, dice.fork(), links::rotate(self.shared.clone(), keys));
    }

    pub(super) fn rot(&mut self, dice: &mut Dice) {
        let Ok(recordings) = self.stores.wait_for(self.stores.recordings()) else { return };
        let Some(recording) = dice.pick(&recordings).filter(|recording| recording.size > 0) else { return };
        let place = dice.seed() % recording.size;
        self.shared.note(&format!("a bit of {} falls over", recording.id));
        self.stores.ledger().flip(&recording.blob, place);
    }
}

/// Has audio belong to the rows there are, whatever is newer than they are.
async fn go_on_with_rows(shared: &Shared, stores: &Stores, lineage: &Lineage) {
    shared.note("the operator has these rows go on");
    let Ok(recordings) = stores.recordings().await else { return };
    stores.ledger().give_up_all_but(&recordings);
    if let Err(error) = lineage.renew().await {
        shared.note(&format!("they do not: {error}"));
    }
}

/// Has audio without a recording be removed in its time.
async fn note_orphans(shared: &Shared, audit: &Audit, lineage: &Lineage) -> anyhow::Result<()> {
    lineage.advance().await?;
    let orphans = audit.orphans().await?;
    shared.note(&format!("{} pieces of audio have no recording", orphans.nobodys.len()));
    audit.note(&orphans).await?;
    // Whoever repeats it changes nothing.
    Ok(audit.note(&orphans).await?)
}
