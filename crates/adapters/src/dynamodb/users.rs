//! `UserStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    ports::{StoreError, Timestamp, UserStore},
    session::{Session, TokenHash},
    user::{Account, Identity, User},
};

use super::{DynamoDb, items, keys};

#[async_trait]
impl UserStore for DynamoDb {
    async fn create(&self, account: Account) -> Result<(), StoreError> {
        let mut create = self.transaction();
        create.add(items::of_owned_identity(&account.user))?;
        create.add(items::of_account(&account))?;
        create.commit().await?.map_err(|_| StoreError::Conflict)
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        let Some(owned) = self.get(keys::identity(identity)).await? else { return Ok(None) };
        let account = self.get(keys::account(items::owner_of_identity(&owned)?)).await?;
        account.as_ref().map(items::account).transpose()
    }

    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError> {
        let account = self.get(keys::account(session.user)).await?;
        let account = account.ok_or_else(|| StoreError::Unavailable("no such user".into()))?;
        self.begin_session(&session, token, &items::account(&account)?.user, most).await
    }

    async fn session(&self, token: TokenHash) -> Result<Option<(User, Session)>, StoreError> {
        let item = self.get(keys::token(token)).await?;
        item.as_ref().map(items::opened_session).transpose()
    }

    async fn touch_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.prolong_session(user, id, last_used_at, expires_at).await
    }

    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let item = self.get(keys::session(user, id)).await?;
        item.as_ref().map(items::session).transpose()
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        self.list_sessions(user, now, limit, after).await
    }

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.end_session(user, id).await
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        self.end_all_sessions(user).await
    }

    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let (ended, put_off) = self.end_expired_sessions(now).await?;
            removed += ended;
            // An index that lags behind shows what is gone, and would do so for ever.
            if ended + put_off == 0 {
                return Ok(removed);
            }
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}
