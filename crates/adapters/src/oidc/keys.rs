//! The keys of a provider, as they were when it was last asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use tapebase_domain::{ports::BoxError, time::Timestamp};

use super::{Provider, fetch};

/// How long keys are kept, whatever the provider says, and if it says nothing.
const LEAST_KEPT: TimeDelta = TimeDelta::minutes(5);
const MOST_KEPT: TimeDelta = TimeDelta::hours(24);
/// How often a provider is asked whose keys are known, however many keys are named that nobody knows.
const PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How often one is asked that has never answered.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(5);

/// Asks where its keys may be had when they are needed: never more than one at once, and whoever can do without does not
/// wait for it.
pub struct Keys {
    issuer: String,
    jwks_uri: Option<String>,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// `None` until the provider has answered.
    keys: Option<Vec<Key>>,
    /// Until when they need not be asked for again.
    fresh_until: Option<Timestamp>,
    /// When they were asked for last, because there were none or they were old.
    asked_at: Option<Timestamp>,
    /// When they were asked for last, because one was named that was not among them: the provider may have a new one.
    searched_at: Option<Timestamp>,
}

struct Key {
    id: Option<String>,
    algorithm: Option<KeyAlgorithm>,
    decoding: DecodingKey,
}

impl Keys {
    pub fn of(provider: &Provider) -> Self {
        let Provider { issuer, jwks_uri, .. } = provider.clone();
        Self { issuer, jwks_uri, known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The key of this id that signs in this way; without an id, the only one that does.
    pub async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Option<DecodingKey>, BoxError> {
        let (found, is_fresh) = self.known().look_up(id, algorithm, now);
        if found.is_some() && is_fresh {
            return Ok(found);
        }
        let asking = match &found {
            Some(_) => self.asking.try_lock().ok(),
            None => Some(self.asking.lock().await),
        };
        // Somebody else is asking otherwise, or has asked meanwhile.
        if asking.is_some() && self.known().begin_to_ask(id, algorithm, now) {
            self.ask(now).await;
        }
        self.known().answer(id, algorithm, now)
    }

    /// What it does not answer leaves everything as it was.
    async fn ask(&self, now: Timestamp) {
        match fetch::key_set(self.issuer.clone(), self.jwks_uri.clone()).await {
            Ok((set, max_age)) => {
                let kept = max_age.and_then(|age| TimeDelta::from_std(age).ok()).unwrap_or(LEAST_KEPT);
                let mut known = self.known();
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

    /// Whether the provider is to be asked, which is noted. A clock that was set back keeps nobody from asking.
    fn begin_to_ask(&mut self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> bool {
        let (found, is_fresh) = self.look_up(id, algorithm, now);
        if found.is_some() && is_fresh {
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

    fn answer(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Result<Option<DecodingKey>, BoxError> {
        if self.keys.is_none() {
            return Err("the provider has not answered".into());
        }
        Ok(self.look_up(id, algorithm, now).0)
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
