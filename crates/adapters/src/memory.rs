//! Every store on maps in memory, for tests and demonstrations: gone with the process.

mod attempts;
mod batches;
mod changes;
mod erasure;
mod inventory;
mod playback_keys;
mod records;
mod single_use;
mod tokens;
mod uploads;
mod users;

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    api_token::ApiToken,
    attempts::{AttemptKey, Attempts},
    blob::{self, BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    history::{ChangeNumber, Counters, Deleted, DueAudio, HistoryId},
    id::{RecordingId, StoreId, UserId, random_bytes},
    lineage::{Generation, Step},
    pending::{PendingUpload, StagedRef},
    playback::{LinkEpoch, PlaybackKey},
    ports::{BlobEntry, BlobError, BlobStore, Clock, SystemClock},
    recording::{DigestOrigin, Recording},
    session::{Session, TokenHash},
    time::Timestamp,
    user::Account,
};

use self::batches::Batch;

/// All stores in one; every method takes the one lock, so that each is a transaction.
pub struct Memory {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Ordered throughout: whatever is listed comes in the same order each time, so that tests can be repeated.
#[derive(Debug, Clone, Default)]
struct State {
    blobs: BTreeMap<BlobRef, (Bytes, BlobDescription)>,
    batches: BTreeMap<u64, Batch>,
    claimed_by: Option<StoreId>,
    generation: Option<Generation>,
    id: Option<StoreId>,
    last_step: Option<Step>,
    history: Option<HistoryId>,
    counters: BTreeMap<UserId, Counters>,
    forgotten: BTreeMap<UserId, ChangeNumber>,
    link_epochs: BTreeMap<UserId, LinkEpoch>,
    playback_keys: Vec<PlaybackKey>,
    deleted: BTreeMap<(UserId, RecordingId), Deleted>,
    audio: Vec<(DueAudio, Due)>,
    recordings: BTreeMap<(UserId, RecordingId), Recording>,
    uploads: BTreeMap<(UserId, RecordingId), PendingUpload>,
    staged: BTreeMap<StagedRef, Staged>,
    accounts: BTreeMap<UserId, Account>,
    erasures: BTreeMap<UserId, Timestamp>,
    sessions: BTreeMap<TokenHash, Session>,
    tokens: BTreeMap<TokenHash, ApiToken>,
    used: BTreeMap<[u8; 32], Timestamp>,
    attempts: BTreeMap<AttemptKey, Attempts>,
}

/// What is to be done about audio of a deleted recording, or its tombstone, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Remove(Timestamp),
    Forget(Timestamp),
}

impl Memory {
    /// Nothing yet; `clock` says when what is kept is kept.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between the first and the last step of a change: nothing is left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }
}

impl Clone for Memory {
    /// A copy of everything as it is at this moment.
    fn clone(&self) -> Self {
        Self { clock: self.clock.clone(), state: Mutex::new(self.state().clone()) }
    }
}

/// The parts of one blob that were sent so far.
#[derive(Debug, Clone)]
struct Staged {
    begun_at: Timestamp,
    parts: BTreeMap<u32, Bytes>,
}

/// A name nothing has in any store.
fn fresh_name() -> String {
    format!("{:032x}", u128::from_be_bytes(random_bytes()))
}

impl State {
    /// Keeps `bytes` as the audio of `of`.
    fn keep(&mut self, of: &Provenance, bytes: Bytes, written_at: Timestamp) -> StoredBlob {
        let (size, sha256) = (bytes.len() as u64, Sha256::of(&bytes));
        let blob = BlobRef::new(fresh_name());
        let description = BlobDescription {
            provenance: Some(of.clone()),
            size,
            sha256: Some((sha256, DigestOrigin::Computed)),
            written_at,
        };
        self.blobs.insert(blob.clone(), (bytes, description));
        self.add_to_batch(blob.clone(), written_at);
        StoredBlob { blob, size, sha256 }
    }
}

#[async_trait]
impl BlobStore for Memory {
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let bytes = Bytes::from(body.try_collect::<Vec<Bytes>>().await?.concat());
        Ok(self.state().keep(of, bytes, self.clock.now()))
    }

    fn settle(&self, blob: &BlobRef) {
        self.settle_one(blob);
    }

    /// What is kept here stays in memory, however much there is of it: that is this store's nature.
    fn footprint(&self, _: Option<u64>) -> u64 {
        0
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let Some((bytes, _)) = self.state().blobs.get(blob).cloned() else { return Ok(None) };
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end()).ok());
        match bounds {
            Some((start, end)) if start <= end && end <= bytes.len() => Ok(Some(blob::once(bytes.slice(start..end)))),
            _ => Err(BlobError::Unavailable(format!("blob {blob} is shorter than {}", range.end()).into())),
        }
    }

    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError> {
        Ok(self.state().blobs.get(blob).map(|(_, description)| description.clone()))
    }

    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        let state = self.state();
        let kept = state.blobs.get(&stored.blob).map(|(bytes, _)| bytes);
        Ok(kept.is_some_and(|bytes| bytes.len() as u64 == stored.size && Sha256::of(bytes) == stored.sha256))
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        self.state().blobs.remove(blob);
        Ok(())
    }

    async fn list(&self, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let entries = state.blobs.range((start, Bound::Unbounded)).take(100);
        Ok(entries
            .map(|(blob, (_, description))| BlobEntry { blob: blob.clone(), modified_at: description.written_at })
            .collect())
    }

    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError> {
        Ok(*self.state().claimed_by.get_or_insert(rows) == rows)
    }

    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError> {
        Ok(self.state().claimed_by)
    }

    async fn generation(&self) -> Result<Option<Generation>, BlobError> {
        Ok(self.state().generation)
    }

    async fn step(&self, step: Step) -> Result<bool, BlobError> {
        let generation = &mut self.state().generation;
        if *generation == step.from {
            *generation = Some(step.to);
        }
        Ok(*generation == Some(step.to))
    }

    async fn ping(&self) -> Result<(), BlobError> {
        Ok(())
    }
}
