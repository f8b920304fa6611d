//! Users and their sessions.

use async_trait::async_trait;
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    ports::{CreateError, StoreError, UpdateError, UserStore},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, PasswordHash, UserPage},
};

use super::Reached;

#[async_trait]
impl UserStore for Reached {
    async fn create(&self, account: Account) -> Result<(), CreateError> {
        self.stores.ledger().sign_up(account.user.id);
        self.gate.call_with_room("users.create", async { self.stores.inner().users.create(account).await }).await
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        self.gate.call("users.find", async { self.stores.inner().users.find(identity).await }).await
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        self.gate.call("users.account", async { self.stores.inner().users.account(user).await }).await
    }

    async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, StoreError> {
        self.gate.call("users.users", async { self.stores.inner().users.users(after, limit).await }).await
    }

    async fn update(&self, from: Account, to: Account) -> Result<(), UpdateError> {
        self.gate.call_with_room("users.update", async { self.stores.inner().users.update(from, to).await }).await
    }

    async fn change_password(
        &self,
        user: UserId,
        from: Option<PasswordHash>,
        to: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError> {
        let change = async { self.stores.inner().users.change_password(user, from, to, kept).await };
        self.gate.call_with_room("users.change_password", change).await
    }

    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError> {
        let open = async { self.stores.inner().users.open_session(session, token, most).await };
        self.gate.call_with_room("users.open_session", open).await
    }

    async fn session(&self, token: TokenHash) -> Result<Option<Session>, StoreError> {
        self.gate.call("users.session", async { self.stores.inner().users.session(token).await }).await
    }

    async fn touch_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let touch = async { self.stores.inner().users.touch_session(user, id, last_used_at, expires_at).await };
        self.gate.call_with_room("users.touch_session", touch).await
    }

    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.gate.call("users.session_of", async { self.stores.inner().users.session_of(user, id).await }).await
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        let list = async { self.stores.inner().users.sessions(user, now, limit, after).await };
        self.gate.call("users.sessions", list).await
    }

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.gate.call("users.close_session", async { self.stores.inner().users.close_session(user, id).await }).await
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        self.gate.call("users.close_sessions", async { self.stores.inner().users.close_sessions(user).await }).await
    }

    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let remove = async { self.stores.inner().users.remove_expired_sessions(now).await };
        self.gate.call("users.remove_expired_sessions", remove).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.gate.call("users.ping", async { self.stores.inner().users.ping().await }).await
    }
}
