//! The stores of a history, which all servers share, and a ledger of what becomes of their audio.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt as _;
use tapebase_adapters::memory::Memory;
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    pending::StagedRef,
    ports::{BlobEntry, PartAccess, Ports, Staging, StoreError, Timestamp},
    recording::Recording,
};

#[cfg(feature = "embedded")]
use crate::embedded::Embedded;
use crate::{
    executor::TaskId,
    ports::PlainPasswords,
    time::{ServerClock, Time},
};

/// What keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Memory: fast, and the same each time.
    Memory,
    /// A disk and SQLite, as the server has it; no history is the same twice.
    #[cfg(feature = "embedded")]
    Embedded,
}

/// Rows and audio.
#[derive(Clone)]
pub struct Stores {
    ports: Arc<Mutex<Ports>>,
    /// The rows, where they can be copied and put back.
    rows: Arc<Mutex<Option<Arc<Memory>>>>,
    #[cfg(feature = "embedded")]
    embedded: Option<Arc<Embedded>>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Stores {
    /// Empty ones.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn open(kind: Kind, time: &Time) -> anyhow::Result<Self> {
        match kind {
            Kind::Memory => {
                let [rows, audio] = [0; 2].map(|_| Arc::new(Memory::with_clock(Arc::new(time.clone()))));
                Ok(Self {
                    ports: Arc::new(Mutex::new(in_memory(&rows, audio, time))),
                    rows: Arc::new(Mutex::new(Some(rows))),
                    #[cfg(feature = "embedded")]
                    embedded: None,
                    ledger: Arc::default(),
                })
            }
            #[cfg(feature = "embedded")]
            Kind::Embedded => {
                let (embedded, ports) = Embedded::open()?;
                Ok(Self {
                    ports: Arc::new(Mutex::new(ports)),
                    rows: Arc::default(),
                    embedded: Some(Arc::new(embedded)),
                    ledger: Arc::default(),
                })
            }
        }
    }

    /// The stores themselves: nothing goes wrong on this way.
    #[must_use]
    pub fn inner(&self) -> Ports {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has become of the audio.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the ledger know if a recording is gone.
    pub fn look_for(&self, owner: UserId, id: &RecordingId) {
        let Some(Ok(None)) = self.wait_for(self.inner().records.find(owner, id)) else { return };
        self.ledger().lose(owner, id);
    }

    /// Does something in what the stores run in.
    pub fn run_in<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "embedded")]
        let _guard = self.embedded.as_ref().map(|embedded| embedded.enter());
        work()
    }

    /// Waits for something that needs the stores alone.
    pub fn wait_for<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        #[cfg(feature = "embedded")]
        if let Some(embedded) = &self.embedded {
            return Some(embedded.block_on(future));
        }
        // Memory never has anybody wait.
        future.now_or_never()
    }

    /// Returns once all has happened in the stores that was begun.
    pub fn settle(&self) {
        #[cfg(feature = "embedded")]
        if let Some(embedded) = &self.embedded {
            embedded.settle(&self.inner());
        }
    }

    /// A copy of the rows as they are, where they can be copied.
    #[must_use]
    pub fn copy_rows(&self) -> Option<Memory> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).as_deref().cloned()
    }

    /// Puts the rows back to what they were when they were copied; the audio stays as it is.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn put_back(&self, rows: &Memory, time: &Time) -> Result<(), StoreError> {
        let rows = Arc::new(rows.clone());
        let blobs = {
            let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
            let Ports { blobs, staging, .. } = ports.clone();
            *ports = Ports { blobs: blobs.clone(), staging, ..in_memory(&rows, Arc::default(), time) };
            blobs
        };
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(rows);
        for recording in self.recordings().await? {
            let is_there = blobs.describe(&recording.blob).await.is_ok_and(|described| described.is_some());
            self.ledger().put_back(&recording.blob, is_there);
        }
        Ok(())
    }

    /// All recordings there are.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn recordings(&self) -> Result<Vec<Recording>, StoreError> {
        let (inventory, mut all) = (self.inner().inventory, Vec::new());
        while let Some(inventory) = &inventory {
            let after = all.last().map(|last: &Recording| (last.owner, last.id.clone()));
            let some = inventory.recordings(after).await?;
            if some.is_empty() {
                break;
            }
            all.extend(some);
        }
        Ok(all)
    }

    /// All audio there is, of which the ledger hears so.
    pub async fn audio(&self, now: Timestamp) -> Vec<BlobRef> {
        let (blobs, mut all) = (self.inner().blobs, Vec::new());
        while let Ok(some) = blobs.list(all.last().cloned()).await
            && !some.is_empty()
        {
            all.extend(some.into_iter().map(|entry| self.ledger().dated(entry, now).blob));
        }
        all
    }
}

fn in_memory(rows: &Arc<Memory>, audio: Arc<Memory>, time: &Time) -> Ports {
    let clock = Arc::new(ServerClock::new(time.clone()));
    Ports {
        records: rows.clone(),
        feed: rows.clone(),
        deleted: rows.clone(),
        inventory: Some(rows.clone()),
        uploads: rows.clone(),
        blobs: audio.clone(),
        salvage: None,
        staging: Staging { blobs: audio.clone(), parts: PartAccess::Server(audio) },
        downloads: None,
        users: rows.clone(),
        clock: clock.clone(),
        timer: clock,
        passwords: Arc::new(PlainPasswords),
    }
}

