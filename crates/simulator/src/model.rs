//! What may be true, given what clients have asked for and were answered.
//!
//! Each id of each user is a small machine. Requests overlap, and some get no answer: so of each id every state is kept
//! that it may be in (its possible worlds). An answer that fits none of them is wrong (Wing and Gong, "Testing and
//! verifying concurrent objects", 1993, for one object at a time).

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use tapebase_domain::{id::RecordingId, time::Timestamp};

pub type Take = usize;
pub type Person = usize;
/// One request for one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(u64);

/// A recording, as far as clients can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its audio.
    pub take: Take,
    /// What it is called, if it was ever renamed.
    pub name: Option<u32>,
    /// How often what is known about it was written.
    pub revision: u64,
}

/// What an id may stand for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing.
    Absent,
    /// A recording.
    Live(Found),
    /// One that was deleted, not before then.
    Deleted(Timestamp),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// That audio is stored.
    Store {
        /// Which.
        take: Take,
        /// Even if it was deleted.
        again: bool,
    },
    /// That an upload is completed: one of these announcements, of a take and whether it may be of what was deleted.
    Complete(Vec<(Take, bool)>),
    /// That audio is announced.
    Announce {
        /// Which.
        take: Take,
        /// Even if it was deleted.
        again: bool,
    },
    /// What there is.
    Find,
    /// That it has this name, if it has the revision somebody expects.
    Rename(u32, Option<u64>),
    /// That it goes, if it has the revision somebody expects.
    Delete(Timestamp, Option<u64>),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It was added.
    Created(Take),
    /// Its parts can be sent.
    Begun,
    /// The very same was there.
    Existing,
    /// Another is there.
    Conflict,
    /// It was deleted.
    WasDeleted,
    /// This is there.
    Found(Found),
    /// There is none.
    NotFound,
    /// Done.
    Done,
    /// No, and nothing has changed.
    Refused,
}

impl Request {
    /// Every way in which it may go from here.
    fn outcomes(&self, state: &State) -> Vec<(State, Answer)> {
        if let Self::Complete(announced) = self {
            let stores = announced.iter().map(|(take, again)| Self::Store { take: *take, again: *again });
            let outcomes = stores.chain([Self::Find]).flat_map(|request| request.outcomes(state));
            // A store that repeated the write finds it done already: then what it made is only found.
            let found = |(state, answer): (State, Answer)| match (&state, &answer) {
                (State::Live(made), Answer::Created(_)) => vec![(state.clone(), Answer::Found(*made)), (state, answer)],
                _ => vec![(state, answer)],
            };
            return outcomes.flat_map(found).collect();
        }
        let stay = |answer| (state.clone(), answer);
        vec![stay(Answer::Refused), self.outcome(state)]
    }

    /// The way in which it goes from here, unless it is refused.
    fn outcome(&self, state: &State) -> (State, Answer) {
        let stay = |answer| (state.clone(), answer);
        match (self, state) {
            (Self::Store { take, .. }, State::Absent) | (Self::Store { take, again: true }, State::Deleted(_)) => {
                (State::Live(Found { take: *take, name: None, revision: 1 }), Answer::Created(*take))
            }
            (Self::Announce { .. }, State::Absent) | (Self::Announce { again: true, .. }, State::Deleted(_)) => {
                stay(Answer::Begun)
            }
            (Self::Store { .. } | Self::Announce { .. }, State::Deleted(_)) => stay(Answer::WasDeleted),
            (Self::Store { take, .. } | Self::Announce { take, .. }, State::Live(there)) => {
                stay(if *take == there.take { Answer::Existing } else { Answer::Conflict })
            }
            (Self::Find, State::Live(found)) => stay(Answer::Found(*found)),
            (Self::Rename(_, Some(expected)) | Self::Delete(_, Some(expected)), State::Live(found))
                if *expected != found.revision =>
            {
                stay(Answer::Conflict)
            }
            (Self::Rename(name, _), State::Live(found)) => {
                let renamed = Found { name: Some(*name), revision: found.revision + 1, ..*found };
                (State::Live(renamed), Answer::Found(renamed))
            }
            (Self::Delete(at, _), State::Live(_)) => (State::Deleted(*at), Answer::Done),
            (Self::Find | Self::Rename(..) | Self::Delete(..) | Self::Complete(_), _) => stay(Answer::NotFound),
        }
    }
}

/// One way things may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Possibility {
    state: State,
    /// What requests on their way have come to already.
    done: BTreeMap<RequestId, Answer>,
}

/// What is known of one id.
#[derive(Debug, Clone)]
struct Track {
    worlds: BTreeSet<Possibility>,
    on_their_way: BTreeMap<RequestId, Request>,
    /// Those of them that nobody waits for any more.
    late: BTreeSet<RequestId>,
}

impl Default for Track {
    fn default() -> Self {
        let nothing = Possibility { state: State::Absent, done: BTreeMap::new() };
        Self { worlds: [nothing].into(), on_their_way: BTreeMap::new(), late: BTreeSet::new() }
    }
}

