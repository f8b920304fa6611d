//! What people do in a history: which of them, with what, is left to the dice.

use std::time::Duration;

use tapebase_domain::{
    blob::BodyError,
    id::RecordingId,
    page::{Limit, Order, PageRequest, TimeField},
    pending::PendingUpload,
    ports::Clock as _,
};

use super::{At, PEOPLE, World};
use crate::{
    app,
    client::{Arrival, Client, Declared, Sending},
    device,
    dice::Dice,
    leaving, links,
    model::{Person, Take},
    plan::Level,
    sessions,
    shared::Queued,
};

impl World {
    pub(super) fn upload(&mut self, at: At, dice: &mut Dice) {
        let (id, take) = (self.fresh_id(), self.record(dice));
        let queued = Queued { id: id.clone(), take, is_safe: false };
        self.shared.facts().people[at.person].queue.push(queued);
        let sending = self.sending(dice);
        self.as_changer(at, dice, |client| app::upload(client, id, take, sending));
    }

    pub(super) fn repeat(&mut self, at: At, dice: &mut Dice) {
        let Some(Queued { id, take, .. }) = self.queued(at.person, dice) else { return };
        let sending = self.sending(dice);
        self.as_changer(at, dice, |client| app::upload(client, id, take, sending));
    }

    pub(super) fn clash(&mut self, at: At, dice: &mut Dice) {
        let (id, take) = (self.anybodys_id(dice), self.record(dice));
        self.as_changer(at, dice, |client| app::upload(client, id, take, Sending::GOOD));
    }

    pub(super) fn upload_again(&mut self, at: At, dice: &mut Dice) {
        let Some(Queued { id, take, .. }) = self.queued(at.person, dice) else { return };
        let sending = Sending { again: true, ..Sending::GOOD };
        self.as_changer(at, dice, |client| app::upload(client, id, take, sending));
    }

    pub(super) fn find(&mut self, at: At, dice: &mut Dice) {
        let id = self.anybodys_id(dice);
        self.as_client(at, dice, |client| app::find(client, id));
    }

    pub(super) fn play(&mut self, at: At, dice: &mut Dice) {
        let id = self.own_id(at.person, dice);
        self.as_client(at, dice, |client| app::play(client, id, None));
    }

    pub(super) fn play_range(&mut self, at: At, dice: &mut Dice) {
        let (id, from) = (self.own_id(at.person, dice), dice.below(100) as u64);
        let to = from + dice.below(100) as u64;
        self.as_client(at, dice, |client| app::play(client, id, Some((from, to))));
    }

    pub(super) fn list(&mut self, at: At, dice: &mut Dice) {
        let by = if dice.is(50) { TimeField::Received } else { TimeField::Recorded };
        let order = if dice.is(70) { Order::Newest } else { Order::Oldest };
        let request = PageRequest { by, order, limit: few(4, dice), ..PageRequest::default() };
        self.as_client(at, dice, |client| app::list(client, request));
    }

    pub(super) fn rename(&mut self, at: At, dice: &mut Dice) {
        let (id, name) = (self.anybodys_id(dice), u32::try_from(dice.below(1_000)).unwrap_or_default());
        let expected = expected(dice);
        self.as_changer(at, dice, |client| app::rename(client, id, name, expected));
    }

    pub(super) fn delete(&mut self, at: At, dice: &mut Dice) {
        let id = if dice.is(90) { self.own_id(at.person, dice) } else { self.anybodys_id(dice) };
        let expected = expected(dice);
        self.as_changer(at, dice, |client| app::delete(client, id, expected));
    }

    pub(super) fn announce(&mut self, at: At, dice: &mut Dice) {
        let id = if dice.is(70) { self.fresh_id() } else { self.own_id(at.person, dice) };
        let (take, again) = (self.record(dice), dice.is(20));
        self.as_changer(at, dice, |client| app::announce(client, id, take, again));
    }

    pub(super) fn send_part(&mut self, at: At, dice: &mut Dice) {
        let Some((upload, take)) = self.announced(at.person, dice) else { return };
        // Other audio of the same length is told by its digest alone.
        let length = self.shared.facts().takes[take].len();
        let take = if dice.is(10) { self.record_of(length, dice) } else { take };
        let (arrival, is_forged) = (self.arrival(dice), dice.is(5));
        self.as_changer(at, dice, |client| app::send_part(client, upload, take, arrival, is_forged));
    }

    pub(super) fn complete(&mut self, at: At, dice: &mut Dice) {
        let Some((upload, _)) = self.announced(at.person, dice) else { return };
        self.as_changer(at, dice, |client| app::complete(client, upload.id));
    }

    pub(super) fn abort(&mut self, at: At, dice: &mut Dice) {
        let Some((upload, _)) = self.announced(at.person, dice) else { return };
        self.as_changer(at, dice, |client| app::abort(client, upload.id));
    }

    pub(super) fn sign_up(&mut self, at: At, dice: &mut Dice) {
        let newcomers = self.shared.facts().known.newcomers.len();
        let number = dice.below(newcomers + 1);
        if number == newcomers {
            self.shared.facts().known.newcomers.push(false);
        }
        self.as_changer(at, dice, |client| sessions::sign_up_newcomer(client, number));
    }

