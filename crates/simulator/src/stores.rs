//! The stores of a history, which all servers share, and a ledger of what becomes of their audio.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tapebase_adapters::memory::Memory;
use tapebase_domain::{
    blob::BlobRef,
    pending::StagedRef,
    ports::{BlobStore as _, Inventory as _, PartAccess, Ports, Staging, StoreError},
    recording::Recording,
};

use crate::{
    executor::TaskId,
    ports::PlainPasswords,
    time::{ServerClock, Time},
};

/// Rows and audio.
#[derive(Clone)]
pub struct Stores {
    rows: Arc<Mutex<Arc<Memory>>>,
    audio: Arc<Memory>,
    ledger: Arc<Mutex<Ledger>>,
    clock: ServerClock,
}

impl Stores {
    /// Empty ones.
    #[must_use]
    pub fn new(time: &Time) -> Self {
        let [rows, audio] = [0; 2].map(|_| Arc::new(Memory::with_clock(Arc::new(time.clone()))));
        Self { rows: Arc::new(Mutex::new(rows)), audio, ledger: Arc::default(), clock: ServerClock::new(time.clone()) }
    }

    /// The stores themselves: nothing goes wrong on this way.
    #[must_use]
    pub fn inner(&self) -> Ports {
        let (rows, audio) = (self.rows(), self.audio.clone());
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
            users: rows,
            clock: Arc::new(self.clock.clone()),
            timer: Arc::new(self.clock.clone()),
            passwords: Arc::new(PlainPasswords),
        }
    }

    /// What has become of the audio.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the rows as they are.
    #[must_use]
    pub fn copy_rows(&self) -> Memory {
        Memory::clone(&self.rows())
    }

    /// Puts the rows back to what they were when they were copied; the audio stays as it is.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn put_back(&self, rows: &Memory) -> Result<(), StoreError> {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rows.clone());
        for recording in self.recordings().await? {
            let is_there = self.audio.describe(&recording.blob).await.is_ok_and(|described| described.is_some());
            self.ledger().put_back(&recording.blob, is_there);
        }
        Ok(())
    }

    /// All recordings there are.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn recordings(&self) -> Result<Vec<Recording>, StoreError> {
        let (rows, mut all) = (self.rows(), Vec::new());
        loop {
            let after = all.last().map(|last: &Recording| (last.owner, last.id.clone()));
            let some = rows.recordings(after).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    fn rows(&self) -> Arc<Memory> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What has become of all audio there ever was, whatever the rows say of it.
#[derive(Default)]
pub struct Ledger {
    fates: BTreeMap<BlobRef, Fate>,
    /// Audio and parts that are nobody's, and who has left them so.
    loose: BTreeMap<String, TaskId>,
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
    pub fn write(&mut self, blob: &BlobRef, task: TaskId) {
        self.loose.insert(blob.to_string(), task);
        if self.fates.insert(blob.clone(), Fate::Written).is_some() {
            self.note(|| format!("the place {blob} was used twice"));
        }
    }

    /// A recording was made of it.
    pub fn record(&mut self, recording: &Recording) {
        let (id, blob) = (&recording.id, &recording.blob);
        self.loose.remove(blob.as_str());
        match self.fates.insert(blob.clone(), Fate::Recorded) {
            Some(Fate::Written) => {}
            before => self.note(|| format!("recording {id} came to be of audio that is {before:?}")),
        }
    }

    /// Its recording was deleted.
    pub fn release(&mut self, blob: &BlobRef, task: TaskId) {
        self.loose.insert(blob.to_string(), task);
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
        self.loose.insert(staged.as_str().to_owned(), task);
    }

    /// Its parts are removed.
    pub fn clear(&mut self, staged: &StagedRef) {
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
        self.fates.insert(blob.clone(), if is_there { Fate::Recorded } else { Fate::Removed });
    }

    /// Whether it belongs to a recording whose owner never gave it up.
    #[must_use]
    pub fn is_recorded(&self, blob: &BlobRef) -> bool {
        self.fates.get(blob) == Some(&Fate::Recorded)
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
