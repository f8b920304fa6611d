//! The one way an owner's recordings change: the row, the owner's counters and the owner's next change number.
//!
//! The number is taken on condition that the last one is what it was seen to be. In this process changes of one owner
//! queue, so that only servers get in each other's way; then whoever was later tries again with the number after.

use tapebase_domain::{
    history::{ChangeNumber, Counters, Deleted, DueAudio},
    id::{UserId, random_bytes},
    ports::StoreError,
    quota::{Excess, Quota, weight},
    recording::Recording,
    time::Timestamp,
};
use tokio::sync::OwnedMutexGuard;

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::Due,
    errors::Backoff,
    items::{self, Item, binary, number, text},
    keys,
    owners::Seen,
    query,
    transact::{Refusal, Transaction},
};

/// How often servers may get in each other's way before one gives up.
const MOST_RACES: u32 = 100;

/// How a recording changes.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is added, where nothing is or the tombstone with this stamp.
    Add { recording: Recording, over: Option<Item>, quota: Quota },
    /// This upload becomes it.
    Settle { recording: Recording, over: Option<Item>, staged: String },
    /// It takes the place of itself as it was; its audio of then is to be removed at `due_at`, if at all.
    Replace { recording: Recording, before: Recording, due_at: Option<Timestamp> },
    /// It is taken out as if it had never been there.
    Forget { before: Recording },
    /// It is taken out, and leaves a tombstone.
    Remove { before: Recording, at: Timestamp, most_tombstones: u64 },
}

/// Why a change did not take place.
pub enum Refused {
    /// What is there is not what it must be: this, if anything.
    Row(Option<Item>),
    /// There is no such upload.
    Upload,
    /// The quota does not allow it.
    OverQuota(Excess),
}

impl Change {
    fn recording(&self) -> &Recording {
        match self {
            Self::Add { recording, .. } | Self::Settle { recording, .. } | Self::Replace { recording, .. } => recording,
            Self::Forget { before } | Self::Remove { before, .. } => before,
        }
    }

    /// The recording as it is kept under its number; one that is removed, as it was.
    fn done(self, changed: ChangeNumber) -> Recording {
        match self {
            Self::Add { recording, .. } | Self::Settle { recording, .. } | Self::Replace { recording, .. } => {
                Recording { changed, ..recording }
            }
            Self::Forget { before } | Self::Remove { before, .. } => before,
        }
    }

    fn delta(&self) -> Delta {
        let size = i128::from(weight(self.recording().size));
        match self {
            Self::Add { over, .. } => {
                let tombstones = -i128::from(over.is_some());
                Delta { used: size, held: 1, recordings: 1, tombstones, ..Delta::default() }
            }
            Self::Settle { over, .. } => Delta {
                reserved: -size,
                recordings: 1,
                uploads: -1,
                tombstones: -i128::from(over.is_some()),
                ..Delta::default()
            },
            Self::Replace { .. } => Delta::default(),
            Self::Forget { .. } => Delta { used: -size, held: -1, recordings: -1, ..Delta::default() },
            Self::Remove { .. } => Delta { used: -size, held: -1, recordings: -1, tombstones: 1, ..Delta::default() },
        }
    }

    /// That there is room for it.
    fn check(&self) -> Check {
        match self {
            Self::Add { recording, quota, .. } => Check::for_recording(*quota, recording.size).unwrap_or_default(),
            Self::Settle { .. } | Self::Replace { .. } | Self::Forget { .. } | Self::Remove { .. } => Check::default(),
        }
    }

    /// Of what there would be too much for somebody who has this.
    fn excess(&self, has: &Counters) -> Excess {
        match self {
            Self::Add { recording, quota, .. } => quota.admit_recording(has, recording.size).err(),
            Self::Settle { .. } | Self::Replace { .. } | Self::Forget { .. } | Self::Remove { .. } => None,
        }
        .unwrap_or(Excess::Bytes)
    }

    /// Which action of its transaction writes the row.
    fn row_action(&self) -> usize {
        usize::from(matches!(self, Self::Settle { .. }))
    }

