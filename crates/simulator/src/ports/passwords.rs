//! Passwords that cost no time.

use async_trait::async_trait;
use tapebase_domain::{
    ports::{HasherError, PasswordHasher},
    user::{Password, PasswordHash},
};

/// Keeps passwords as they are.
pub struct PlainPasswords;

#[async_trait]
impl PasswordHasher for PlainPasswords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        Ok(PasswordHash::new(password.expose().to_owned()))
    }

    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError> {
        Ok(hash.expose() == password.expose())
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(String::new())
    }
}
