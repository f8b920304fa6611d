//! Whose audio is: what an index of the rows says nobody refers to is asked for once more, in other ways.

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;

use crate::{
    blob::{BlobRef, Provenance},
    history::{DueAudio, Entry},
    ports::{BlobError, BlobStore, BoxError, Inventory, InventoryPage, Ports, RecordStore, StoreError, causes},
    recording::Recording,
};

/// How long audio without a recording stays from when it was found so: nobody has said that it may go.
pub(crate) const ORPHANS_STAY: TimeDelta = TimeDelta::days(7);

/// A blob that stays, though an index says that nobody refers to it.
#[derive(Debug)]
pub struct Kept {
    /// Which one.
    pub blob: BlobRef,
    /// Whose it says it is.
    pub of: Option<Provenance>,
    /// Why it stays.
    pub doubt: Doubt,
}

/// Why a blob may be somebody's.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// The index is wrong.
    #[error("its recording refers to it, and an index of the rows does not know")]
    Referred,
    /// It may be what the recording is missing.
    #[error("its recording refers to other audio, which is missing or damaged")]
    Unsettled,
    /// It is of an older version, or something else.
    #[error("it does not say whose it is")]
    Anonymous,
    /// Somebody who should know does not answer.
    #[error("whose it is cannot be told: {}", causes(&**.0))]
    Unknown(BoxError),
}

/// What came of asking blobs whose they are.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    /// Those that are nobody's, whosever they say they are.
    pub nobodys: Vec<DueAudio>,
    /// Those that stay.
    pub kept: Vec<Kept>,
}

/// What asking for a blob's recording came to.
pub(crate) enum Judgement {
    /// No recording can be missing it.
    Nobodys,
    /// Some recording may.
    Doubtful(Doubt),
}

/// Everybody who knows something of whose a blob is.
#[derive(Clone)]
pub(crate) struct Witnesses {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    inventory: Arc<dyn Inventory>,
}

impl Witnesses {
    pub fn new(ports: &Ports) -> Self {
        let Ports { records, blobs, inventory, .. } = ports.clone();
        Self { records, blobs, inventory }
    }

    /// Those of some blobs that no recording refers to, as an index has it.
    pub async fn unreferred(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.records.orphans(blobs).await
    }

    /// Asks those of some blobs that an index says nobody refers to whose they are, and then for those recordings.
    pub async fn ask(&self, blobs: Vec<BlobRef>) -> Result<Suspects, StoreError> {
        let mut suspects = Suspects::default();
        for blob in self.unreferred(blobs).await? {
            let (of, doubt) = match self.blobs.provenance(&blob).await {
                Ok(Some(of)) => match self.judge(&blob, &of).await {
                    Judgement::Nobodys => {
                        suspects.nobodys.push(DueAudio::new(&of, blob));
                        continue;
                    }
                    Judgement::Doubtful(doubt) => (Some(of), doubt),
                },
                Ok(None) => (None, Doubt::Anonymous),
                Err(error) => (None, Doubt::Unknown(error.into())),
            };
            suspects.kept.push(Kept { blob, of, doubt });
        }
        Ok(suspects)
    }

    /// Asks for the recording of audio that is due, and whether there is the tombstone of one: what was noted says whose it is.
    pub async fn ask_due(&self, audio: &DueAudio) -> Result<(Judgement, bool), StoreError> {
        let noted = audio.provenance();
        let there = match self.records.look_up(audio.owner, &audio.id).await {
            Ok(there) => there,
            // One row that cannot be read keeps no other audio.
            Err(error) => return Ok((Judgement::Doubtful(Doubt::Unknown(error.into())), false)),
        };
        let was_deleted = matches!(there, Some(Entry::Deleted(_)));
        let judgement = if self.unreferred(vec![audio.blob.clone()]).await?.is_empty() {
            Judgement::Doubtful(Doubt::Referred)
        } else {
            match self.blobs.provenance(&audio.blob).await {
                Ok(Some(of)) if of != noted => {
                    Judgement::Doubtful(Doubt::Unknown("it says that it is of another recording".into()))
                }
                // Audio of older versions does not say, nor does what is gone.
                Ok(_) => self.compare(&audio.blob, there.and_then(Entry::into_recording)).await,
                Err(error) => Judgement::Doubtful(Doubt::Unknown(error.into())),
            }
        };
        Ok((judgement, was_deleted))
    }

    /// Asks for the recording that a blob says it is of.
    async fn judge(&self, blob: &BlobRef, of: &Provenance) -> Judgement {
        match self.records.find(of.owner, &of.recording).await {
            Ok(there) => self.compare(blob, there).await,
            Err(error) => Judgement::Doubtful(Doubt::Unknown(error.into())),
        }
    }

    /// Whether a recording may be missing a blob that says it is of it.
    async fn compare(&self, blob: &BlobRef, there: Option<Recording>) -> Judgement {
        let recording = match there {
            None => return Judgement::Nobodys,
            Some(recording) if recording.blob == *blob => return Judgement::Doubtful(Doubt::Referred),
            Some(recording) if recording.damaged_at.is_some() => return Judgement::Doubtful(Doubt::Unsettled),
            Some(recording) => recording,
        };
        match self.blobs.describe(&recording.blob).await {
            Ok(Some(other)) if other.size == recording.size => Judgement::Nobodys,
            Ok(_) | Err(BlobError::Damaged(_)) => Judgement::Doubtful(Doubt::Unsettled),
            Err(error) => Judgement::Doubtful(Doubt::Unknown(error.into())),
        }
    }

    /// Asks the rows themselves, all of them: audio of older versions does not say whose it is,
    /// nor do torn bytes.
    pub async fn walk(&self, blobs: &[BlobRef]) -> Result<Walked, StoreError> {
        let (mut walked, mut after) = (Walked::default(), None);
        if blobs.is_empty() {
            return Ok(walked);
        }
        let blobs: HashSet<&BlobRef> = blobs.iter().collect();
        loop {
            let InventoryPage { recordings, unreadable } = self.inventory.recordings(after.take()).await?;
            walked.unreadable += unreadable.len();
            let Some(last) = recordings.last() else { return Ok(walked) };
            after = Some((last.owner, last.id.clone()));
            walked.referred.extend(recordings.into_iter().map(|row| row.blob).filter(|blob| blobs.contains(blob)));
        }
    }
}

/// What the rows themselves say of some blobs.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Those that rows refer to.
    referred: HashSet<BlobRef>,
    /// How many rows cannot be read: each may refer to any.
    unreadable: usize,
}

impl Walked {
    /// Whether a recording may refer to a blob.
    pub fn judge(&self, blob: &BlobRef) -> Judgement {
        match self.unreadable {
            _ if self.referred.contains(blob) => Judgement::Doubtful(Doubt::Referred),
            0 => Judgement::Nobodys,
            rows => Judgement::Doubtful(Doubt::Unknown(format!("{rows} rows cannot be read").into())),
        }
    }
}
