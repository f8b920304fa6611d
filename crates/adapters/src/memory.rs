//! Every store on maps in memory, for tests and demonstrations: gone with the process.

mod inventory;
mod uploads;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::{self, BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, SessionId, StoreId, UserId},
    page::{Order, PageRequest},
    pending::{PendingUpload, StagedRef},
    ports::{
        BlobEntry, BlobError, BlobStore, Clock as _, InsertError, RecordStore, StoreError, SystemClock, Timestamp,
        UserStore,
    },
    recording::{Recording, RecordingName, Revision},
    session::{Session, TokenHash},
    user::{Account, Identity, User},
};

/// All stores in one; every method takes the one lock, so that each is a transaction.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blobs: BTreeMap<BlobRef, (Bytes, BlobDescription)>,
    names_ever: u64,
    claimed_by: Option<StoreId>,
    id: Option<StoreId>,
    recordings: HashMap<(UserId, RecordingId), Recording>,
    uploads: HashMap<(UserId, RecordingId), PendingUpload>,
    staged: HashMap<StagedRef, Staged>,
    accounts: HashMap<UserId, Account>,
    sessions: HashMap<TokenHash, Session>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single insert or remove: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of one blob that were sent so far.
#[derive(Debug)]
struct Staged {
    begun_at: Timestamp,
    parts: BTreeMap<u32, Bytes>,
}

impl State {
    /// Keeps `bytes` as the audio of `of`.
    fn keep(&mut self, of: &Provenance, bytes: Bytes) -> StoredBlob {
        let (size, sha256) = (bytes.len() as u64, Sha256::of(&bytes));
        let blob = BlobRef::new(self.fresh_name());
        let written_at = SystemClock.now();
        let description = BlobDescription { provenance: Some(of.clone()), size, sha256: Some(sha256), written_at };
        self.blobs.insert(blob.clone(), (bytes, description));
        StoredBlob { blob, size, sha256 }
    }

    /// A name nothing had before.
    fn fresh_name(&mut self) -> String {
        self.names_ever += 1;
        format!("{:016x}", self.names_ever)
    }

    fn used_bytes(&self, owner: UserId) -> u64 {
        let recordings = self.recordings.values().filter(|recording| recording.owner == owner);
        let plans = self.uploads.values().filter(|plan| plan.owner == owner);
        recordings.map(|recording| recording.size).chain(plans.map(|plan| plan.size)).sum()
    }

    fn account(&self, identity: &Identity) -> Option<&Account> {
        self.accounts.values().find(|account| account.user.identity == *identity)
    }

    /// The recording, unless it has another revision than expected.
    fn expect(
        &mut self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
    ) -> Result<Option<&mut Recording>, StoreError> {
        match self.recordings.get_mut(&(owner, id.clone())) {
            Some(found) if expected.is_some_and(|expected| expected != found.revision) => Err(StoreError::Conflict),
            found => Ok(found),
        }
    }
}

#[async_trait]
impl BlobStore for Memory {
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let bytes = Bytes::from(body.try_collect::<Vec<Bytes>>().await?.concat());
        Ok(self.state().keep(of, bytes))
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

    async fn ping(&self) -> Result<(), BlobError> {
        Ok(())
    }
}

#[async_trait]
impl RecordStore for Memory {
    async fn insert(&self, recording: Recording, quota: u64) -> Result<(), InsertError> {
        let mut state = self.state();
        let key = (recording.owner, recording.id.clone());
        if let Some(existing) = state.recordings.get(&key) {
            return Err(InsertError::Taken(Box::new(existing.clone())));
        }
        if state.used_bytes(recording.owner).saturating_add(recording.size) > quota {
            return Err(InsertError::OverQuota);
        }
        state.recordings.insert(key, recording);
        Ok(())
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        Ok(self.state().recordings.get(&(owner, id.clone())).cloned())
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        let place = |recording: &Recording| (page.by.of(recording), recording.id.clone());
        let is_after = |recording: &Recording| match (&page.after, page.order) {
            (None, _) => true,
            (Some(after), Order::Newest) => place(recording) < (after.time, after.id.clone()),
            (Some(after), Order::Oldest) => place(recording) > (after.time, after.id.clone()),
        };
        let is_within = |recording: &Recording| {
            let time = page.by.of(recording);
            page.from.is_none_or(|from| time >= from) && page.to.is_none_or(|to| time < to)
        };
        let state = self.state();
        let own = state.recordings.values().filter(|recording| recording.owner == owner);
        let mut found: Vec<Recording> = own.filter(|found| is_within(found) && is_after(found)).cloned().collect();
        found.sort_by_key(place);
        if page.order == Order::Newest {
            found.reverse();
        }
        found.truncate(page.limit.get() + 1);
        Ok(found)
    }

    async fn rename(
        &self,
        owner: UserId,
        id: &RecordingId,
        name: RecordingName,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let mut state = self.state();
        let Some(recording) = state.expect(owner, id, expected)? else { return Ok(None) };
        recording.name = name;
        recording.revision.0 += 1;
        Ok(Some(recording.clone()))
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let mut state = self.state();
        state.expect(owner, id, expected)?;
        Ok(state.recordings.remove(&(owner, id.clone())))
    }

    async fn used_bytes(&self, owner: UserId) -> Result<u64, StoreError> {
        Ok(self.state().used_bytes(owner))
    }

    async fn orphans(&self, mut blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        let state = self.state();
        blobs.retain(|blob| state.recordings.values().all(|recording| recording.blob != *blob));
        Ok(blobs)
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        Ok(*self.state().id.get_or_insert_with(|| StoreId::generate(SystemClock.now())))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(state.recordings.is_empty() && state.uploads.is_empty())
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        self.state().id = Some(id);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl UserStore for Memory {
    async fn create(&self, account: Account) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.account(&account.user.identity).is_some() {
            return Err(StoreError::Conflict);
        }
        state.accounts.insert(account.user.id, account);
        Ok(())
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        Ok(self.state().account(identity).cloned())
    }

    async fn open_session(&self, session: Session, token: TokenHash) -> Result<(), StoreError> {
        self.state().sessions.insert(token, session);
        Ok(())
    }

    async fn session(&self, token: TokenHash) -> Result<Option<(User, Session)>, StoreError> {
        let state = self.state();
        let session = state.sessions.get(&token);
        Ok(session.and_then(|session| Some((state.accounts.get(&session.user)?.user.clone(), session.clone()))))
    }

    async fn touch_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(session) = state.sessions.values_mut().find(|session| session.user == user && session.id == id) {
            session.last_used_at = last_used_at;
            session.expires_at = expires_at;
        }
        Ok(())
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let mut sessions: Vec<Session> =
            self.state().sessions.values().filter(|session| session.user == user).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        Ok(sessions)
    }

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.sessions.len();
        state.sessions.retain(|_, session| session.user != user || session.id != id);
        Ok(state.sessions.len() < before)
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        self.state().sessions.retain(|_, session| session.user != user);
        Ok(())
    }

    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.state();
        let before = state.sessions.len();
        state.sessions.retain(|_, session| session.expires_at >= now);
        Ok((before - state.sessions.len()) as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