impl Track {
    /// Adds all that may have happened by now.
    fn expand(&mut self, forgotten: Timestamp) {
        let mut fresh: Vec<Possibility> = self.worlds.iter().cloned().collect();
        while let Some(world) = fresh.pop() {
            let mut reach = |next: Possibility| {
                if self.worlds.insert(next.clone()) {
                    fresh.push(next);
                }
            };
            if matches!(world.state, State::Deleted(at) if at <= forgotten) {
                reach(Possibility { state: State::Absent, ..world.clone() });
            }
            for (id, request) in self.on_their_way.iter().filter(|(id, _)| !world.done.contains_key(id)) {
                let is_late = self.late.contains(id);
                for (state, answer) in request.outcomes(&world.state) {
                    // If it may yet happen, that nothing has come of it is the same as that it has not happened.
                    if is_late && state == world.state {
                        continue;
                    }
                    let mut done = world.done.clone();
                    done.insert(*id, if is_late { Answer::Refused } else { answer });
                    reach(Possibility { state, done });
                }
            }
        }
    }

    /// Takes a request off the way.
    fn settle(&mut self, id: RequestId) {
        self.on_their_way.remove(&id);
        self.worlds = std::mem::take(&mut self.worlds)
            .into_iter()
            .map(|mut world| {
                world.done.remove(&id);
                world
            })
            .collect();
    }

    fn states(&self) -> BTreeSet<&State> {
        self.worlds.iter().map(|world| &world.state).collect()
    }
}

/// What is known of every id.
#[derive(Clone)]
pub struct Model {
    tracks: BTreeMap<(Person, RecordingId), Track>,
    requests_ever: u64,
    /// For how long it is remembered what was deleted, if the clock that says when is behind, and another ahead.
    remembered: TimeDelta,
    /// What somebody has asked to go, even if the rows have forgotten it.
    asked_to_go: BTreeSet<(Person, RecordingId)>,
}

impl Model {
    /// Nothing yet.
    #[must_use]
    pub fn new(remembered: TimeDelta) -> Self {
        Self { tracks: BTreeMap::new(), requests_ever: 0, remembered, asked_to_go: BTreeSet::new() }
    }

    /// A request is on its way.
    pub fn begin(&mut self, person: Person, id: &RecordingId, request: Request) -> RequestId {
        self.requests_ever += 1;
        let number = RequestId(self.requests_ever);
        if matches!(request, Request::Delete(..)) {
            self.asked_to_go.insert((person, id.clone()));
        }
        self.tracks.entry((person, id.clone())).or_default().on_their_way.insert(number, request);
        number
    }

    /// It was answered.
    ///
    /// # Errors
    /// Says what is wrong with the answer, in so many words.
    pub fn end(
        &mut self,
        person: Person,
        id: &RecordingId,
        request: RequestId,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), String> {
        let forgotten = now - self.remembered;
        let track = self.tracks.entry((person, id.clone())).or_default();
        let Some(asked) = track.on_their_way.get(&request).cloned() else {
            return Err(format!("{answer:?} of {id} comes after its server was stopped"));
        };
        track.expand(forgotten);
        let fits = |world: &Possibility| world.done.get(&request) == Some(answer);
        if !track.worlds.iter().any(fits) {
            return Err(format!("{answer:?} is no answer to {asked:?} of {id}, which was {:?}", track.states()));
        }
        track.worlds.retain(fits);
        track.settle(request);
        Ok(())
    }

    /// Nobody will learn what came of it; if it is late, it may yet happen.
    pub fn give_up(&mut self, person: Person, id: &RecordingId, request: RequestId, is_late: bool, now: Timestamp) {
        let forgotten = now - self.remembered;
        let track = self.tracks.entry((person, id.clone())).or_default();
        if is_late {
            track.late.insert(request);
            return;
        }
        track.expand(forgotten);
        track.settle(request);
    }

    /// What was given up may yet have happened until now, and no later.
    pub fn settle_late(&mut self, now: Timestamp) {
        for track in self.tracks.values_mut().filter(|track| !track.late.is_empty()) {
            track.expand(now - self.remembered);
            for request in std::mem::take(&mut track.late) {
                track.settle(request);
            }
        }
    }

    /// It is not in the backup that is restored.
    pub fn leave_out(&mut self, person: Person, id: &RecordingId) {
        self.tracks.insert((person, id.clone()), Track::default());
    }

    /// Whether somebody has ever asked that it goes.
    #[must_use]
    pub fn was_asked_to_go(&self, person: Person, id: &RecordingId) -> bool {
        self.asked_to_go.contains(&(person, id.clone()))
    }

    /// All ids that somebody has named.
    #[must_use]
    pub fn ids(&self, person: Person) -> Vec<RecordingId> {
        self.tracks.keys().filter(|(of, _)| *of == person).map(|(_, id)| id.clone()).collect()
    }

    /// The rows are as they were then; whatever was on its way then may have come before or after.
    pub fn put_back(&mut self, then: &Self, now: Timestamp) {
        self.tracks = then.tracks.clone();
        for track in self.tracks.values_mut() {
            track.expand(now - self.remembered);
            track.late.clear();
            for request in track.on_their_way.keys().copied().collect::<Vec<_>>() {
                track.settle(request);
            }
        }
    }
}
