//! Every password that is tried is counted before it is hashed, for known accounts and unknown ones alike.

use std::net::IpAddr;

use super::{Auth, AuthError, Device, addresses::Place};
use crate::{
    attempts::{AttemptKey, Attempts, Network, TryAgainAt},
    id::UserId,
};

/// How often a try is noted anew because others try at the same time: each time one of them is ahead, and after a few
/// the next has to wait.
const MOST_ROUNDS: usize = 20;

/// A try that may be made, at the place it has in the queue.
pub(super) struct Attempt {
    key: AttemptKey,
    network: Option<Network>,
    _place: Place,
}

impl Auth {
    /// Notes a try of somebody who signs in, as one that fails until it has not. What is refused writes nothing.
    ///
    /// Where the account was signed in to from before, others at the same address hold nobody up.
    pub(super) async fn reserve_attempt(&self, key: AttemptKey, address: Option<IpAddr>) -> Result<Attempt, AuthError> {
        let (network, now) = (address.map(Network::of), self.clock.now());
        let before = self.attempts.attempts(key).await?;
        let place = if before.as_ref().is_some_and(|before| before.knows(key, network, now)) {
            self.queue.enter_known(address)?
        } else {
            self.wrong_passwords.check(address, now)?;
            self.queue.enter(address)?
        };
        self.reserve(key, network, before, place).await
    }

    /// The same of somebody who is signed in, or was lately.
    pub(super) async fn reserve_own_attempt(&self, user: UserId) -> Result<Attempt, AuthError> {
        let key = AttemptKey::of_user(user);
        let before = self.attempts.attempts(key).await?;
        let place = self.queue.enter_signed_in(user)?;
        self.reserve(key, None, before, place).await
    }

    /// A place in the queue for an operator: on the command line, or whoever this user is.
    pub(super) fn enter_as_operator(&self, operator: Option<UserId>) -> Result<Place, AuthError> {
        operator.map_or_else(|| self.queue.enter(None), |user| self.queue.enter_signed_in(user))
    }

    /// Whose session a device has had before, also if that has expired and is not swept yet; one that was ended is gone.
    pub(super) async fn earlier_user(&self, device: &Device) -> Result<Option<UserId>, AuthError> {
        let Some(token) = device.earlier.as_ref().filter(|token| !token.is_of_api()) else { return Ok(None) };
        Ok(self.users.session(token.hash()).await?.map(|session| session.user))
    }

    async fn reserve(
        &self,
        key: AttemptKey,
        network: Option<Network>,
        mut from: Option<Attempts>,
        place: Place,
    ) -> Result<Attempt, AuthError> {
        for _ in 0..MOST_ROUNDS {
            let now = self.clock.now();
            let tried = from.clone().unwrap_or_default().with_try(key, network, now);
            let to = tried.map_err(|TryAgainAt(at)| AuthError::TooManyAttempts { wait: at - now })?;
            if self.attempts.change_attempts(key, from, to).await? {
                return Ok(Attempt { key, network, _place: place });
            }
            from = self.attempts.attempts(key).await?;
        }
        Err(AuthError::Busy)
    }

    /// Frees whoever was right, and knows where they are from now on. If that cannot be noted, they are let in all the
    /// same, and may have to wait the next time.
    pub(super) async fn note_success(&self, attempt: &Attempt) {
        self.know_network(attempt.key, attempt.network).await;
    }

    /// Knows where somebody is who has made an account, or was let in without a password.
    pub(super) async fn know(&self, key: AttemptKey, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.know_network(key, Some(Network::of(address))).await;
        }
    }

    async fn know_network(&self, key: AttemptKey, network: Option<Network>) {
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
