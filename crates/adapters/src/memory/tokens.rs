//! `TokenStore` in memory.

use async_trait::async_trait;
use tapebase_domain::{
    api_token::ApiToken,
    id::{ApiTokenId, UserId},
    ports::{StoreError, TokenStore},
    session::TokenHash,
    time::Timestamp,
};

use super::Memory;

#[async_trait]
impl TokenStore for Memory {
    async fn add_token(&self, token: ApiToken, hash: TokenHash) -> Result<bool, StoreError> {
        let tokens = &mut self.state().tokens;
        let is_another = |there: &&ApiToken| there.user == token.user && there.expires_at > token.created_at;
        let has_room = tokens.values().filter(is_another).count() < ApiToken::MOST;
        if has_room {
            tokens.insert(hash, token);
        }
        Ok(has_room)
    }

    async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        Ok(self.state().tokens.get(&hash).cloned())
    }

    async fn tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>, StoreError> {
        let state = self.state();
        let own = state.tokens.values().filter(|token| token.user == user && token.expires_at > now);
        let mut found: Vec<ApiToken> = own.cloned().collect();
        found.sort_by_key(|token| std::cmp::Reverse(token.id));
        Ok(found)
    }

    async fn touch_token(&self, user: UserId, id: ApiTokenId, last_used_at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(token) = state.tokens.values_mut().find(|token| token.user == user && token.id == id) {
            token.last_used_at = Some(last_used_at);
        }
        Ok(())
    }

    async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, StoreError> {
        let tokens = &mut self.state().tokens;
        Ok(tokens.extract_if(.., |_, token| token.user == user && token.id == id).count() > 0)
    }

    async fn revoke_tokens(&self, user: UserId) -> Result<(), StoreError> {
        self.state().tokens.retain(|_, token| token.user != user);
        Ok(())
    }

    async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state().tokens.extract_if(.., |_, token| token.expires_at < now).count() as u64)
    }
}
