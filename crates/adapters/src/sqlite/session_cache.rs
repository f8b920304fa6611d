//! Sessions that were looked up a moment ago: an app sends its token with every request.
//!
//! A session that this process closes or changes leaves the cache before that is answered, so that a revoked token is
//! refused at once. What another process does to the database shows when the entry expires.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tapebase_domain::{
    ports::StoreError,
    session::{Session, TokenHash},
    user::User,
};

/// How long an entry lives.
const TTL: Duration = Duration::from_secs(5);
/// How many sessions are cached at most; then all entries go, which costs each a look-up.
const CAPACITY: usize = 10_000;

type Found = (User, Session);

/// The sessions, by the hash of their token.
#[derive(Default)]
pub struct SessionCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<TokenHash, (Instant, Found)>,
    /// How often the cache was cleared.
    generation: u64,
}

impl SessionCache {
    /// The session of a token, if it is cached, and otherwise what `ask` finds; only sessions that are there are kept.
    pub fn look_up(
        &self,
        token: TokenHash,
        ask: impl FnOnce() -> Result<Option<Found>, StoreError>,
    ) -> Result<Option<Found>, StoreError> {
        let generation = {
            let state = self.lock();
            match state.sessions.get(&token) {
                Some((since, found)) if since.elapsed() < TTL => return Ok(Some(found.clone())),
                _ => state.generation,
            }
        };
        let since = Instant::now();
        let found = ask()?;
        if let Some(found) = &found {
            self.insert(token, (since, found.clone()), generation);
        }
        Ok(found)
    }

    /// Drops every entry: something about sessions has changed, and is committed.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.sessions.clear();
    }

    /// What was read before a change must not be cached after it.
    fn insert(&self, token: TokenHash, found: (Instant, Found), generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        if state.sessions.len() >= CAPACITY {
            state.sessions.clear();
        }
        state.sessions.insert(token, found);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tapebase_domain::{
        digest::Sha256,
        id::{SessionId, UserId},
        ports::{Clock as _, SystemClock},
        user::{Email, Identity},
    };

    use super::*;

    const TOKEN: TokenHash = TokenHash(Sha256([7; 32]));

    fn found() -> Found {
        let now = SystemClock.now();
        let email = Email::parse("ann@example.com").expect("an address");
        let user = User { id: UserId::generate(now), identity: Identity::Email(email), created_at: now };
        let (id, client) = (SessionId::generate(now), String::new());
        let session =
            Session { id, user: user.id, client, created_at: now, last_used_at: now, expires_at: now, ends_at: now };
        (user, session)
    }

    fn never() -> Result<Option<Found>, StoreError> {
        Err(StoreError::Unavailable("it was asked".into()))
    }

    #[test]
    fn who_is_known_is_not_asked_for_until_it_is_forgotten() {
        let cache = SessionCache::default();
        let first = found();

        assert_eq!(cache.look_up(TOKEN, || Ok(Some(first.clone()))).expect("asked"), Some(first.clone()));
        assert_eq!(cache.look_up(TOKEN, never).expect("cached"), Some(first));
        cache.clear();

        assert_eq!(cache.look_up(TOKEN, || Ok(None)).expect("asked"), None);
    }

    #[test]
    fn who_was_not_found_is_asked_for_again() {
        let cache = SessionCache::default();

        assert_eq!(cache.look_up(TOKEN, || Ok(None)).expect("asked"), None);

        assert!(cache.look_up(TOKEN, never).is_err());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_known_after_it() {
        let cache = SessionCache::default();

        let stale = cache.look_up(TOKEN, || {
            let read = found();
            cache.clear();
            Ok(Some(read))
        });

        assert!(stale.expect("asked").is_some());
        assert!(cache.look_up(TOKEN, never).is_err());
    }
}
