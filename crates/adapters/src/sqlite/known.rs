//! Sessions that were looked up a moment ago: an app sends its token with every request.
//!
//! A session that this process closes or changes is forgotten before that is answered, so that a revoked token is
//! refused at once. What another process does to the database shows when the moment is over.

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

/// How long a session is known.
const MOMENT: Duration = Duration::from_secs(5);
/// How many are known at once; then all are forgotten, which costs each a look-up.
const MOST: usize = 10_000;

type Found = (User, Session);

/// The sessions, by the hash of their token.
#[derive(Default)]
pub struct KnownSessions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<TokenHash, (Instant, Found)>,
    /// How often everything was forgotten.
    generation: u64,
}

impl KnownSessions {
    /// The session of a token, if it is known, and otherwise what `ask` finds; only sessions that are there are kept.
    pub fn look_up(
        &self,
        token: TokenHash,
        ask: impl FnOnce() -> Result<Option<Found>, StoreError>,
    ) -> Result<Option<Found>, StoreError> {
        let generation = {
            let state = self.lock();
            match state.sessions.get(&token) {
                Some((since, found)) if since.elapsed() < MOMENT => return Ok(Some(found.clone())),
                _ => state.generation,
            }
        };
        let since = Instant::now();
        let found = ask()?;
        if let Some(found) = &found {
            self.remember(token, (since, found.clone()), generation);
        }
        Ok(found)
    }

    /// Forgets everything: something about sessions has changed, and is committed.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.sessions.clear();
    }

    /// What was read before a change must not be known after it.
    fn remember(&self, token: TokenHash, found: (Instant, Found), generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        if state.sessions.len() >= MOST {
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
        let known = KnownSessions::default();
        let first = found();

        assert_eq!(known.look_up(TOKEN, || Ok(Some(first.clone()))).expect("asked"), Some(first.clone()));
        assert_eq!(known.look_up(TOKEN, never).expect("known"), Some(first));
        known.forget();

        assert_eq!(known.look_up(TOKEN, || Ok(None)).expect("asked"), None);
    }

    #[test]
    fn who_was_not_found_is_asked_for_again() {
        let known = KnownSessions::default();

        assert_eq!(known.look_up(TOKEN, || Ok(None)).expect("asked"), None);

        assert!(known.look_up(TOKEN, never).is_err());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_known_after_it() {
        let known = KnownSessions::default();

        let stale = known.look_up(TOKEN, || {
            let read = found();
            known.forget();
            Ok(Some(read))
        });

        assert!(stale.expect("asked").is_some());
        assert!(known.look_up(TOKEN, never).is_err());
    }
}
