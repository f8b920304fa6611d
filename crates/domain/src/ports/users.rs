//! The port for users and their sessions.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    id::{SessionId, UserId},
    page::Limit,
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, PasswordHash, UserPage},
};

/// Why a user was not added.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another user has this identity or id.
    #[error("the identity is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It is not, or not any more, as it was to be updated from.
    #[error("the account has changed")]
    Changed,
    /// Another user has one of the identities.
    #[error("the identity is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps users and their sessions.
///
/// A successful write MUST survive a power cut. Every write is one transaction.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Adds a user.
    ///
    /// - It MUST return `Taken` if a user has one of these identities, however many are created at once.
    async fn create(&self, account: Account) -> Result<(), CreateError>;

    /// Looks up who has an identity.
    ///
    /// - It MUST find the account that was created, equal in every field.
    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError>;

    /// Looks up a user's account.
    ///
    /// - It MUST find the account that was created, equal in every field.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError>;

    /// Lists users, at most so many, the last that signed up first, as their ids tell: after the one that another page ended
    /// with, if there was one.
    ///
    /// - Pages joined by `after` MUST have every user that stays exactly once.
    /// - It MUST leave out what cannot be read, and say so in the log.
    /// - What it costs MUST NOT depend on how many users or recordings there are.
    ///
    /// It may be a little behind: who has just signed up may be in the next answer only.
    async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, StoreError>;

    /// Gives an account other identities, another password, or disables it; `to` is of the same user.
    ///
    /// - It MUST return `Changed`, and change nothing, unless the account is `from`, however many update it at once.
    /// - It MUST return `Taken`, and change nothing, if another user has one of the identities of `to`.
    /// - After it returns, an identity that is not in `to` MUST be anybody's to have.
    /// - A request that comes late MUST NOT bring back what was changed since.
    /// - It MUST leave the user's sessions.
    async fn update(&self, from: Account, to: Account) -> Result<(), UpdateError>;

    /// Replaces a user's password by another, and ends their sessions but `kept`.
    ///
    /// - It MUST answer `false`, and change nothing, unless `from` is their password, however many change it at once.
    /// - After it returns, none of the tokens of their other sessions MUST find anything.
    /// - After it returns, the epoch of their links MUST be another one.
    /// - It MUST NOT end another user's sessions, nor their links.
    ///
    /// One transaction changes the password; where a store cannot end all sessions in it, they end afterwards. Where
    /// that fails, doing it again with the new password as both ends them.
    async fn change_password(
        &self,
        user: UserId,
        from: Option<PasswordHash>,
        to: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError>;

    /// Begins a session that `token` opens.
    ///
    /// - It MUST leave the user no more than `most` sessions, however many begin at once.
    /// - It MUST end those first that were used least recently, and never the one that begins.
    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError>;

    /// Looks up the session that `token` opens.
    ///
    /// - It MUST find the session that was opened, equal in every field.
    /// - It MUST find it even past its expiry, until it is forgotten: deciding is the caller's business.
    async fn session(&self, token: TokenHash) -> Result<Option<Session>, StoreError>;

    /// Notes that a session was used.
    ///
    /// - It MUST change `last_used_at` and `expires_at`, and nothing else.
    /// - It MUST NOT bring back a session that was closed, nor fail for it.
    async fn touch_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Looks up one session of a user, by its id.
    ///
    /// - It MUST find the session that was opened, equal in every field.
    /// - It MUST return `None` for another user's session.
    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Lists one more session of a user than the limit, if there are that many: the last begun first, as their ids
    /// tell.
    ///
    /// - It MUST list only sessions of that user.
    /// - It MUST list none that has expired by `now`.
    /// - Pages joined by `after` MUST have every session that stays exactly once.
    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends a session; `false` if the user has none of this id.
    ///
    /// - After it returns, the token MUST find nothing.
    /// - It MUST NOT end another user's session.
    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError>;

    /// Ends all sessions of a user, at once.
    ///
    /// - After it returns, none of their tokens MUST find anything.
    /// - After it returns, the epoch of their links MUST be another one, also if they had no session.
    /// - It MUST NOT end another user's sessions, nor their links.
    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError>;

    /// Forgets the sessions that expired before `now`, as far as the store does not do so by itself,
    /// and says how many.
    ///
    /// - It MUST leave the sessions that have not expired.
    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Fails when the store cannot serve.
    async fn ping(&self) -> Result<(), StoreError>;
}
