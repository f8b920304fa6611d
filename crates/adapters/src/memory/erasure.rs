//! `ErasureStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    attempts::AttemptKey,
    id::UserId,
    ports::{ErasureStore, StoreError},
    time::Timestamp,
};

use super::{Due, Memory, State};

#[async_trait]
impl ErasureStore for Memory {
    async fn to_erase(&self, now: Timestamp) -> Result<Vec<UserId>, StoreError> {
        let state = self.state();
        Ok(state.erasures.iter().filter(|(_, due_at)| **due_at < now).map(|(user, _)| *user).collect())
    }

    async fn put_off(&self, user: UserId, until: Timestamp) -> Result<(), StoreError> {
        if let Some(due_at) = self.state().erasures.get_mut(&user) {
            *due_at = until;
        }
        Ok(())
    }

    async fn forget_tries(&self, key: AttemptKey) -> Result<(), StoreError> {
        self.state().attempts.remove(&key);
        Ok(())
    }

    async fn forget_rest(&self, user: UserId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_empty = !state.has_anything_to_do(user);
        state.forget_traces(user);
        if is_empty {
            state.forget_counts(user);
        }
        Ok(is_empty)
    }

    async fn forget_account(&self, user: UserId) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.accounts.get(&user).is_some_and(|account| account.user.erase_at.is_none()) {
            return Ok(());
        }
        state.close_where(|session| session.user == user);
        state.tokens.retain(|_, token| token.user != user);
        state.forget_traces(user);
        state.forget_counts(user);
        state.recordings.retain(|(owner, _), _| *owner != user);
        state.uploads.retain(|(owner, _), _| *owner != user);
        state.audio.retain(|(audio, _)| audio.owner != user);
        state.accounts.remove(&user);
        state.erasures.remove(&user);
        Ok(())
    }
}

impl State {
    fn has_anything_to_do(&self, user: UserId) -> bool {
        self.recordings.keys().chain(self.uploads.keys()).any(|(owner, _)| *owner == user)
            || self.tokens.values().any(|token| token.user == user)
            || self.sessions.values().any(|session| session.user == user)
            || self.audio.iter().any(|(audio, due)| audio.owner == user && matches!(due, Due::Remove(_)))
    }

    fn forget_traces(&mut self, user: UserId) {
        self.deleted.retain(|(owner, _), _| *owner != user);
        self.counters(user).tombstones = 0;
        self.audio.retain(|(audio, due)| audio.owner != user || matches!(due, Due::Remove(_)));
    }

    fn forget_counts(&mut self, user: UserId) {
        self.counters.remove(&user);
        self.forgotten.remove(&user);
        self.link_epochs.remove(&user);
    }
}