    pub(super) fn leave(&mut self, at: At, dice: &mut Dice) {
        let number = {
            let mut facts = self.shared.facts();
            facts.leavers += 1;
            facts.leavers
        };
        let takes = [self.record_of(1, dice), self.record_of(2, dice)];
        self.as_changer(at, dice, |client| leaving::leave(client, number, takes));
    }

    /// Does something with one of the tokens somebody has, or had.
    pub(super) fn with_token<W>(&mut self, at: At, dice: &mut Dice, act: impl FnOnce(Client, String) -> W)
    where
        W: Future + Send + 'static,
    {
        let Some(token) = self.token(at.person, dice) else { return };
        self.as_client(at, dice, |client| act(client, token));
    }

    /// Ends something by one of the tokens somebody has, or had.
    pub(super) fn change_with_token<W>(&mut self, at: At, dice: &mut Dice, act: impl FnOnce(Client, String) -> W)
    where
        W: Future + Send + 'static,
    {
        let Some(token) = self.token(at.person, dice) else { return };
        self.as_changer(at, dice, |client| act(client, token));
    }

    /// Somebody ends a session by its id, which may be somebody else's.
    pub(super) fn close_session(&mut self, at: At, dice: &mut Dice) {
        let ids: Vec<_> = self.shared.facts().known.sessions.iter().map(|session| session.id).collect();
        let Some(id) = dice.pick(&ids).copied() else { return };
        self.as_changer(at, dice, |client| sessions::close(client, id));
    }

    pub(super) fn make_link(&mut self, at: At, dice: &mut Dice) {
        let id = self.own_id(at.person, dice);
        self.as_client(at, dice, |client| links::make(client, id));
    }

    pub(super) fn play_link(&mut self, at: At, dice: &mut Dice) {
        let own: Vec<_> = {
            let facts = self.shared.facts();
            facts.links.iter().filter(|link| link.person == at.person).cloned().collect()
        };
        let Some(link) = dice.pick(&own).cloned() else { return };
        self.as_client(at, dice, |client| links::play(client, link));
    }

    pub(super) fn read_changes(&mut self, at: At, dice: &mut Dice) {
        let limit = few(5, dice);
        let wait = Duration::from_secs(if dice.is(30) { 25 } else { 0 });
        self.as_client(at, dice, |client| device::read(client, limit, wait));
    }

    fn record(&self, dice: &mut Dice) -> Take {
        let length = if dice.is(4) { 4_500 } else { dice.below(3_000) };
        self.record_of(length, dice)
    }

    pub(super) fn record_of(&self, length: usize, dice: &mut Dice) -> Take {
        let mut audio = vec![0; length];
        dice.fill(&mut audio);
        // Nothing that is recognised as something else than audio begins so.
        if let Some(first) = audio.first_mut() {
            *first = (*first & 0x3f) | 0x80;
        }
        self.shared.facts().record(audio.into())
    }

    fn sending(&self, dice: &mut Dice) -> Sending {
        let declared = match dice.below(100) {
            0..66 => Declared::All,
            66..96 => Declared::Nothing,
            96..98 => Declared::WrongSize,
            _ => Declared::WrongDigest,
        };
        Sending { arrival: self.arrival(dice), declared, again: false }
    }

    fn arrival(&self, dice: &mut Dice) -> Arrival {
        match (self.level, dice.below(100)) {
            (Level::Stormy | Level::Catastrophic, 0..4) => Arrival::Broken(BodyError::Incomplete),
            (Level::Stormy | Level::Catastrophic, 4..6) => Arrival::Broken(BodyError::Stalled),
            _ => Arrival::Whole,
        }
    }

    pub(super) fn fresh_id(&self) -> RecordingId {
        RecordingId::generate(self.time.now())
    }

    fn anybodys_id(&self, dice: &mut Dice) -> RecordingId {
        let person = dice.below(PEOPLE);
        self.own_id(person, dice)
    }

    fn own_id(&self, person: Person, dice: &mut Dice) -> RecordingId {
        let ids = self.shared.facts().known.model.ids(person);
        dice.pick(&ids).cloned().unwrap_or_else(|| self.fresh_id())
    }

    fn queued(&self, person: Person, dice: &mut Dice) -> Option<Queued> {
        dice.pick(&self.shared.facts().people[person].queue).cloned()
    }

    fn announced(&self, person: Person, dice: &mut Dice) -> Option<(PendingUpload, Take)> {
        dice.pick(&self.shared.facts().people[person].announced).cloned()
    }

    fn token(&self, person: Person, dice: &mut Dice) -> Option<String> {
        dice.pick(&self.shared.facts().tokens(person)).cloned()
    }
}

/// Which revision somebody believes a recording to have.
fn expected(dice: &mut Dice) -> Option<u64> {
    dice.is(30).then(|| 1 + dice.below(2) as u64)
}

/// Pages so short that there are several.
fn few(most: usize, dice: &mut Dice) -> Limit {
    Limit::new(1 + dice.below(most) as u64).unwrap_or_default()
}
