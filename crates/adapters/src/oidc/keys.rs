//! The keys of a provider, as they were when it was last asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use tapebase_domain::{
    ports::{BoxError, Clock},
    time::Timestamp,
};
use tokio::sync::Semaphore;

use super::{Provider, fetch};

/// How long keys are kept, whatever the provider says, and if it says nothing.
const LEAST_KEPT: TimeDelta = TimeDelta::minutes(5);
const MOST_KEPT: TimeDelta = TimeDelta::hours(24);
/// How often a provider is asked whose keys are known, however many keys are named that nobody knows.
const PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How often one is asked that has never answered.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(5);

/// How many may wait for an answer; the others are told at once.
const WAITING: usize = 64;

/// Asks for its keys when they are needed: never more than once at a time, and nobody waits who knows their key but the one
/// who asks.
pub struct Keys {
    issuer: String,
    jwks_uri: Option<String>,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
    waiting: Semaphore,
}

#[derive(Default)]
struct Known {
    /// `None` until the provider has answered.
    keys: Option<Vec<Key>>,
    /// Until when they need not be asked for again.
    fresh_until: Option<Timestamp>,
    /// When the provider was asked last, because there were no keys or they were old.
    asked_at: Option<Timestamp>,
    /// When it was asked last because a key was named that was not among them: it may have a new one.
    searched_at: Option<Timestamp>,
    /// Whether it did not answer the last time.
    has_failed: bool,
    /// How often it was asked: whoever has waited for an answer has had it.
    asked: u64,
}

struct Key {
    id: Option<String>,
    algorithm: Option<KeyAlgorithm>,
    decoding: DecodingKey,
}

impl Keys {
    pub fn of(provider: &Provider) -> Self {
        let Provider { issuer, jwks_uri, .. } = provider.clone();
        let (known, asking, waiting) = (Mutex::default(), tokio::sync::Mutex::default(), Semaphore::new(WAITING));
        Self { issuer, jwks_uri, known, asking, waiting }
    }

    /// The key of this id that signs in this way; without an id, the only one that does.
    pub async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        clock: &dyn Clock,
    ) -> Result<Option<DecodingKey>, BoxError> {
        let (found, is_fresh) = self.known().look_up(id, algorithm, clock.now());
        if found.is_some() && is_fresh {
            return Ok(found);
        }
        let asked = self.known().asked;
        let _waiting = self.waiting.try_acquire().map_err(|_| "too many wait for the provider")?;
        let asking = match &found {
            Some(_) => self.asking.try_lock().ok(),
            None => Some(self.asking.lock().await),
        };
        if asking.is_some() && self.known().begin_to_ask(asked, id, algorithm, clock.now()) {
            self.ask(clock).await;
        }
        self.known().answer(id, algorithm, clock.now())
    }

    /// What it does not answer leaves everything as it was.
    async fn ask(&self, clock: &dyn Clock) {
        let answer = fetch::key_set(self.issuer.clone(), self.jwks_uri.clone()).await;
        let (now, mut known) = (clock.now(), self.known());
        known.asked += 1;
        known.has_failed = answer.is_err();
        match answer {
            Ok((set, max_age)) => {
                let kept = max_age.and_then(|age| TimeDelta::from_std(age).ok()).unwrap_or(LEAST_KEPT);
                known.keys = Some(set.keys.into_iter().filter_map(Key::read).collect());
                known.fresh_until = Some(now + kept.clamp(LEAST_KEPT, MOST_KEPT));
            }
            Err(error) => {
                tracing::warn!(issuer = self.issuer, %error, "the keys of an OpenID provider cannot be fetched");
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The key, and whether the provider need not be asked about it.
    fn look_up(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> (Option<DecodingKey>, bool) {
        let mut suitable = self.keys.iter().flatten().filter(|key| key.suits(algorithm));
        let found = match id {
            Some(_) => suitable.find(|key| key.id.as_deref() == id),
            None => suitable.next().filter(|_| suitable.next().is_none()),
        };
        (found.map(|found| found.decoding.clone()), self.fresh_until.is_some_and(|until| now < until))
    }

    /// Whether the provider is to be asked by somebody who came when it had been asked so often; if so, that is noted. A
    /// clock that was set back keeps nobody from asking.
    fn begin_to_ask(&mut self, asked: u64, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> bool {
        let (found, is_fresh) = self.look_up(id, algorithm, now);
        if self.asked != asked || (found.is_some() && is_fresh) {
            return false;
        }
        let (last, pause) = match &self.keys {
            None => (&mut self.asked_at, FIRST_PAUSE),
            Some(_) if is_fresh => (&mut self.searched_at, PAUSE),
            Some(_) => (&mut self.asked_at, PAUSE),
        };
        let may_ask = last.is_none_or(|last| now >= last + pause || now < last);
        if may_ask {
            *last = Some(now);
        }
        may_ask
    }

    /// A key that is not there may be one that the provider has not told of.
    fn answer(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Result<Option<DecodingKey>, BoxError> {
        let (found, _) = self.look_up(id, algorithm, now);
        if found.is_none() && (self.keys.is_none() || self.has_failed) {
            return Err("the provider has not answered".into());
        }
        Ok(found)
    }
}

impl Key {
    /// `None` for what is no key to check signatures with.
    fn read(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_for_signatures)?;
        Some(Self { id: jwk.common.key_id, algorithm: jwk.common.key_algorithm, decoding })
    }

    fn suits(&self, algorithm: Algorithm) -> bool {
        self.decoding.family() == algorithm.family() && self.algorithm.is_none_or(|own| own == algorithm.into())
    }
}
