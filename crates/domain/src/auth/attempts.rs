//! Every password that is tried is counted before it is hashed, for known accounts and unknown ones alike.

use std::net::IpAddr;

use super::{Auth, AuthError};
use crate::attempts::{AttemptKey, Attempts, Network, TryAgainAt};

/// How often a try is noted anew because others try at the same time: each time one of them is ahead, and after a few
/// the next has to wait.
const MOST_ROUNDS: usize = 20;

/// A try that may be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    key: AttemptKey,
    network: Option<Network>,
}

impl Auth {
    /// Notes a try, as one that fails until it has not. What is refused writes nothing.
    pub(super) async fn reserve_attempt(&self, key: AttemptKey, address: Option<IpAddr>) -> Result<Attempt, AuthError> {
        let network = address.map(Network::of);
        for _ in 0..MOST_ROUNDS {
            let from = self.attempts.attempts(key).await?;
            let before = from.clone().unwrap_or_default();
            let now = self.clock.now();
            let tried = before.with_try(key, network, now);
            let to = tried.map_err(|TryAgainAt(at)| AuthError::TooManyAttempts { wait: at - now })?;
            if self.attempts.change_attempts(key, from, to).await? {
                return Ok(Attempt { key, network });
            }
        }
        Err(AuthError::Busy)
    }

    /// Frees whoever was right, and knows where they are from now on. If that cannot be noted, they are let in all the
    /// same, and may have to wait the next time.
    pub(super) async fn note_success(&self, attempt: Attempt) {
        let Attempt { key, network } = attempt;
        for _ in 0..MOST_ROUNDS {
            let Ok(from) = self.attempts.attempts(key).await else { return };
            let to = from.as_ref().unwrap_or(&Attempts::default()).with_success(key, network, self.clock.now());
            match self.attempts.change_attempts(key, from, to).await {
                Ok(true) | Err(_) => return,
                Ok(false) => {}
            }
        }
    }
}