/// What has become of all audio there ever was, whatever the rows say of it.
#[derive(Default)]
pub struct Ledger {
    fates: BTreeMap<BlobRef, Fate>,
    /// Audio and parts that are nobody's, and who has left them so.
    loose: BTreeMap<String, TaskId>,
    /// Whose parts are removed: that may be heard before the upload is over.
    cleared: BTreeSet<StagedRef>,
    /// What its owners have given up.
    released: BTreeSet<BlobRef>,
    /// Which recordings were made of it.
    owners: BTreeMap<BlobRef, (UserId, RecordingId)>,
    /// When it was first heard of, by the true time.
    heard_of: BTreeMap<BlobRef, Timestamp>,
    /// The bits that fell over: which byte of which blob.
    rotten: BTreeMap<BlobRef, u64>,
    wrong: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was stored, and no recording has been made of it yet.
    Written,
    /// It is the audio of a recording, or was when the rows were put back.
    Recorded,
    /// Its recording was deleted by its owner.
    Released,
    /// It is gone.
    Removed,
}

impl Ledger {
    /// The first thing that should not have happened.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Audio was stored.
    pub fn write(&mut self, blob: &BlobRef, task: TaskId, now: Timestamp) {
        self.heard_of.insert(blob.clone(), now);
        self.loose.insert(blob.to_string(), task);
        if self.fates.insert(blob.clone(), Fate::Written).is_some() {
            self.note(|| format!("the place {blob} was used twice"));
        }
    }

    /// A recording was made of it.
    pub fn record(&mut self, recording: &Recording) {
        let (id, blob) = (&recording.id, &recording.blob);
        // The answer to a deletion may be heard before that to the upload.
        if self.released.contains(blob) {
            return;
        }
        self.loose.remove(blob.as_str());
        self.owners.insert(blob.clone(), (recording.owner, id.clone()));
        match self.fates.insert(blob.clone(), Fate::Recorded) {
            Some(Fate::Written) => {}
            before => self.note(|| format!("recording {id} came to be of audio that is {before:?}")),
        }
    }

    /// The recording of this id is gone.
    fn lose(&mut self, owner: UserId, id: &RecordingId) {
        for (blob, fate) in &mut self.fates {
            if *fate == Fate::Recorded && self.owners.get(blob).is_some_and(|of| *of == (owner, id.clone())) {
                *fate = Fate::Released;
            }
        }
    }

    /// Its recording was deleted.
    pub fn release(&mut self, blob: &BlobRef, task: TaskId) {
        self.loose.insert(blob.to_string(), task);
        self.released.insert(blob.clone());
        if let Some(fate @ Fate::Recorded) = self.fates.get_mut(blob) {
            *fate = Fate::Released;
        }
    }

    /// It is about to be removed.
    pub fn delete(&mut self, blob: &BlobRef) {
        self.loose.remove(blob.as_str());
        if self.fates.insert(blob.clone(), Fate::Removed) == Some(Fate::Recorded) {
            self.note(|| format!("audio {blob} of a recording was removed without its owner's word"));
        }
    }

    /// An upload is over, and its parts are of no use any more.
    pub fn end_upload(&mut self, staged: &StagedRef, task: TaskId) {
        if !self.cleared.contains(staged) {
            self.loose.insert(staged.as_str().to_owned(), task);
        }
    }

    /// Its parts are removed.
    pub fn clear(&mut self, staged: &StagedRef) {
        self.cleared.insert(staged.clone());
        self.loose.remove(staged.as_str());
    }

    /// Who has left something behind that is nobody's.
    #[must_use]
    pub fn loose(&self) -> Vec<(String, TaskId)> {
        self.loose.iter().map(|(what, task)| (what.clone(), *task)).collect()
    }

    /// The row of its recording came back.
    pub fn put_back(&mut self, blob: &BlobRef, is_there: bool) {
        self.loose.remove(blob.as_str());
        self.released.remove(blob);
        self.fates.insert(blob.clone(), if is_there { Fate::Recorded } else { Fate::Removed });
    }

    /// Whether it belongs to a recording whose owner never gave it up.
    #[must_use]
    pub fn is_recorded(&self, blob: &BlobRef) -> bool {
        self.fates.get(blob) == Some(&Fate::Recorded)
    }

    /// An entry of a list as it is by the true time: a disk has a time of its own.
    #[must_use]
    pub fn dated(&mut self, entry: BlobEntry, now: Timestamp) -> BlobEntry {
        let modified_at = *self.heard_of.entry(entry.blob.clone()).or_insert(now);
        BlobEntry { modified_at, ..entry }
    }

    /// A bit of it falls over.
    pub fn flip(&mut self, blob: &BlobRef, place: u64) {
        self.rotten.insert(blob.clone(), place);
    }

    /// The byte in which a bit of it has fallen over.
    #[must_use]
    pub fn rot(&self, blob: &BlobRef) -> Option<u64> {
        self.rotten.get(blob).copied()
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.wrong.is_none() {
            self.wrong = Some(what());
        }
    }
}
