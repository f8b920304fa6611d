//! A client of one server: asks, and has what is answered checked.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tapebase_domain::{
    Services,
    blob::{BodyError, ByteStream},
    digest::Sha256,
    id::{RecordingId, UserId},
    memory::Budget,
    ports::{BlobError, Clock as _},
    recording::Recording,
    time::Timestamp,
    upload::UploadError,
};

use crate::{
    executor::{Connection, TaskId},
    faults::Faults,
    invariant::Invariant,
    model::{Answer, Found, Person, Request, RequestId, Take},
    pieces::in_pieces,
    shared::Shared,
    stores::Stores,
    world::LIMITS,
};

/// Somebody at a server.
#[derive(Clone)]
pub struct Client {
    /// What everybody knows.
    pub shared: Shared,
    /// The server.
    pub services: Services,
    /// What it has for bodies.
    pub memory: Budget,
    /// Who.
    pub person: Person,
    /// Who it is to the server.
    pub user: UserId,
    /// Where the audio is.
    pub stores: Stores,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether they still wait for an answer.
    pub connection: Connection,
}

/// How a body arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Whole.
    Whole,
    /// Not to its end.
    Broken(BodyError),
}

/// How an app sends a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// How its body arrives.
    pub arrival: Arrival,
    /// What the app says beforehand of it.
    pub declared: Declared,
    /// Whether it may take the id of one that was deleted.
    pub again: bool,
}

/// What an app says of a recording before it sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Nothing.
    Nothing,
    /// Its size and its digest.
    All,
    /// Its size, which is another.
    WrongSize,
    /// Its digest, which is another.
    WrongDigest,
}

impl Sending {
    /// As the guide has it.
    pub const GOOD: Self = Self { arrival: Arrival::Whole, declared: Declared::All, again: false };

    /// The size and the digest that are declared of some audio.
    #[must_use]
    pub fn declare(&self, audio: &[u8]) -> (Option<u64>, Option<Sha256>) {
        let (size, sha256) = (audio.len() as u64, Sha256::of(audio));
        match self.declared {
            Declared::Nothing => (None, None),
            Declared::All => (Some(size), Some(sha256)),
            Declared::WrongSize => (Some(size + 1), None),
            Declared::WrongDigest => (None, Some(Sha256::of(sha256.0.as_slice()))),
        }
    }

    /// Whether it is not what it is said to be: then it cannot be stored.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        matches!(self.declared, Declared::WrongSize | Declared::WrongDigest)
    }
}

/// A request on its way. Dropped before it is answered, nobody will ever know what came of it.
pub struct Asked {
    client: Client,
    id: RecordingId,
    request: RequestId,
    task: TaskId,
    /// How many bits had fallen over by then.
    flips: usize,
    is_over: bool,
}

impl Client {
    /// The true time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.facts().time.now()
    }

    /// The audio itself.
    #[must_use]
    pub fn audio(&self, take: Take) -> Bytes {
        self.shared.facts().takes[take].clone()
    }

    /// The audio on its way.
    #[must_use]
    pub fn body(&self, take: Take, arrival: Arrival) -> ByteStream<BodyError> {
        let audio = self.audio(take);
        let sent = match arrival {
            Arrival::Whole => in_pieces(&audio, None),
            Arrival::Broken(error) => in_pieces(&audio.slice(..audio.len() / 2), Some(error)),
        };
        let connection = self.connection.clone();
        // Of what the client has not sent when it hangs up nothing comes, not even that this was all.
        let cut = stream::unfold(Some(sent), move |sent| {
            let connection = connection.clone();
            async move {
                let mut sent = sent?;
                let piece = sent.next().await;
                if connection.is_closed() {
                    Some((Err(BodyError::Incomplete), None))
                } else {
                    Some((piece?, Some(sent)))
                }
            }
        });
        Box::pin(cut)
    }

    /// Asks something of a recording.
    #[must_use]
    pub fn ask(&self, id: &RecordingId, request: Request) -> Asked {
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.trace.note(now, &format!("{} asks {request:?} of {id}", self.person));
        let number = facts.known.model.begin(self.person, id, request);
        drop(facts);
        let (task, flips) = (self.faults.current(), self.stores.ledger().flips());
        Asked { client: self.clone(), id: id.clone(), request: number, task, flips, is_over: false }
    }

    /// What a recording says of itself, as the model has it; it must be this client's, and something that was recorded.
    #[must_use]
    pub fn found(&self, recording: &Recording) -> Option<Found> {
        let known = {
            let facts = self.shared.facts();
            let is_possible = recording.size <= LIMITS.recording_bytes;
            facts
                .take_of(recording.sha256)
                .filter(|take| is_possible && facts.takes[*take].len() as u64 == recording.size)
        };
        let Some(take) = known.filter(|_| recording.owner == self.user) else {
            self.shared.wrong(Invariant::Answers, format!("{recording:?} is nothing that {} recorded", self.person));
            return None;
        };
        let name = recording.details.name.as_str().strip_prefix("name ").and_then(|number| number.parse().ok());
        Some(Found { take, name, revision: recording.revision.0 })
    }

    /// Writes down an answer that says nothing of what is there; once nothing goes wrong any more there is none.
    pub fn excuse(&self, error: &impl std::fmt::Display) {
        let what = format!("{} is told that {error}", self.person);
        if self.shared.facts().is_healed {
            self.shared.wrong(Invariant::Ends, what);
        } else {
            self.shared.note(&what);
        }
    }

    /// The answer is that a store fails: then one has.
    pub fn excuse_failure(&self, cause: &impl std::fmt::Display) {
        if !self.faults.has_hit(self.faults.current()) {
            let what = format!("{} is told that {cause}, and nothing has gone wrong", self.person);
            self.shared.wrong(Invariant::Answers, what);
        }
        self.excuse(cause);
    }

    /// What was played is compared with what was recorded.
    pub fn compare(&self, recording: &Recording, expected: &[u8], played: Result<Bytes, BlobError>, is_whole: bool) {
        match played {
            Ok(bytes) if bytes == expected => {}
            // Ranges are not compared with checksums, which is documented.
            Ok(_) if !is_whole && self.stores.ledger().rot(&recording.blob).is_some() => {}
            Ok(bytes) => {
                let what = format!("{} plays {} other bytes than were recorded", recording.id, bytes.len());
                self.shared.wrong(Invariant::Bytes, what);
            }
            Err(BlobError::Damaged(_)) if self.stores.ledger().rot(&recording.blob).is_some() => {}
            Err(BlobError::Damaged(error)) => {
                self.shared.wrong(Invariant::Bytes, format!("{} is said to be damaged: {error}", recording.id));
            }
            Err(error) => self.excuse(&error),
        }
    }
}

