//! Sessions that were looked up a moment ago: an app sends its token with every request.
//!
//! A session that this process closes or changes leaves the cache before that is answered, so that a revoked token is
//! refused at once. What another process does to the database shows when the entry expires.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tapebase_domain::{
    id::UserId,
    ports::StoreError,
    session::{Session, TokenHash},
};

/// How long an entry lives.
const TTL: Duration = Duration::from_secs(5);
/// How many sessions are cached at most; then all entries go, which costs each a look-up.
const CAPACITY: usize = 10_000;
/// How many changes are remembered: whoever has looked up for longer than so many took is not cached.
const CHANGES: usize = 1_024;

/// The sessions, by the hash of their token.
#[derive(Clone, Default)]
pub struct SessionCache {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<TokenHash, (Instant, Session)>,
    /// The tokens of each user's sessions.
    tokens: HashMap<UserId, Vec<TokenHash>>,
    /// How often sessions were changed.
    generation: u64,
    /// Whose sessions the last changes were of, the last one at the end.
    changed: VecDeque<UserId>,
}

impl SessionCache {
    /// The session of a token, if it is cached, and otherwise what `ask` finds; only sessions that are there are kept.
    pub fn look_up(
        &self,
        token: TokenHash,
        ask: impl FnOnce() -> Result<Option<Session>, StoreError>,
    ) -> Result<Option<Session>, StoreError> {
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
            self.lock().insert(token, (since, found.clone()), generation);
        }
        Ok(found)
    }

    /// Forgets the sessions of a user: something about them has changed, and is committed.
    pub fn forget(&self, user: UserId) {
        let mut state = self.lock();
        state.generation += 1;
        if state.changed.len() == CHANGES {
            state.changed.pop_front();
        }
        state.changed.push_back(user);
        for token in state.tokens.remove(&user).unwrap_or_default() {
            state.sessions.remove(&token);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was read before a change must not be cached after it.
    fn insert(&mut self, token: TokenHash, found: (Instant, Session), generation: u64) {
        let user = found.1.user;
        if self.has_changed(user, generation) {
            return;
        }
        if self.sessions.len() >= CAPACITY {
            self.sessions.clear();
            self.tokens.clear();
        }
        if self.sessions.insert(token, found).is_none() {
            self.tokens.entry(user).or_default().push(token);
        }
    }

    /// Whether a user's sessions may have changed since a generation.
    fn has_changed(&self, user: UserId, since: u64) -> bool {
        let changes = usize::try_from(self.generation - since).unwrap_or(usize::MAX);
        changes > self.changed.len() || self.changed.iter().rev().take(changes).any(|changed| *changed == user)
    }
}

#[cfg(test)]
mod tests {
    use tapebase_domain::{
        digest::Sha256,
        id::{SessionId, UserId},
        ports::{Clock as _, SystemClock},
    };

    use super::*;

    const TOKEN: TokenHash = TokenHash(Sha256([7; 32]));

    fn found() -> Session {
        let now = SystemClock.now();
        let (id, user, client) = (SessionId::generate(now), UserId::generate(now), String::new());
        Session { id, user, client, created_at: now, last_used_at: now, expires_at: now, ends_at: now }
    }

    fn never() -> Result<Option<Session>, StoreError> {
        Err(StoreError::Unavailable("it was asked".into()))
    }

    #[test]
    fn who_is_known_is_not_asked_for_until_it_is_forgotten() {
        let cache = SessionCache::default();
        let first = found();

        assert_eq!(cache.look_up(TOKEN, || Ok(Some(first.clone()))).expect("asked"), Some(first.clone()));
        assert_eq!(cache.look_up(TOKEN, never).expect("cached"), Some(first.clone()));
        cache.forget(first.user);

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
            cache.forget(read.user);
            Ok(Some(read))
        });

        assert!(stale.expect("asked").is_some());
        assert!(cache.look_up(TOKEN, never).is_err());
    }

    #[test]
    fn nobody_is_forgotten_for_what_another_changes() {
        let cache = SessionCache::default();
        let (first, another) = (found(), found());

        // Also one that is looked up while that happens.
        let asked = cache.look_up(TOKEN, || {
            cache.forget(another.user);
            Ok(Some(first.clone()))
        });
        assert_eq!(asked.expect("asked"), Some(first.clone()));
        cache.forget(another.user);

        assert_eq!(cache.look_up(TOKEN, never).expect("cached"), Some(first));
    }

    #[test]
    fn whoever_was_looked_up_for_longer_than_changes_are_remembered_is_not_known() {
        let cache = SessionCache::default();

        let slow = cache.look_up(TOKEN, || {
            let read = found();
            cache.forget(read.user);
            for _ in 0..CHANGES {
                cache.forget(found().user);
            }
            Ok(Some(read))
        });

        assert!(slow.expect("asked").is_some());
        assert!(cache.look_up(TOKEN, never).is_err());
    }
}
