//! Every password that is tried is counted before it is hashed, for known accounts and unknown ones alike.

use std::net::IpAddr;

use super::{Auth, AuthError, Device, addresses::Place};
use crate::{
    attempts::{AttemptKey, Attempts, Network, TryAgainAt},
    id::UserId,
    user::{Account, Email},
};

/// How often a try is noted anew because others try at the same time: each time one of them is ahead, and after a few
/// the next has to wait.
const MOST_ROUNDS: usize = 20;

/// A try that may be made, at the place it has in the queue.
pub(super) struct Attempt {
    key: AttemptKey,
    network: Option<Network>,
    /// What knows where somebody is, too, once they were right.
    also: Option<AttemptKey>,
    _place: Place,
}

impl Auth {
    /// Notes a try of somebody who signs in with an address, as it is filed: in however many ways it can be typed, its tries
    /// are counted together. Where others have used up all of them, whoever shows a session of the account has some of their
    /// own.
    pub(super) async fn reserve_log_in(
        &self,
        email: &Email,
        account: Option<&Account>,
        device: &Device,
    ) -> Result<Attempt, AuthError> {
        let key = AttemptKey::of_email(email);
        let refusal = match self.reserve_attempt(key, device.address).await {
            Err(refusal @ AuthError::TooManyAttempts { .. }) => refusal,
            reserved => return reserved,
        };
        let earlier = self.earlier_user(device).await?;
        let user = account.map(|account| account.user.id).filter(|user| earlier == Some(*user)).ok_or(refusal)?;
        let network = device.address.map(Network::of);
        Ok(Attempt { network, also: Some(key), ..self.reserve_own_attempt(user).await? })
    }

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

    /// A place in the queue for hashes, to be held while one is made for an operator who shares this server with users.
    ///
    /// # Errors
    /// [`AuthError::Busy`].
    pub fn enter_as_operator(&self, operator: UserId) -> Result<impl Sized + Send + use<>, AuthError> {
        self.queue.enter_signed_in(operator)
    }

    /// Whose session a device has had before, also if that has expired and is not swept yet; one that was ended is gone.
    pub(super) async fn earlier_user(&self, device: &Device) -> Result<Option<UserId>, AuthError> {
        let Some(token) = device.earlier.as_ref().filter(|token| !token.is_of_api()) else { return Ok(None) };
        Ok(self.users.session(token.hash()).await?.map(|session| session.user))
    }

    /// Notes a try of somebody who is signed in, of something that takes no hash.
    pub(super) async fn reserve_own_try(&self, user: UserId) -> Result<(), AuthError> {
        let key = AttemptKey::of_user(user);
        let before = self.attempts.attempts(key).await?;
        self.count_try(key, None, before).await
    }

    /// The tries of a user are as if none had failed.
    pub(super) async fn note_own_success(&self, user: UserId) {
        self.know_network(AttemptKey::of_user(user), None).await;
    }

    async fn reserve(
        &self,
        key: AttemptKey,
        network: Option<Network>,
        from: Option<Attempts>,
        place: Place,
    ) -> Result<Attempt, AuthError> {
        self.count_try(key, network, from).await?;
        Ok(Attempt { key, network, also: None, _place: place })
    }

    async fn count_try(
        &self,
        key: AttemptKey,
        network: Option<Network>,
        mut from: Option<Attempts>,
    ) -> Result<(), AuthError> {
        for _ in 0..MOST_ROUNDS {
            let now = self.clock.now();
            let tried = from.clone().unwrap_or_default().with_try(key, network, now);
            let to = tried.map_err(|TryAgainAt(at)| AuthError::TooManyAttempts { wait: at - now })?;
            if self.attempts.change_attempts(key, from, to).await? {
                return Ok(());
            }
            from = self.attempts.attempts(key).await?;
        }
        Err(AuthError::Busy)
    }

    /// Frees whoever was right, and knows where they are from now on. If that cannot be noted, they are let in all the
    /// same, and may have to wait the next time.
    pub(super) async fn note_success(&self, attempt: &Attempt) {
        // In the lane of those who are signed in, nobody's network counts.
        self.know_network(attempt.key, attempt.network.filter(|_| attempt.also.is_none())).await;
        if let Some(key) = attempt.also {
            self.know_network(key, attempt.network).await;
        }
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
