//! The end of a history: nothing goes wrong any more, somebody does everything by the book, and that works.

use chrono::TimeDelta;
use tapebase_domain::{changes::WaitPolicy, page::Limit};

use super::{At, LIMITS, REMEMBERED, SERVERS, World, settings};
use crate::{
    app, checks,
    client::{Client, Sending},
    device,
    dice::Dice,
    invariant::Invariant,
    leaving,
};

/// Whose server they are at.
const AT: At = At { person: 0, server: 0 };
/// How long a change that another server has made may take until it is heard of.
const HEARD_WITHIN: TimeDelta = TimeDelta::seconds(2);

impl World {
    pub(super) fn go_by_the_book(&mut self, dice: &mut Dice) {
        self.servers[AT.server] = self.start_server(settings());
        self.finish(dice, checks::delete_everything);
        self.finish(dice, device::catch_up);
        self.wait_for_a_change(dice);
        self.finish(dice, checks::delete_everything);
        self.fill_the_quota(dice);
        self.audit(dice);
        // Tombstones are remembered from the last removal of audio of their id.
        self.time.pass(REMEMBERED + TimeDelta::days(1));
        self.stores.sync();
        self.sweep(AT.server, dice);
        self.run_to_end(dice);
        self.must(self.stores.wait_for(checks::forgotten(&self.shared, &self.stores)));
        self.must(self.stores.wait_for(leaving::erased(&self.shared, &self.stores)));
        self.must(self.stores.wait_for(checks::stores(&self.shared, &self.stores)));
    }

    /// Whoever waits for a change hears of it at once, or, where another server has made it, a moment later.
    fn wait_for_a_change(&mut self, dice: &mut Dice) {
        let (began, server) = (self.shared.facts().now(), dice.below(SERVERS));
        let (id, take) = (self.fresh_id(), self.record_of(1, dice));
        self.as_client(AT, dice, |client| device::read(client, Limit::MAX, WaitPolicy::default().longest));
        let elsewhere = At { server, ..AT };
        self.as_client(elsewhere, dice, |client| app::upload(client, id, take, Sending::GOOD));
        self.run_to_end(dice);
        let waited = self.shared.facts().now() - began;
        if waited > if server == AT.server { TimeDelta::zero() } else { HEARD_WITHIN } {
            self.shared.wrong(Invariant::Ends, format!("a change is heard of after {waited}"));
        }
    }

    /// Whoever has nothing can fill the quota to its last byte.
    fn fill_the_quota(&mut self, dice: &mut Dice) {
        let size = usize::try_from(LIMITS.recording_bytes).unwrap_or_default();
        let parts = LIMITS.quota.bytes / LIMITS.recording_bytes;
        let takes = (0..parts).map(|_| (self.fresh_id(), self.record_of(size, dice))).collect();
        let one_more = (self.fresh_id(), self.record_of(1, dice));
        self.finish(dice, |client| checks::fill_the_quota(client, takes, one_more));
    }

    /// Has somebody do something to its end.
    fn finish<W>(&mut self, dice: &mut Dice, act: impl FnOnce(Client) -> W)
    where
        W: Future + Send + 'static,
    {
        self.as_client(AT, dice, act);
        self.run_to_end(dice);
    }
}
