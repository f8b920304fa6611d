//! Use case: remove all that is kept of users who have left.
//!
//! Step by step, and each may be done again: whatever is cut short goes on with the next run. The account goes last, and
//! not before an upload that was under way when its user left has come to its end: until then each run looks for what it
//! may have brought.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    attempts::AttemptKey,
    auth::end_access,
    direct::release,
    history::DueAudio,
    id::UserId,
    page::{Limit, Order, PageRequest, Position, TimeField},
    ports::{
        BlobStore, Clock, DeletedStore, ErasureStore, Ports, RecordStore, RevisionError, StagedBlobs, StoreError,
        TokenStore, UpdateError, UploadStore, UserStore,
    },
    recording::Recording,
    time::Timestamp,
    user::{Account, Identity},
};

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Users of whom nothing is left.
    pub gone: u64,
    /// Users of whom something is left that should be gone: it resists, or cannot be read.
    pub late: u64,
}

/// How far somebody's erasure is.
enum Progress {
    Gone,
    /// Something is left, and it is not time yet.
    Waiting,
    /// Something is left, and it is time.
    Late,
}

/// Removes what is left of those who are to be erased; safe to run twice at once.
#[derive(Clone)]
pub struct Erasure {
    store: Arc<dyn ErasureStore>,
    tokens: Arc<dyn TokenStore>,
    users: Arc<dyn UserStore>,
    records: Arc<dyn RecordStore>,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
    staged: Arc<dyn StagedBlobs>,
    deleted: Arc<dyn DeletedStore>,
    clock: Arc<dyn Clock>,
    settling: TimeDelta,
}

impl Erasure {
    /// When something that resists is tried again.
    const RETRY: TimeDelta = TimeDelta::minutes(30);
    /// How long one run may take: others are to be erased, too, and a Lambda function ends.
    const LONGEST: TimeDelta = TimeDelta::minutes(5);
    /// When somebody who is not to be erased is looked at again.
    const NEVER: TimeDelta = TimeDelta::days(3_650);
    /// How many recordings are removed at once.
    const AT_ONCE: usize = 8;

    /// Wires the use case. The account goes `settling` after the rest: no upload takes longer.
    #[must_use]
    pub fn new(ports: &Ports, settling: TimeDelta) -> Self {
        let Ports { erasure, tokens, users, records, uploads, blobs, staging, deleted, clock, .. } = ports.clone();
        Self { store: erasure, tokens, users, records, uploads, blobs, staged: staging.blobs, deleted, clock, settling }
    }

    /// Goes through those who are to be erased by now, for some minutes at most: what is left then is taken up the next time.
    ///
    /// # Errors
    /// The first failure of a store; it keeps nobody else from being erased.
    pub async fn run(&self) -> Result<Erased, StoreError> {
        let until = self.clock.now() + Self::LONGEST;
        let (mut seen, mut erased, mut outcome) = (BTreeSet::new(), Erased::default(), Ok(()));
        loop {
            let now = self.clock.now();
            let due = self.store.to_erase(now).await?;
            // A list that lags behind shows whom it has shown, and would do so for ever.
            let due: Vec<_> = due.into_iter().filter(|user| seen.insert(*user)).collect();
            if due.is_empty() || now >= until {
                return outcome.map(|()| erased);
            }
            for user in due {
                match self.erase(user, now, until).await {
                    Ok(Progress::Gone) => erased.gone += 1,
                    Ok(Progress::Late) => erased.late += 1,
                    Ok(Progress::Waiting) => {}
                    Err(error) => {
                        outcome = outcome.and(Err(error));
                        erased.late += 1;
                        self.store.put_off(user, now + Self::RETRY).await?;
                    }
                }
            }
        }
    }

    async fn erase(&self, user: UserId, now: Timestamp, until: Timestamp) -> Result<Progress, StoreError> {
        let Some(account) = self.users.account(user).await? else {
            return self.store.forget_account(user).await.map(|()| Progress::Waiting);
        };
        let Some(erase_at) = account.user.erase_at else {
            // Nobody cancels what an older server has left behind.
            return self.store.put_off(user, now + Self::NEVER).await.map(|()| Progress::Waiting);
        };
        end_access(&*self.users, &*self.tokens, user).await?;
        if erase_at > now {
            return self.store.put_off(user, erase_at).await.map(|()| Progress::Waiting);
        }
        if !self.take_names(account).await? {
            return Ok(Progress::Waiting);
        }
        self.end_uploads(user).await?;
        self.delete_recordings(user, until).await?;
        let is_settled = erase_at + self.settling <= now;
        self.delete_due_audio(user, until, is_settled).await?;
        let is_empty = self.store.forget_rest(user).await?;
        if is_empty && is_settled {
            return self.store.forget_account(user).await.map(|()| Progress::Gone);
        }
        self.store.put_off(user, now + Self::RETRY).await?;
        Ok(if is_settled { Progress::Late } else { Progress::Waiting })
    }

