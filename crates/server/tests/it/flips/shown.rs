//! Everything a data folder shows of some people, and how it differs from what it should.

use std::{collections::BTreeMap, fmt, path::Path};

use futures_util::TryStreamExt as _;
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::{
    blob::ByteRange,
    changes::Waiters,
    damage::Damage,
    digest::Sha256,
    history::{ChangeNumber, Entry, Retention},
    id::UserId,
    list::List,
    page::{Limit, PageRequest, TimeField},
    ports::{ChangesRequest, Clock as _, Ports, SystemClock},
    recording::Recording,
    session::TokenHash,
    user::{Email, Identity},
};
use tokio::runtime::Runtime;

/// Somebody who has recordings, as they identify themselves.
#[derive(Clone)]
pub struct Person {
    pub id: UserId,
    pub email: Email,
    pub token: TokenHash,
}

/// What is said of each thing, or that it is refused.
#[derive(Debug, Default)]
pub struct Shown(BTreeMap<String, Answer>);

#[derive(Debug, PartialEq)]
enum Answer {
    Said(String),
    /// With the reason.
    Refused(String),
}

/// How what is shown differs from what it should be.
pub enum Difference {
    None,
    /// Something is refused or not there, or it is a number that is counted anew.
    Missed(String),
    /// Something else is shown in its place.
    Wrong(String),
}

impl Shown {
    /// Opens the stores, and asks them for everything.
    pub fn in_folder(data_dir: &Path, people: &[Person]) -> Self {
        let mut shown = Self::default();
        let rows = format!("sqlite:{}", data_dir.join("tapebase.db").display());
        let blobs = format!("file:{}", data_dir.join("blobs").display());
        let stores = Locations::parse(&rows, &blobs, S3Dialect::default()).expect("they are known");
        Runtime::new().expect("a runtime").block_on(async {
            match stores.connect().await {
                Ok(ports) => {
                    for person in people {
                        shown.ask(&ports, person).await;
                    }
                }
                Err(error) => shown.note("the stores", Err::<(), _>(error)),
            }
        });
        shown
    }

    /// Whether there are so many recordings that play, and nothing is refused.
    pub fn has(&self, recordings: usize) -> bool {
        let plays = self.0.keys().filter(|what| what.starts_with("audio ")).count();
        plays == recordings && self.0.values().all(|answer| matches!(answer, Answer::Said(_)))
    }

    /// First the rows: to meet damaged audio is noted in its row.
    async fn ask(&mut self, ports: &Ports, person: &Person) {
        let waiters = Waiters::default();
        let damage = Damage::new(ports, waiters.clone());
        let list = List::new(ports, waiters, damage, Retention::default());
        self.ask_for_account(ports, person).await;
        self.ask_for_changes(ports, person.id).await;
        let mut recordings = BTreeMap::new();
        for by in [TimeField::Received, TimeField::Recorded] {
            let page = list.page(person.id, PageRequest { by, limit: Limit::MAX, ..PageRequest::default() }).await;
            let page = page.map(|page| page.items);
            for recording in page.iter().flatten() {
                self.note(&format!("recording {} by {by:?}", recording.id), Ok::<_, String>(recording));
                recordings.insert(recording.id.as_str().to_owned(), recording.clone());
            }
            let order = page.map(|items| items.into_iter().map(|item| item.id).collect::<Vec<_>>());
            self.note(&format!("the order of {} by {by:?}", person.id), order);
        }
        for recording in recordings.values() {
            let found = list.find(person.id, &recording.id).await;
            self.note(&format!("recording {}", recording.id), found);
        }
        for recording in recordings.values() {
            self.note(&format!("audio of {}", recording.id), play(&list, recording).await);
        }
    }

