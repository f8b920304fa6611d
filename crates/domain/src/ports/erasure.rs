//! The port for removing all that is kept of a user.

use async_trait::async_trait;

use super::StoreError;
use crate::{attempts::AttemptKey, id::UserId, time::Timestamp};

/// Forgets users, in the store that keeps everything of them but audio.
///
/// A successful write MUST survive a power cut.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ErasureStore: Send + Sync {
    /// Lists some users that are to be erased before `now`, each until that is put off or done.
    ///
    /// - It MUST list a user from the `erase_at` of their account on, and nobody who has none.
    async fn to_erase(&self, now: Timestamp) -> Result<Vec<UserId>, StoreError>;

    /// Has a user who is to be erased be listed from `until` on, and not before.
    ///
    /// - It MUST NOT have anybody listed who is not to be erased.
    async fn put_off(&self, user: UserId, until: Timestamp) -> Result<(), StoreError>;

    /// Forgets the tries of an account's password.
    ///
    /// - Nothing MUST be remembered of them.
    async fn forget_tries(&self, key: AttemptKey) -> Result<(), StoreError>;

    /// Forgets what is kept of a user beside their account, and says whether nothing else is left.
    ///
    /// - It MUST leave the account, recordings, uploads under way, sessions, API tokens and audio that is still to be
    ///   removed, and answer `false` as long as there is any of the last five.
    /// - It MUST forget the tombstones, and in the end what is counted of the user.
    /// - It MUST leave what others have.
    async fn forget_rest(&self, user: UserId) -> Result<bool, StoreError>;

    /// Forgets the account of a user who is to be erased, and whatever else is left of them.
    ///
    /// - Nothing MUST be found of the user.
    /// - It MUST leave an account that is not to be erased, and what others have.
    async fn forget_account(&self, user: UserId) -> Result<(), StoreError>;
}
