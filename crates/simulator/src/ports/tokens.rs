//! API tokens.

use async_trait::async_trait;
use tapebase_domain::{
    api_token::ApiToken,
    id::{ApiTokenId, UserId},
    ports::{StoreError, TokenStore},
    session::TokenHash,
    time::Timestamp,
};

use super::Reached;

#[async_trait]
impl TokenStore for Reached {
    async fn add_token(&self, token: ApiToken, hash: TokenHash) -> Result<bool, StoreError> {
        let adding = async { self.stores.inner().tokens.add_token(token, hash).await };
        self.gate.call_with_room("tokens.add_token", adding).await
    }

    async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        self.gate.call("tokens.token", async { self.stores.inner().tokens.token(hash).await }).await
    }

    async fn tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>, StoreError> {
        self.gate.call("tokens.tokens", async { self.stores.inner().tokens.tokens(user, now).await }).await
    }

    async fn touch_token(&self, user: UserId, id: ApiTokenId, last_used_at: Timestamp) -> Result<(), StoreError> {
        let touching = async { self.stores.inner().tokens.touch_token(user, id, last_used_at).await };
        self.gate.call_with_room("tokens.touch_token", touching).await
    }

    async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, StoreError> {
        self.gate.call("tokens.revoke_token", async { self.stores.inner().tokens.revoke_token(user, id).await }).await
    }

    async fn revoke_tokens(&self, user: UserId) -> Result<(), StoreError> {
        self.gate.call("tokens.revoke_tokens", async { self.stores.inner().tokens.revoke_tokens(user).await }).await
    }

    async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.gate.call("tokens.forget_tokens", async { self.stores.inner().tokens.forget_tokens(now).await }).await
    }
}
