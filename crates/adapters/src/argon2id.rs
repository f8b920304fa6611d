//! `PasswordHasher` with Argon2id, on a bounded number of threads and in a bounded amount of memory.
//!
//! Parameters are the OWASP minimum of 2026: 19 MiB, 2 passes, 1 lane (the crate's defaults), so one
//! hash takes 19 MiB and some 20 ms of a core. As many run at once as there are cores; a bounded number
//! waits for its turn, and the rest is told to come back. Each core keeps its 19 MiB once it has used
//! them: taken anew for every hash, they would fragment the heap until it had gigabytes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc};
use async_trait::async_trait;
use tapebase_domain::{
    ports::{BoxError, HasherError, PasswordHasher},
    user::{Password, PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// How many passwords may wait for a core: as many as the use case lets in at once, which shares the places fairly.
const QUEUE: usize = 96;
const OUTPUT_BYTES: usize = 32;

/// A hash of random bytes, made once with the same parameters as every other.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dGFwZWJhc2UgZGVjb3k$2a8yS6Xp7K8oQkM4rN0mRkEJt0JtWfJ6Vv9d0mD6m3o";

/// Hashes passwords with Argon2id (RFC 9106).
pub struct Argon2id {
    cores: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// What one hash at a time is computed in.
type Memory = Vec<Block>;

impl Argon2id {
    fn with_limits(cores: usize, queue: usize) -> Self {
        let (cores, queue) = (Semaphore::new(cores), Semaphore::new(queue));
        Self { cores: Arc::new(cores), queue: Arc::new(queue), memories: Arc::default() }
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, HasherError> {
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| HasherError::Busy)?;
        let core = self.cores.clone().acquire_owned().await.map_err(failed)?;
        let memories = self.memories.clone();
        let hashed = spawn_blocking(move || {
            // The core is taken until the work ends, even if nobody waits for it any more.
            let _core = core;
            let lock = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = lock().pop().unwrap_or_default();
            let result = work(&mut memory);
            lock().push(memory);
            result
        });
        hashed.await.map_err(failed)?.map_err(failed)
    }
}

impl Default for Argon2id {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_limits(cores, cores + QUEUE)
    }
}

#[async_trait]
impl PasswordHasher for Argon2id {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        self.on_a_core(move |memory| {
            let (salt, params) = (phc::Salt::generate(), Params::DEFAULT);
            let hash = phc::PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: params.clone().try_into()?,
                salt: Some(salt),
                hash: Some(compute(&password, &salt, params, memory)?),
            };
            Ok(PasswordHash::new(hash.to_string()))
        })
        .await
    }

    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError> {
        self.on_a_core(move |memory| {
            let parsed = phc::PasswordHash::new(hash.expose())?;
            let is_ours =
                parsed.algorithm == Algorithm::Argon2id.ident() && parsed.version == Some(Version::V0x13.into());
            let (Some(salt), Some(expected), true) = (parsed.salt, parsed.hash, is_ours) else {
                return Err("not an Argon2id hash of version 19".into());
            };
            // `Output` compares in constant time.
            Ok(compute(&password, &salt, Params::try_from(&parsed)?, memory)? == expected)
        })
        .await
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(DECOY.to_owned())
    }
}

fn compute(
    password: &Password,
    salt: &phc::Salt,
    params: Params,
    memory: &mut Memory,
) -> Result<phc::Output, BoxError> {
    memory.resize(params.block_count(), Block::default());
    let mut output = [0; OUTPUT_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut output, memory.as_mut_slice())?;
    Ok(phc::Output::new(&output)?)
}

fn failed(error: impl Into<BoxError>) -> HasherError {
    HasherError::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
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
    async fn hashes_are_those_of_every_other_argon2id() {
        let of_the_crate: phc::PasswordHash = Argon2::default().hash_password(b"correct horse").expect("hashed");
        let of_the_crate = PasswordHash::new(of_the_crate.to_string());

        assert!(Argon2id::default().verify(password("correct horse"), of_the_crate).await.expect("verified"));
        let ours = Argon2id::default().hash(password("correct horse")).await.expect("hashed");
        let ours = phc::PasswordHash::new(ours.expose()).expect("PHC");
        assert!(Argon2::default().verify_password(b"correct horse", &ours).is_ok());
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
        let hasher = Argon2id::with_limits(1, 2);

        let answers = join_all((0..4).map(|_| hasher.hash(password("correct horse")))).await;

        let busy = answers.iter().filter(|answer| matches!(answer, Err(HasherError::Busy))).count();
        assert_eq!((answers.iter().filter(|answer| answer.is_ok()).count(), busy), (2, 2));
    }
}