impl Asked {
    /// Who has asked.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The answer has come.
    pub fn answer(mut self, answer: &Answer) {
        self.is_over = true;
        let Client { shared, person, .. } = &self.client;
        let mut facts = shared.facts();
        let now = facts.now();
        facts.trace.note(now, &format!("{person} is answered {answer:?} of {}", self.id));
        let result = facts.known.model.end(*person, &self.id, self.request, answer, now);
        drop(facts);
        if let Err(what) = result {
            shared.wrong(Invariant::Answers, what);
        }
    }

    fn was_asked_to_go(&self) -> bool {
        self.client.shared.facts().known.model.was_asked_to_go(self.client.person, &self.id)
    }

    /// The answer is that this take is safe.
    pub fn answer_stored(self, answer: &Answer, take: Take, recording: &Recording) {
        let client = self.client.clone();
        if client.found(recording).is_none_or(|found| found.take != take) {
            client.shared.wrong(Invariant::Answers, format!("{} is not what was sent", recording.id));
        }
        if client.stores.ledger().was_rotten(&recording.blob, self.flips) {
            client.shared.wrong(Invariant::Safe, format!("{} is called safe, and its audio is damaged", recording.id));
        }
        for queued in &mut client.shared.facts().people[client.person].queue {
            queued.is_safe |= queued.id == recording.id && queued.take == take;
        }
        self.answer(answer);
    }

    /// The answer to an upload is a refusal, or none. Of a body is known how it is sent; of parts, nothing.
    pub fn answer_refusal(self, error: &UploadError, body: Option<Sending>) {
        let is_wrong = body.is_none_or(|sending| sending.is_wrong());
        let is_due = match error {
            UploadError::Conflict(_) => return self.answer(&Answer::Conflict),
            UploadError::Deleted(_) => return self.answer(&Answer::WasDeleted),
            // What it was compared with went meanwhile.
            UploadError::Unavailable(cause) if self.was_asked_to_go() => return self.client.excuse(cause),
            UploadError::Unavailable(cause) => return self.client.excuse_failure(cause),
            UploadError::SendAgain(id) if self.client.stores.ledger().has_bad(self.client.user, id) => {
                return self.client.excuse(error);
            }
            UploadError::Body(BodyError::TooLarge { .. } | BodyError::OverQuota)
            | UploadError::TooManyRecordings { .. }
            | UploadError::TooManyUploads { .. } => true,
            UploadError::Body(error) => {
                is_wrong
                    || body.is_some_and(|sending| sending.arrival == Arrival::Broken(*error))
                    || self.client.connection.is_closed()
            }
            UploadError::DigestMismatch { .. } => is_wrong,
            UploadError::Full(_) => self.client.faults.has_hit(self.task),
            UploadError::UnsupportedType(_)
            | UploadError::Foreign(_)
            | UploadError::Unmet
            | UploadError::SendAgain(_) => false,
        };
        if !is_due {
            self.client.shared.wrong(Invariant::Answers, format!("{} is refused, for {error}", self.id));
        }
        self.answer(&Answer::Refused);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut facts = self.client.shared.facts();
        let now = facts.now();
        facts.trace.note(now, &format!("{} gets no answer about {}", self.client.person, self.id));
        let is_late = self.client.faults.is_late(self.task);
        facts.known.model.give_up(self.client.person, &self.id, self.request, is_late, now);
    }
}