    /// Frees what the user signed in with; `false` if the account was changed meanwhile.
    async fn take_names(&self, from: Account) -> Result<bool, StoreError> {
        if from.user.identities.is_empty() && from.password.is_none() {
            return Ok(true);
        }
        let tries = tries_of(&from);
        match self.users.update(from.clone(), nameless(from)).await {
            Ok(()) => forget_tries(&*self.store, &tries).await.map(|()| true),
            Err(UpdateError::Changed | UpdateError::Taken) => Ok(false),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    async fn end_uploads(&self, user: UserId) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let uploads = self.uploads.uploads(user, Limit::MAX, after).await?;
            for upload in &uploads {
                if release(&*self.uploads, &*self.staged, upload, self.clock.now()).await? {
                    // What resists is swept.
                    let _ = self.staged.clear(&upload.staged).await;
                }
            }
            let Some(last) = uploads.last() else { return Ok(()) };
            after = Some(last.id.clone());
        }
    }

    /// Some are left where there are very many.
    async fn delete_recordings(&self, user: UserId, until: Timestamp) -> Result<(), StoreError> {
        let (by, order) = (TimeField::Received, Order::Oldest);
        let mut page = PageRequest { by, order, from: None, to: None, limit: Limit::MAX, after: None };
        loop {
            let recordings = self.records.list(user, page.clone()).await?;
            let now = self.clock.now();
            let Some(last) = recordings.last().filter(|_| now < until) else { return Ok(()) };
            page.after = Some(Position { time: last.received_at, id: last.id.clone() });
            let deleting = stream::iter(recordings).map(|recording| self.delete(recording, now));
            deleting.buffer_unordered(Self::AT_ONCE).try_collect::<()>().await?;
        }
    }

    /// Nor does anything of theirs wait until it is due. It stays noted until nothing comes any more: a link that was given
    /// out before they left may bring it again.
    async fn delete_due_audio(&self, user: UserId, until: Timestamp, is_settled: bool) -> Result<(), StoreError> {
        loop {
            let now = self.clock.now();
            let mut forgotten = false;
            for audio in self.deleted.audio_of(user).await? {
                if self.blobs.delete(&audio.blob).await.is_ok() && is_settled {
                    self.deleted.audio_removed(&audio, now).await?;
                    forgotten = true;
                }
            }
            // What resists is listed again.
            if !forgotten || now >= until {
                return Ok(());
            }
        }
    }

    /// The row goes first, as whenever somebody deletes; audio that resists is removed by the sweeper.
    async fn delete(&self, recording: Recording, now: Timestamp) -> Result<(), StoreError> {
        let Recording { owner, id, .. } = recording;
        let removed = match self.records.remove(owner, &id, None, now, u64::MAX).await {
            Ok(removed) => removed,
            Err(RevisionError::Stale) => None,
            Err(RevisionError::Store(error)) => return Err(error),
        };
        if let Some(Recording { blob, .. }) = removed
            && self.blobs.delete(&blob).await.is_ok()
        {
            self.deleted.audio_removed(&DueAudio { owner, id, blob }, now).await?;
        }
        Ok(())
    }
}

/// An account that nobody can sign in to.
pub(crate) fn nameless(mut account: Account) -> Account {
    account.user.identities.clear();
    account.password = None;
    account
}

/// Under which keys it is remembered how often an account's password was tried.
pub(crate) fn tries_of(account: &Account) -> Vec<AttemptKey> {
    let mut keys = vec![AttemptKey::of_user(account.user.id)];
    keys.extend(account.user.identities.iter().filter_map(|linked| match &linked.identity {
        Identity::Email(email) => Some(AttemptKey::of_email(email)),
        Identity::Oidc(_) | Identity::Social(_) => None,
    }));
    keys
}

pub(crate) async fn forget_tries(store: &dyn ErasureStore, keys: &[AttemptKey]) -> Result<(), StoreError> {
    for key in keys {
        store.forget_tries(*key).await?;
    }
    Ok(())
}