    async fn ask_for_account(&mut self, ports: &Ports, person: &Person) {
        let id = person.id;
        let account = ports.users.find(&Identity::Email(person.email.clone())).await;
        let account = account.map(|found| {
            found.map(|account| {
                let password = account.password.as_ref().map(|hash| hash.expose().to_owned());
                (account, password)
            })
        });
        self.note_found(&format!("account {id}"), account);
        self.note_found(&format!("session {id}"), ports.users.session(person.token).await);
        match ports.users.sessions(id, SystemClock.now(), Limit::MAX, None).await {
            Ok(sessions) => {
                for session in sessions {
                    self.note(&format!("session {}", session.id), Ok::<_, String>(session));
                }
            }
            Err(error) => self.note(&format!("sessions of {id}"), Err::<(), _>(error)),
        }
        match ports.uploads.uploads(id, Limit::MAX, None).await {
            Ok(uploads) => {
                for upload in uploads {
                    self.note(&format!("upload {}", upload.id), Ok::<_, String>(upload));
                }
            }
            Err(error) => self.note(&format!("uploads of {id}"), Err::<(), _>(error)),
        }
        self.note(&format!("the counters of {id}"), ports.records.counters(id).await);
    }

    async fn ask_for_changes(&mut self, ports: &Ports, owner: UserId) {
        let all = ChangesRequest { after: ChangeNumber(0), no_deleted_up_to: ChangeNumber(0), limit: 1_000 };
        match ports.feed.changes(owner, all).await {
            Ok(changes) => {
                for entry in &changes.entries {
                    let (what, id) = match entry {
                        Entry::Recording(recording) => ("change", &recording.id),
                        Entry::Deleted(deleted) => ("deletion", &deleted.id),
                    };
                    self.note(&format!("{what} of {id}"), Ok::<_, String>(entry));
                }
                let numbers = (changes.reached, changes.latest, changes.forgotten, changes.has_more, changes.history);
                self.note(&format!("the numbers of {owner}"), Ok::<_, String>(numbers));
            }
            Err(error) => self.note(&format!("changes of {owner}"), Err::<(), _>(error)),
        }
    }

    fn note_found<T: fmt::Debug, E: fmt::Debug>(&mut self, what: &str, found: Result<Option<T>, E>) {
        if let Some(found) = found.transpose() {
            self.note(what, found);
        }
    }

    fn note<T: fmt::Debug, E: fmt::Debug>(&mut self, what: &str, answer: Result<T, E>) {
        let answer = match answer {
            Ok(said) => Answer::Said(format!("{said:?}")),
            Err(error) => Answer::Refused(format!("{error:?}")),
        };
        self.0.insert(what.to_owned(), answer);
    }

    /// How this differs from what is sound.
    pub fn compare(&self, sound: &Self) -> Difference {
        let mut missed = None;
        for (what, should_be) in &sound.0 {
            match self.0.get(what) {
                None => missed = Some(format!("{what} is not there")),
                Some(Answer::Refused(why)) if why.contains("panic") => return Difference::Wrong(why.clone()),
                Some(Answer::Refused(why)) => missed = Some(format!("{what} is refused: {why}")),
                Some(answer) if answer == should_be => {}
                // What is counted and sorted is no row of its own.
                Some(answer) if what.starts_with("the ") => missed = Some(format!("{what}: {answer:?}")),
                Some(answer) => return Difference::Wrong(format!("{what}: {answer:?} for {should_be:?}")),
            }
        }
        for (what, answer) in &self.0 {
            match answer {
                Answer::Said(_) if !sound.0.contains_key(what) => {
                    return Difference::Wrong(format!("{what}, which there was not: {answer:?}"));
                }
                Answer::Refused(why) => missed = Some(format!("{what} is refused: {why}")),
                Answer::Said(_) => {}
            }
        }
        missed.map_or(Difference::None, Difference::Missed)
    }
}

/// The digest of all bytes of a recording.
async fn play(list: &List, recording: &Recording) -> Result<String, String> {
    let opened = list.play(recording, ByteRange::whole(recording.size)).await;
    let pieces: Vec<_> =
        opened.map_err(|error| format!("{error:?}"))?.try_collect().await.map_err(|error| format!("{error:?}"))?;
    Ok(Sha256::of(&pieces.concat()).to_hex())
}
