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
    history::DeletedAudio,
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
    /// How many recordings are removed at once.
    const AT_ONCE: usize = 8;

    /// Wires the use case. The account goes `settling` after the rest: no upload takes longer.
    #[must_use]
    pub fn new(ports: &Ports, settling: TimeDelta) -> Self {
        let Ports { erasure, tokens, users, records, uploads, blobs, staging, deleted, clock, .. } = ports.clone();
        Self { store: erasure, tokens, users, records, uploads, blobs, staged: staging.blobs, deleted, clock, settling }
    }

    /// Goes once through those who are to be erased by now; how many are gone for good.
    ///
    /// # Errors
    /// The first failure of a store; it keeps nobody else from being erased.
    pub async fn run(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let (mut seen, mut erased, mut outcome) = (BTreeSet::new(), 0, Ok(()));
        loop {
            let due = self.store.to_erase(now).await?;
            // A list that lags behind shows whom it has shown, and would do so for ever.
            let due: Vec<_> = due.into_iter().filter(|user| seen.insert(*user)).collect();
            if due.is_empty() {
                return outcome.map(|()| erased);
            }
            for user in due {
                match self.erase(user, now).await {
                    Ok(is_gone) => erased += u64::from(is_gone),
                    Err(error) => {
                        outcome = outcome.and(Err(error));
                        self.store.put_off(user, now + Self::RETRY).await?;
                    }
                }
            }
        }
    }

    /// Whether nothing is left of a user.
    async fn erase(&self, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(account) = self.users.account(user).await? else {
            return self.store.forget_account(user).await.map(|()| false);
        };
        let Some(erase_at) = account.user.erase_at.filter(|erase_at| *erase_at <= now) else { return Ok(false) };
        if !self.take_names(account).await? {
            return Ok(false);
        }
        self.tokens.revoke_tokens(user).await?;
        self.users.close_sessions(user).await?;
        self.end_uploads(user).await?;
        self.delete_recordings(user, now).await?;
        let is_empty = self.store.forget_rest(user).await?;
        let settled_at = erase_at + self.settling;
        if is_empty && settled_at <= now {
            return self.store.forget_account(user).await.map(|()| true);
        }
        self.store.put_off(user, settled_at.max(now + Self::RETRY)).await?;
        Ok(false)
    }

    /// Frees what the user signed in with; `false` if the account was changed meanwhile.
    async fn take_names(&self, from: Account) -> Result<bool, StoreError> {
        if from.user.identities.is_empty() && from.password.is_none() {
            return Ok(true);
        }
        let to = nameless(&*self.store, from.clone()).await?;
        match self.users.update(from, to).await {
            Ok(()) => Ok(true),
            Err(UpdateError::Changed | UpdateError::Taken) => Ok(false),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    async fn end_uploads(&self, user: UserId) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let uploads = self.uploads.uploads(user, Limit::MAX, after).await?;
            for upload in &uploads {
                if self.uploads.release(upload).await? {
                    // What resists is swept by its age.
                    let _ = self.staged.clear(&upload.staged).await;
                }
            }
            let Some(last) = uploads.last() else { return Ok(()) };
            after = Some(last.id.clone());
        }
    }

    async fn delete_recordings(&self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let (by, order) = (TimeField::Received, Order::Oldest);
        let mut page = PageRequest { by, order, from: None, to: None, limit: Limit::MAX, after: None };
        loop {
            let recordings = self.records.list(user, page.clone()).await?;
            let Some(last) = recordings.last() else { return Ok(()) };
            page.after = Some(Position { time: last.received_at, id: last.id.clone() });
            let deleting = stream::iter(recordings).map(|recording| self.delete(recording, now));
            deleting.buffer_unordered(Self::AT_ONCE).try_collect::<()>().await?;
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
            self.deleted.audio_removed(&DeletedAudio { owner, id, blob }, now).await?;
        }
        Ok(())
    }
}

/// An account that nobody can sign in to, of which no password is remembered, nor tries of any.
pub(crate) async fn nameless(erasure: &dyn ErasureStore, account: Account) -> Result<Account, StoreError> {
    erasure.forget_tries(AttemptKey::of_user(account.user.id)).await?;
    let mut nameless = account;
    for linked in std::mem::take(&mut nameless.user.identities) {
        if let Identity::Email(email) = linked.identity {
            erasure.forget_tries(AttemptKey::of_email(&email)).await?;
        }
    }
    nameless.password = None;
    Ok(nameless)
}
