//! Passwords that cost no time.

use async_trait::async_trait;
use tapebase_domain::{
    id::random_bytes,
    ports::{HasherError, PasswordHasher},
    user::{Password, PasswordHash},
};

/// Keeps passwords as they are, behind a salt.
pub struct PlainPasswords;

#[async_trait]
impl PasswordHasher for PlainPasswords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        let salt = u32::from_be_bytes(random_bytes());
        Ok(PasswordHash::new(format!("{salt:08x} {}", password.expose())))
    }

    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError> {
        Ok(hash.expose().split_once(' ').is_some_and(|(_, it)| it == password.expose()))
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(String::new())
    }
}
