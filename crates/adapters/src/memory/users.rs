//! `UserStore` in memory.

use std::cmp::Reverse;

use async_trait::async_trait;
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    playback::LinkEpoch,
    ports::{CreateError, StoreError, UpdateError, UserStore},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, PasswordHash, User, UserPage},
};

use super::{Memory, State};

impl State {
    fn account(&self, identity: &Identity) -> Option<&Account> {
        self.accounts.values().find(|account| account.user.has(identity))
    }

    /// Whether somebody but this user has one of the identities.
    fn is_taken(&self, user: &User) -> bool {
        let mut others = self.accounts.values().filter(|other| other.user.id != user.id);
        others.any(|other| user.identities.iter().any(|linked| other.user.has(&linked.identity)))
    }

    /// Ends the sessions that were used least recently, so that with one more there are no more than so many.
    fn make_room_for_session(&mut self, user: UserId, most: u64) {
        let own = self.sessions.values().filter(|session| session.user == user);
        let mut by_use: Vec<_> = own.map(|session| (session.last_used_at, session.id)).collect();
        by_use.sort_unstable();
        let surplus = (by_use.len() as u64 + 1).saturating_sub(most.max(1));
        let ended: Vec<SessionId> =
            by_use.into_iter().take(usize::try_from(surplus).unwrap_or(usize::MAX)).map(|(_, id)| id).collect();
        self.close_where(|session| session.user == user && ended.contains(&session.id));
    }

    /// Ends sessions, and says how many.
    pub(super) fn close_where(&mut self, is_closed: impl Fn(&Session) -> bool) -> u64 {
        let closed: Vec<UserId> =
            self.sessions.extract_if(.., |_, session| is_closed(session)).map(|(_, it)| it.user).collect();
        for user in &closed {
            self.counters(*user).sessions -= 1;
        }
        closed.len() as u64
    }
}

#[async_trait]
impl UserStore for Memory {
    async fn create(&self, account: Account) -> Result<(), CreateError> {
        let mut state = self.state();
        if state.accounts.contains_key(&account.user.id) || state.is_taken(&account.user) {
            return Err(CreateError::Taken);
        }
        state.accounts.insert(account.user.id, account);
        Ok(())
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        Ok(self.state().account(identity).cloned())
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.state().accounts.get(&user).cloned())
    }

    async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, StoreError> {
        let state = self.state();
        let mut users: Vec<_> = state.accounts.values().map(|account| &account.user).collect();
        users.sort_unstable_by_key(|user| Reverse(user.id));
        let rest = users.into_iter().filter(|user| after.is_none_or(|after| user.id < after));
        Ok(UserPage::first_of(rest.take(limit.get() + 1).cloned().collect(), limit))
    }

    async fn update(&self, from: Account, to: Account) -> Result<(), UpdateError> {
        let mut state = self.state();
        if state.accounts.get(&from.user.id) != Some(&from) {
            return Err(UpdateError::Changed);
        }
        if state.is_taken(&to.user) {
            return Err(UpdateError::Taken);
        }
        match to.user.erase_at {
            Some(at) if from.user.erase_at != Some(at) => _ = state.erasures.insert(from.user.id, at),
            Some(_) => {}
            None => _ = state.erasures.remove(&from.user.id),
        }
        state.accounts.insert(from.user.id, to);
        Ok(())
    }

    async fn change_password(
        &self,
        user: UserId,
        from: Option<PasswordHash>,
        to: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(&user).filter(|account| account.password == from) else {
            return Ok(false);
        };
        account.password = Some(to);
        state.close_where(|session| session.user == user && Some(session.id) != kept);
        state.link_epochs.insert(user, LinkEpoch::generate());
        Ok(true)
    }

    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        state.make_room_for_session(session.user, most);
        state.counters(session.user).sessions += 1;
        state.sessions.insert(token, session);
        Ok(())
    }

    async fn session(&self, token: TokenHash) -> Result<Option<Session>, StoreError> {
        Ok(self.state().sessions.get(&token).cloned())
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

    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let state = self.state();
        Ok(state.sessions.values().find(|session| session.user == user && session.id == id).cloned())
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        let state = self.state();
        let own = state.sessions.values().filter(|session| session.user == user && session.expires_at > now);
        let mut found: Vec<Session> = own.filter(|it| after.is_none_or(|after| it.id < after)).cloned().collect();
        found.sort_by_key(|session| std::cmp::Reverse(session.id));
        found.truncate(limit.get() + 1);
        Ok(found)
    }

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.state().close_where(|session| session.user == user && session.id == id) > 0)
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        let mut state = self.state();
        state.close_where(|session| session.user == user);
        state.link_epochs.insert(user, LinkEpoch::generate());
        Ok(())
    }

    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state().close_where(|session| session.expires_at < now))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