    /// Writes the row under its number.
    fn write(&self, transaction: &mut Transaction<'_>, changed: ChangeNumber) -> Result<(), StoreError> {
        match self {
            Self::Add { recording, over, .. } => add(transaction, recording, changed, over.as_ref()),
            Self::Settle { recording, over, staged } => {
                let values = Item::from([(":staged".to_owned(), text(staged.clone()))]);
                transaction.bury(keys::upload(recording.owner, &recording.id), "staged = :staged", values)?;
                add(transaction, recording, changed, over.as_ref())?;
                Due::upload(recording.owner, &recording.id).cancel(transaction)
            }
            Self::Replace { recording, before, due_at } => {
                let (condition, values) = is_still(before);
                let item = items::of_recording(&Recording { changed, ..recording.clone() });
                transaction.replace(item, condition, values)?;
                let Recording { owner, id, blob, .. } = before.clone();
                due_at.map_or(Ok(()), |due_at| Due::audio(&DueAudio { owner, id, blob }).schedule(transaction, due_at))
            }
            Self::Forget { before } => {
                let (condition, values) = is_still(before);
                transaction.take_out_if(keys::recording(before.owner, &before.id), condition, &[], values)
            }
            Self::Remove { before, at, .. } => {
                let (condition, values) = is_still(before);
                let Recording { owner, id, blob, .. } = before.clone();
                let tombstone = Deleted { id: id.clone(), owner, changed, deleted_at: *at };
                transaction.replace(items::of_deleted(&tombstone, &random_bytes()), condition, values)?;
                Due::audio(&DueAudio { owner, id, blob }).schedule(transaction, *at)
            }
        }
    }
}

fn add(
    transaction: &mut Transaction<'_>,
    recording: &Recording,
    changed: ChangeNumber,
    over: Option<&Item>,
) -> Result<(), StoreError> {
    let item = items::of_recording(&Recording { changed, ..recording.clone() });
    match over.and_then(items::stamp) {
        None => transaction.add(item),
        Some(stamp) => {
            let values = Item::from([(":gone".to_owned(), stamp.clone())]);
            transaction.replace(item, "gone = :gone", values)
        }
    }
}

/// That a recording is what it was: no other has its number.
fn is_still(before: &Recording) -> (&'static str, Item) {
    let values = Item::from([
        (":changed".to_owned(), number(before.changed.0)),
        (":blob".to_owned(), text(before.blob.as_str())),
    ]);
    ("changed = :changed AND sweep_sk = :blob", values)
}

/// Leave to change an owner's recordings: nobody else in this process has it until this is dropped.
pub struct Turn<'a> {
    store: &'a DynamoDb,
    owner: UserId,
    known: OwnedMutexGuard<Option<Seen>>,
}

impl Turn<'_> {
    /// Makes a change of a recording as it is now: again, if another server has changed it meanwhile. It begins with what
    /// was `seen` of it, for what is there comes with the refusal. `None` if there is none, or nothing to change.
    pub async fn change_seen<E: From<StoreError>>(
        &mut self,
        mut seen: Option<Item>,
        decide: impl Fn(Recording) -> Result<Option<Change>, E>,
    ) -> Result<Option<Recording>, E> {
        for _ in 0..MOST_RACES {
            let Some(item) = &seen else { return Ok(None) };
            let Some(change) = decide(items::recording(item)?)? else { return Ok(None) };
            match self.change(change).await? {
                Ok(recording) => return Ok(Some(recording)),
                Err(Refused::Row(there)) => seen = there.filter(items::is_alive),
                Err(Refused::OverQuota(_) | Refused::Upload) => {}
            }
        }
        Err(StoreError::Unavailable("other servers change this recording all the time".into()).into())
    }

    /// Makes a change; the recording as it is kept, or was.
    pub async fn change(&mut self, change: Change) -> Result<Result<Recording, Refused>, StoreError> {
        for _ in 0..MOST_RACES {
            // Whatever comes of it: unless it is known, it is asked for.
            let seen = match self.known.take() {
                Some(seen) => seen,
                None => Seen::of(&self.store.read_counters(self.owner).await?),
            };
            let seen = self.store.settled(self.owner, seen).await?;
            let (transaction, after, counting) = self.store.compose(&change, seen).await?;
            let refusal = match transaction.commit().await? {
                Ok(()) => {
                    *self.known = Some(after);
                    return Ok(Ok(change.done(after.changed)));
                }
                Err(refusal) => refusal,
            };
            match judge(&change, refusal, seen, counting)? {
                Ok(refused) => {
                    *self.known = Some(seen);
                    return Ok(Err(refused));
                }
                Err(there) => *self.known = Some(there),
            }
            Backoff::pause().await;
        }
        Err(StoreError::Unavailable("other servers change this owner's recordings all the time".into()))
    }
}

