//! The port for password hashing.

use async_trait::async_trait;

use super::BoxError;
use crate::user::{Password, PasswordHash};

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// Too many are waiting already.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hash is not one of this hasher's, or the hasher broke.
    #[error("password hasher failed")]
    Failed(#[source] BoxError),
}

/// Hashes passwords slowly, on purpose, without holding up anything else.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes `password` with a fresh salt.
    ///
    /// - It MUST make another hash each time, also of an equal password.
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError>;

    /// Whether `password` is the one `hash` was made of.
    ///
    /// - It MUST be so for that password, and for no other.
    /// - It MUST fail with `Failed` for what is no hash of this hasher.
    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError>;

    /// A hash that MUST match no password, to spend the same time on users that do not exist.
    fn decoy(&self) -> PasswordHash;
}
