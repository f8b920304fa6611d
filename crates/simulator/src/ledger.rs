//! What has become of all audio there ever was, whatever the rows say of it.

use std::collections::{BTreeMap, BTreeSet};

use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    pending::StagedRef,
    ports::BlobEntry,
    recording::Recording,
    time::Timestamp,
};

use crate::executor::TaskId;

/// What has become of all audio.
#[derive(Default)]
pub struct Ledger {
    users: Vec<UserId>,
    fates: BTreeMap<BlobRef, Fate>,
    /// Audio and parts that are nobody's, and who has left them so.
    loose: BTreeMap<String, TaskId>,
    /// Whose parts are removed: that may be heard before the upload is over.
    cleared: BTreeSet<StagedRef>,
    /// What its owners have given up.
    released: BTreeSet<BlobRef>,
    /// Audio without a recording, of before rows were put back, which knew of it perhaps.
    forgotten: BTreeSet<BlobRef>,
    /// Which recordings were made of it.
    owners: BTreeMap<BlobRef, (UserId, RecordingId)>,
    /// When it was first heard of, by the true time.
    heard_of: BTreeMap<BlobRef, Timestamp>,
    /// The bits that fell over: which byte of which blob, and how many had before.
    rotten: BTreeMap<BlobRef, (u64, usize)>,
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
    /// The row of its recording was put back, and it is gone.
    Missing,
}

impl Ledger {
    /// The first thing that should not have happened.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Somebody is about to have an account.
    pub fn sign_up(&mut self, user: UserId) {
        self.users.push(user);
    }

    /// Everybody who ever signed up, or tried to.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        self.users.clone()
    }

    /// Audio was stored.
    pub fn write(&mut self, blob: &BlobRef, task: TaskId, now: Timestamp) {
        self.heard_of.insert(blob.clone(), now);
        self.loose.insert(blob.to_string(), task);
        if self.fates.insert(blob.clone(), Fate::Written).is_some() {
            self.say(|| format!("the place {blob} was used twice"));
        }
    }

    /// Audio was put together of its parts. A store may find what it has put together before.
    pub fn assemble(&mut self, blob: &BlobRef, task: TaskId, now: Timestamp) {
        if !self.fates.contains_key(blob) {
            self.write(blob, task, now);
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
            before => self.say(|| format!("recording {id} came to be of audio that is {before:?}")),
        }
    }

    /// The recording of this id is gone.
    pub fn lose(&mut self, owner: UserId, id: &RecordingId) {
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

    /// Other audio has taken its place, for it was damaged.
    pub fn replace(&mut self, from: &BlobRef, to: &BlobRef, of: (UserId, RecordingId), task: TaskId) {
        self.release(from, task);
        self.loose.remove(to.as_str());
        self.owners.insert(to.clone(), of);
        self.fates.insert(to.clone(), Fate::Recorded);
    }

    /// An operator says that these recordings are all there are: whatever came later is given up.
    pub fn give_up_all_but(&mut self, recordings: &[Recording]) {
        let kept: BTreeSet<_> = recordings.iter().map(|recording| &recording.blob).collect();
        for (blob, fate) in &mut self.fates {
            if *fate == Fate::Recorded && !kept.contains(blob) {
                *fate = Fate::Released;
            }
        }
    }

    /// What was noted of what was broken off until now is not noted any more: a recording may come of it yet.
    pub fn lose_notes(&mut self) {
        let broken_off = self.fates.iter().filter(|(_, fate)| **fate == Fate::Written);
        self.forgotten.extend(broken_off.map(|(blob, _)| blob.clone()));
    }

    /// Whether it was stored, and no recording was ever made of it, nor was it removed, though it was noted all the while.
    #[must_use]
    pub fn is_broken_off(&self, blob: &BlobRef) -> bool {
        self.fates.get(blob) == Some(&Fate::Written) && !self.forgotten.contains(blob)
    }

    /// It is about to be removed.
    pub fn delete(&mut self, blob: &BlobRef) {
        self.loose.remove(blob.as_str());
        if self.fates.insert(blob.clone(), Fate::Removed) == Some(Fate::Recorded) {
            self.say(|| format!("audio {blob} of a recording was removed without its owner's word"));
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
    pub fn put_back(&mut self, recording: &Recording, is_there: bool) {
        let blob = &recording.blob;
        self.loose.remove(blob.as_str());
        self.released.remove(blob);
        self.owners.insert(blob.clone(), (recording.owner, recording.id.clone()));
        self.fates.insert(blob.clone(), if is_there { Fate::Recorded } else { Fate::Missing });
    }

    /// There is other audio now, and nothing is known of it; accounts are what they were.
    pub fn begin_anew(&mut self) {
        *self = Self { users: std::mem::take(&mut self.users), wrong: self.wrong.take(), ..Self::default() };
    }

    /// Recordings whose rows were put back without their audio.
    #[must_use]
    pub fn missing(&self) -> Vec<RecordingId> {
        let missing = self.fates.keys().filter(|blob| self.is_missing(blob));
        missing.filter_map(|blob| self.owners.get(blob).map(|(_, id)| id.clone())).collect()
    }

    /// Whether the row of its recording was put back without it.
    #[must_use]
    pub fn is_missing(&self, blob: &BlobRef) -> bool {
        self.fates.get(blob) == Some(&Fate::Missing)
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

    /// Whether nobody can be given what it was.
    #[must_use]
    pub fn is_bad(&self, blob: &BlobRef) -> bool {
        self.is_missing(blob) || self.rotten.contains_key(blob)
    }

    /// A bit of it falls over.
    pub fn flip(&mut self, blob: &BlobRef, place: u64) {
        let before = self.rotten.len();
        self.rotten.entry(blob.clone()).or_insert((place, before));
    }

    /// Whether audio of the recording of this id cannot be given any more.
    #[must_use]
    pub fn has_bad(&self, owner: UserId, id: &RecordingId) -> bool {
        self.owners.iter().any(|(blob, of)| *of == (owner, id.clone()) && self.is_bad(blob))
    }

    /// The byte in which a bit of it has fallen over.
    #[must_use]
    pub fn rot(&self, blob: &BlobRef) -> Option<u64> {
        self.rotten.get(blob).map(|(place, _)| *place)
    }

    /// How many bits have fallen over.
    #[must_use]
    pub fn flips(&self) -> usize {
        self.rotten.len()
    }

    /// Whether a bit of it was among the first so many to fall over.
    #[must_use]
    pub fn was_rotten(&self, blob: &BlobRef, flips: usize) -> bool {
        self.rotten.get(blob).is_some_and(|(_, before)| *before < flips)
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if self.wrong.is_none() {
            self.wrong = Some(what());
        }
    }
}