impl DynamoDb {
    /// Waits for leave to change an owner's recordings.
    pub(super) async fn turn(&self, owner: UserId) -> Turn<'_> {
        Turn { store: self, owner, known: self.owners.of(owner).lock_owned().await }
    }

    /// Waits for the row of a last change that was not made here. DynamoDB writes the items of a transaction one by one:
    /// a client that read the next change before this one is there would never hear of it. What does not come was lost
    /// when the table was restored.
    async fn settled(&self, owner: UserId, seen: Seen) -> Result<Seen, StoreError> {
        if seen.is_settled {
            return Ok(seen);
        }
        let (mut backoff, last) = (Backoff::default(), keys::change(seen.changed));
        loop {
            let query = self.query().index_name("by_changed").consistent_read(true);
            let bounds = ("changed_key", last.clone(), last.clone());
            let found = query::first(query::between(query, ("pk", keys::of_user(owner)), bounds), 1).await?;
            if !found.is_empty() || backoff.wait("the last change is not there").await.is_err() {
                return Ok(Seen { is_settled: true, ..seen });
            }
        }
    }

    /// The transaction, what will be known of the counters after it, and which of its actions counts.
    async fn compose(&self, change: &Change, seen: Seen) -> Result<(Transaction<'_>, Seen, usize), StoreError> {
        let changed = seen.changed.next();
        let (mut delta, owner) = (Delta { changed: Some(changed), ..change.delta() }, change.recording().owner);
        let mut transaction = self.transaction();
        change.write(&mut transaction, changed)?;
        let surplus = match change {
            Change::Remove { most_tombstones, .. } => (seen.tombstones + 1).saturating_sub(*most_tombstones),
            _ => 0,
        };
        let mut after = Seen { changed, is_settled: true, ..seen };
        for oldest in self.oldest_tombstones(owner, surplus).await? {
            let forgotten = items::deleted(&oldest)?;
            let stamp = items::stamp(&oldest).cloned().unwrap_or_else(|| binary(&[]));
            let values = Item::from([(":gone".to_owned(), stamp)]);
            transaction.take_out_if(keys::recording(owner, &forgotten.id), "gone = :gone", &[], values)?;
            delta.tombstones -= 1;
            after.forgotten = after.forgotten.max(forgotten.changed);
            delta.forgotten = Some(after.forgotten);
        }
        after.tombstones = u64::try_from(i128::from(seen.tombstones) + delta.tombstones).unwrap_or_default();
        let counting = transaction.len();
        // Whoever forgets tombstones by their time takes no number.
        let tombstones = delta.forgotten.map(|_| seen.tombstones);
        transaction.count(owner, &delta, &Check { changed: Some(seen.changed), tombstones, ..change.check() })?;
        Ok((transaction, after, counting))
    }

    /// An owner's oldest tombstones.
    async fn oldest_tombstones(&self, owner: UserId, most: u64) -> Result<Vec<Item>, StoreError> {
        /// How many are forgotten with one deletion at most.
        const AT_ONCE: u64 = 10;
        if most == 0 {
            return Ok(Vec::new());
        }
        let (first, last) = keys::tombstone_bounds();
        let query = self.query().index_name("by_received").consistent_read(true);
        let query = query::between(query, ("pk", keys::of_user(owner)), ("received_key", first, last));
        query::first(query, usize::try_from(most.min(AT_ONCE)).unwrap_or_default()).await
    }
}

/// Why a transaction was refused; or, if others were faster, what the counters are by now.
fn judge(change: &Change, refusal: Refusal, seen: Seen, counting: usize) -> Result<Result<Refused, Seen>, StoreError> {
    if refusal.action == counting {
        let there = refusal.into_anything().map_or_else(|| Ok(Default::default()), |item| items::counters(&item))?;
        let now = Seen::of(&there);
        return Ok(if now.is_same(&seen) { Ok(Refused::OverQuota(change.excess(&there.0))) } else { Err(now) });
    }
    if refusal.action == change.row_action() {
        return Ok(Ok(Refused::Row(refusal.into_anything())));
    }
    if refusal.action < change.row_action() {
        return Ok(Ok(Refused::Upload));
    }
    // A tombstone that was to be forgotten is forgotten already.
    Ok(Err(Seen { tombstones: seen.tombstones.saturating_sub(1), ..seen }))
}
