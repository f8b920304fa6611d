//! `PasswordHasher` with Argon2id, on a bounded number of threads.
//!
//! Parameters are the OWASP minimum of 2026: 19 MiB, 2 passes, 1 lane (the crate's defaults), so one
//! hash takes 19 MiB and some 20 ms of a core. As many run at once as there are cores; a bounded number
//! waits for its turn, and the rest is told to come back: a flood of sign-ins cannot exhaust the memory.

use std::{sync::Arc, thread::available_parallelism};

use argon2::{
    Argon2,
    password_hash::{Error, PasswordHasher as _, PasswordVerifier as _, phc},
};
use async_trait::async_trait;
use tapebase_domain::{
    ports::{BoxError, HasherError, PasswordHasher},
    user::{Password, PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// How many sign-ins may wait for a core.
const QUEUE: usize = 64;

/// A hash of random bytes, made once with the same parameters as every other.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dGFwZWJhc2UgZGVjb3k$2a8yS6Xp7K8oQkM4rN0mRkEJt0JtWfJ6Vv9d0mD6m3o";

/// Hashes passwords with Argon2id (RFC 9106).
pub struct Argon2id {
    cores: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Argon2id {
    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HasherError> {
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| HasherError::Busy)?;
        let core = self.cores.clone().acquire_owned().await.map_err(failed)?;
        let hashed = spawn_blocking(move || {
            // The core is taken until the work ends, even if nobody waits for it any more.
            let _core = core;
            work()
        });
        hashed.await.map_err(failed)?.map_err(failed)
    }
}

impl Default for Argon2id {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { cores: Arc::new(Semaphore::new(cores)), queue: Arc::new(Semaphore::new(cores + QUEUE)) }
    }
}

#[async_trait]
impl PasswordHasher for Argon2id {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        self.on_a_core(move || {
            let hash: phc::PasswordHash = Argon2::default().hash_password(password.expose().as_bytes())?;
            Ok(PasswordHash::new(hash.to_string()))
        })
        .await
    }

    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError> {
        self.on_a_core(move || {
            let hash = phc::PasswordHash::new(hash.expose())?;
            match Argon2::default().verify_password(password.expose().as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(DECOY.to_owned())
    }
}

fn failed(error: impl Into<BoxError>) -> HasherError {
    HasherError::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).expect("long enough")
    }

    #[tokio::test]
    async fn only_the_password_itself_verifies() {
        let hasher = Argon2id::default();

        let hash = hasher.hash(password("correct horse")).await.expect("hashed");

        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(password("correct horse"), hash.clone()).await.expect("verified"));
        assert!(!hasher.verify(password("Correct horse"), hash).await.expect("verified"));
    }

    #[tokio::test]
    async fn the_decoy_costs_the_same_and_matches_nothing() {
        let hasher = Argon2id::default();
        let decoy = hasher.decoy();
        let real = hasher.hash(password("correct horse")).await.expect("hashed");

        let parameters = |hash: &PasswordHash| hash.expose().rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(&decoy), parameters(&real));
        let lengths = |hash: &PasswordHash| hash.expose().rsplit('$').next().map(str::len);
        assert_eq!(lengths(&decoy), lengths(&real));
        assert!(!hasher.verify(password("correct horse"), decoy).await.expect("verified"));
    }

    #[tokio::test]
    async fn a_flood_is_told_to_come_back() {
        let hasher = Argon2id { cores: Arc::new(Semaphore::new(1)), queue: Arc::new(Semaphore::new(2)) };

        let answers = join_all((0..4).map(|_| hasher.hash(password("correct horse")))).await;

        let busy = answers.iter().filter(|answer| matches!(answer, Err(HasherError::Busy))).count();
        assert_eq!((answers.iter().filter(|answer| answer.is_ok()).count(), busy), (2, 2));
    }
}
