//! The port for API tokens.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    api_token::ApiToken,
    id::{ApiTokenId, UserId},
    session::TokenHash,
    time::Timestamp,
};

/// Keeps API tokens, in the store that keeps their users.
///
/// A successful write MUST survive a power cut. Every write is one transaction.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Adds a token that `hash` finds; `false` if its user has [`ApiToken::MOST`] that have not expired.
    ///
    /// - It MUST leave the user no more than that, however many are added at once.
    async fn add_token(&self, token: ApiToken, hash: TokenHash) -> Result<bool, StoreError>;

    /// Looks up a token.
    ///
    /// - It MUST find the token that was added, equal in every field.
    /// - It MUST be as every write before has left it, in whatever process: who has revoked a token relies on that.
    async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError>;

    /// Lists all tokens of a user that have not expired by `now`, newest first.
    ///
    /// - It MUST list only tokens of that user.
    async fn tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>, StoreError>;

    /// Notes that a token was used.
    ///
    /// - It MUST change `last_used_at`, and nothing else.
    /// - It MUST NOT bring back a token that was revoked, nor fail for it.
    async fn touch_token(&self, user: UserId, id: ApiTokenId, last_used_at: Timestamp) -> Result<(), StoreError>;

    /// Ends a token of a user; `false` if there is none of this id.
    ///
    /// - After it returns, the token MUST find nothing.
    /// - It MUST NOT end another user's token.
    async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, StoreError>;

    /// Ends all tokens of a user.
    ///
    /// - After it returns, none of them MUST find anything.
    /// - It MUST NOT end another user's tokens.
    async fn revoke_tokens(&self, user: UserId) -> Result<(), StoreError>;

    /// Forgets tokens that expired before `now`, as far as the store does not do so by itself, and says how many.
    ///
    /// - It MUST leave what has not expired.
    async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError>;
}
