//! Whose audio is: what an index of the rows says nobody refers to is asked for once more, in other ways.

use std::{collections::HashSet, sync::Arc};

use crate::{
    blob::{BlobRef, Provenance},
    ports::{BlobStore, BoxError, Inventory, InventoryPage, Ports, RecordStore, StoreError, causes},
};

/// So much is removed however little there is.
const UNSUSPICIOUS: u64 = 100;
/// Of so many, one may be removed.
const ONE_OF: u64 = 1_000;

/// What was found without a recording.
#[derive(Debug, Default)]
pub struct Orphans {
    /// How many blobs there are.
    pub looked_at: u64,
    /// Those that are nobody's.
    pub nobodys: Vec<BlobRef>,
    /// Those that may be somebody's, and stay.
    pub kept: Vec<Kept>,
}

/// A blob that stays, though an index says that nobody refers to it.
#[derive(Debug)]
pub struct Kept {
    /// Which one.
    pub blob: BlobRef,
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
    /// Somebody who should know does not answer.
    #[error("whose it is cannot be told: {}", causes(&**.0))]
    Unknown(BoxError),
}

impl Orphans {
    /// Whether so many are suspect.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        are_too_many(self.nobodys.len() as u64, self.looked_at)
    }
}

/// Whether it is suspect to find so many leftovers of so many.
#[must_use]
pub fn are_too_many(found: u64, looked_at: u64) -> bool {
    found > UNSUSPICIOUS.max(looked_at / ONE_OF)
}

/// What asking for a blob's recording came to.
pub enum Judgement {
    /// No recording can be missing it.
    Nobodys,
    /// Some recording may.
    Doubtful(Doubt),
}

/// Everybody who knows something of whose a blob is.
#[derive(Clone)]
pub struct Witnesses {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    inventory: Option<Arc<dyn Inventory>>,
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

    /// Asks for the recordings of blobs that an index says nobody refers to.
    pub async fn examine(&self, suspects: Vec<BlobRef>, looked_at: u64) -> Result<Orphans, StoreError> {
        let (mut orphans, mut anonymous) = (Orphans { looked_at, ..Orphans::default() }, Vec::new());
        for blob in suspects {
            match self.blobs.provenance(&blob).await {
                Ok(Some(of)) => {
                    let judgement = self.judge(&blob, &of).await;
                    orphans.add(blob, judgement);
                }
                Ok(None) => anonymous.push(blob),
                Err(error) => orphans.add(blob, Judgement::Doubtful(Doubt::Unknown(error.into()))),
            }
        }
        let walked = self.walk(&anonymous).await?;
        for blob in anonymous {
            let judgement = walked.judge(&blob);
            orphans.add(blob, judgement);
        }
        Ok(orphans)
    }

    /// Asks for the recording that a blob says it is of.
    pub async fn judge(&self, blob: &BlobRef, of: &Provenance) -> Judgement {
        let recording = match self.records.find(of.owner, &of.recording).await {
            Ok(None) => return Judgement::Nobodys,
            Ok(Some(recording)) if recording.blob == *blob => return Judgement::Doubtful(Doubt::Referred),
            Ok(Some(recording)) => recording,
            Err(error) => return Judgement::Doubtful(Doubt::Unknown(error.into())),
        };
        match self.blobs.describe(&recording.blob).await {
            Ok(Some(other)) if other.size == recording.size => Judgement::Nobodys,
            _ => Judgement::Doubtful(Doubt::Unsettled),
        }
    }

    /// Asks the rows themselves, where all of them can be walked through: audio of older versions does not say whose it is,
    /// nor do torn bytes.
    pub async fn walk(&self, blobs: &[BlobRef]) -> Result<Walked, StoreError> {
        let (mut walked, mut after) = (Walked::default(), None);
        let Some(inventory) = self.inventory.as_ref().filter(|_| !blobs.is_empty()) else { return Ok(walked) };
        let blobs: HashSet<&BlobRef> = blobs.iter().collect();
        loop {
            let InventoryPage { recordings, unreadable } = inventory.recordings(after.take()).await?;
            walked.unreadable += unreadable.len();
            let Some(last) = recordings.last() else { return Ok(walked) };
            after = Some((last.owner, last.id.clone()));
            walked.referred.extend(recordings.into_iter().map(|row| row.blob).filter(|blob| blobs.contains(blob)));
        }
    }
}

/// What the rows themselves say of some blobs.
#[derive(Debug, Default)]
pub struct Walked {
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

impl Orphans {
    fn add(&mut self, blob: BlobRef, judgement: Judgement) {
        match judgement {
            Judgement::Nobodys => self.nobodys.push(blob),
            Judgement::Doubtful(doubt) => self.kept.push(Kept { blob, doubt }),
        }
    }
}
