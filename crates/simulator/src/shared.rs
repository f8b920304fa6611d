//! What everybody in a history knows together: who there is, what was asked and answered, and what went wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tapebase_domain::{
    digest::Sha256,
    id::{RecordingId, SessionId, UserId},
    pending::PendingUpload,
    ports::Clock as _,
    time::Timestamp,
};

use crate::{
    device::Device,
    invariant::{Invariant, Wrong},
    model::{Model, Person, Take},
    time::Time,
    trace::Trace,
};

/// A session as its client knows it.
#[derive(Debug, Clone)]
pub struct KnownSession {
    /// Whose.
    pub person: Person,
    /// Its name.
    pub id: SessionId,
    /// What opens it.
    pub token: String,
    /// Whether it is open.
    pub state: Openness,
}

/// A playback link that somebody was given.
#[derive(Debug, Clone)]
pub struct KnownLink {
    /// Whose.
    pub person: Person,
    /// To which recording.
    pub id: RecordingId,
    /// When that was stored.
    pub received_at: Timestamp,
    /// What opens it.
    pub ticket: String,
    /// Whether it has ended, but for its time.
    pub state: Openness,
    /// How often keys were rotated since.
    pub rotations: u32,
}

/// Whether a session or a link is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Openness {
    /// It is.
    Open,
    /// Somebody has asked to close it, and there was no answer yet, or never will be.
    Perhaps,
    /// It is closed for good.
    Closed,
}

/// A recording on its way from an app.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its id.
    pub id: RecordingId,
    /// Its audio.
    pub take: Take,
    /// Whether the app has forgotten its copy, for it was told that it is safe.
    pub is_safe: bool,
}

/// An announcement that may have been heard.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The id it was to have.
    pub id: RecordingId,
    /// The audio that was to come.
    pub take: Take,
    /// Whether it may take the id of one that was deleted.
    pub again: bool,
}

/// Everything about somebody.
#[derive(Default)]
pub struct PersonState {
    /// Who it is to the server.
    pub user: Option<UserId>,
    /// What their app has sent or is going to.
    pub queue: Vec<Queued>,
    /// What their app has ever tried to announce.
    pub attempts: Vec<Attempt>,
    /// What their app has announced.
    pub announced: Vec<(PendingUpload, Take)>,
    /// How often they have begun to log out everywhere, and how often that is over: it may end sessions that are just
    /// beginning.
    pub log_outs: (u32, u32),
    /// Whether one of them may happen later than it was answered.
    pub is_log_out_lost: bool,
    /// How often the operator has begun to enable them, and how often that is over.
    pub enablings: (u32, u32),
    /// Their other device, unless it is busy.
    pub device: Option<Device>,
}

/// What rows know, and so what is undone with them when they are put back.
#[derive(Clone)]
pub struct Known {
    /// Of recordings.
    pub model: Model,
    /// Of sessions.
    pub sessions: Vec<KnownSession>,
    /// Of people who have tried to sign up: whether that is known to have worked.
    pub newcomers: Vec<bool>,
    /// Of those who have left, and were told that all of theirs is removed.
    pub erased: Vec<UserId>,
}

/// What everybody knows.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Facts>>);

/// See [`Shared`].
pub struct Facts {
    /// The true time.
    pub time: Time,
    /// What rows should know.
    pub known: Known,
    /// All audio that was ever recorded.
    pub takes: Vec<Bytes>,
    takes_by_digest: BTreeMap<Sha256, Take>,
    /// Everybody.
    pub people: Vec<PersonState>,
    /// Every link that anybody was given.
    pub links: Vec<KnownLink>,
    /// How many came to leave again.
    pub leavers: usize,
    /// How often keys of links began to be rotated.
    pub rotations: u32,
    /// Whether one of them may happen later than it was answered.
    pub is_rotation_lost: bool,
    /// Whether nothing goes wrong any more.
    pub is_healed: bool,
    /// What has happened.
    pub trace: Trace,
    /// What need not hold.
    tolerated: BTreeSet<Invariant>,
    /// What went wrong first.
    pub wrong: Option<Wrong>,
}

impl Shared {
    /// So many people, and nothing has happened.
    #[must_use]
    pub fn new(time: Time, model: Model, people: usize, trace: Trace, tolerated: &[Invariant]) -> Self {
        Self(Arc::new(Mutex::new(Facts {
            time,
            known: Known { model, sessions: Vec::new(), newcomers: Vec::new(), erased: Vec::new() },
            takes: Vec::new(),
            takes_by_digest: BTreeMap::new(),
            people: (0..people)
                .map(|_| PersonState { device: Some(Device::default()), ..PersonState::default() })
                .collect(),
            links: Vec::new(),
            leavers: 0,
            rotations: 0,
            is_rotation_lost: false,
            is_healed: false,
            trace,
            tolerated: tolerated.iter().copied().collect(),
            wrong: None,
        })))
    }

    /// To look at, or change.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happens.
    pub fn note(&self, what: &str) {
        let mut facts = self.facts();
        let now = facts.now();
        facts.trace.note(now, what);
    }

    /// Something is wrong.
    pub fn wrong(&self, invariant: Invariant, what: String) {
        if self.facts().tolerated.contains(&invariant) {
            return;
        }
        self.note(&format!("WRONG ({invariant:?}): {what}"));
        self.facts().wrong.get_or_insert(Wrong { invariant, what });
    }
}

impl Facts {
    /// The true time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Somebody records something.
    pub fn record(&mut self, audio: Bytes) -> Take {
        let next = self.takes.len();
        // Two that are empty are the same.
        let take = *self.takes_by_digest.entry(Sha256::of(&audio)).or_insert(next);
        if take == next {
            self.takes.push(audio);
        }
        take
    }

    /// Every token that somebody ever had.
    #[must_use]
    pub fn tokens(&self, person: Person) -> Vec<String> {
        let own = self.known.sessions.iter().filter(|session| session.person == person);
        own.map(|session| session.token.clone()).collect()
    }

    /// Which audio has this digest.
    #[must_use]
    pub fn take_of(&self, sha256: Sha256) -> Option<Take> {
        self.takes_by_digest.get(&sha256).copied()
    }
}
