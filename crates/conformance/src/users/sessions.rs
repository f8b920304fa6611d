//! What a [`UserStore`] promises about sessions.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    id::SessionId,
    page::Limit,
    ports::{Clock as _, SystemClock, UserStore},
    session::Session,
    time::Timestamp,
    user::User,
};

use tokio::task::JoinSet;

use super::{find_session, open, sign_up};
use crate::samples::{local, noon, session, token};

/// Session MUST find the session that was opened, equal in every field.
pub async fn finds_the_session_that_was_opened_equal_in_every_field(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let mut opened = Vec::new();
    for (user, client) in [(&ann, "curl/8"), (&ann, ""), (&bob, "'%_\\\" 녹음기 🎙️"), (&bob, &"가".repeat(200))]
    {
        let session = Session { client: client.to_owned(), ..session(user.id) };
        opened.push((open(&store, &session).await, session));
    }

    for (token, expected) in opened {
        assert_eq!(find_session(&store, token).await, Some(expected));
    }
}

/// Session finds nothing under a token that opens none.
pub async fn finds_no_session_under_another_token(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    open(&store, &session(user.id)).await;

    assert_eq!(find_session(&store, token()).await, None);
}

/// Session MUST find the session even past its expiry: deciding is the caller's business.
pub async fn finds_a_session_even_past_its_expiry(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let [expires_at, ends_at] = ["1970-01-02T00:00:00Z", "2001-01-01T00:00:00Z"].map(|time| local(time).to_utc());
    let expired = Session { expires_at, ends_at, ..session(user.id) };
    let token = open(&store, &expired).await;

    assert_eq!(find_session(&store, token).await, Some(expired.clone()));
    assert_eq!(sessions(&store, &user).await, [expired]);
}

/// Touch MUST change `last_used_at` and `expires_at`, and nothing else.
pub async fn touch_changes_last_used_at_and_expires_at_and_nothing_else(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let (active, idle) = (session(user.id), session(user.id));
    let (active_token, idle_token) = (open(&store, &active).await, open(&store, &idle).await);
    let last_used_at = active.last_used_at + TimeDelta::microseconds(3_600_000_001);
    let expires_at = active.expires_at + TimeDelta::microseconds(86_400_000_001);

    store.touch_session(user.id, active.id, last_used_at, expires_at).await.expect("touched");

    let touched = Session { last_used_at, expires_at, ..active };
    assert_eq!(find_session(&store, active_token).await, Some(touched));
    assert_eq!(find_session(&store, idle_token).await, Some(idle));
}

/// Touch MUST change only the session of the user it names.
pub async fn touch_leaves_another_users_session(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let hers = session(ann.id);
    let token = open(&store, &hers).await;

    store.touch_session(bob.id, hers.id, noon(), noon()).await.expect("nothing to touch");

    assert_eq!(find_session(&store, token).await, Some(hers));
}

/// Touch MUST NOT bring back a session that was closed.
pub async fn touch_does_not_bring_back_a_closed_session(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let closed = session(user.id);
    let token = open(&store, &closed).await;
    close(&store, &user, closed.id).await;

    store.touch_session(user.id, closed.id, noon(), closed.expires_at).await.expect("nothing to touch");

    assert_eq!(find_session(&store, token).await, None);
    assert_eq!(sessions(&store, &user).await, []);
}

/// Open MUST leave the user no more than `most` sessions, and end those first that were used least recently.
pub async fn open_ends_the_session_that_was_used_least_recently_for_one_more(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let session_used = |minutes| Session { last_used_at: noon() + TimeDelta::minutes(minutes), ..session(user.id) };
    let mut tokens = Vec::new();
    // The fourth has been used before all the others, and is the one that begins.
    for minutes in [3, 1, 2, 0, 4] {
        tokens.push(token());
        store.open_session(session_used(minutes), tokens[tokens.len() - 1], 3).await.expect("opened");
    }

    let mut are_there = Vec::new();
    for token in tokens {
        are_there.push(find_session(&store, token).await.is_some());
    }
    assert_eq!(are_there, [true, false, true, false, true]);
}

/// Open MUST leave the user no more than `most` sessions, however many begin at once.
pub async fn open_leaves_so_many_sessions_however_many_begin_at_once(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    open(&store, &session(user.id)).await;

    let opened = (0..12).map(|_| {
        let (store, session) = (store.clone(), session(user.id));
        async move { store.open_session(session, token(), 4).await }
    });
    let outcomes = opened.collect::<JoinSet<_>>().join_all().await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(sessions(&store, &user).await.len(), 4);
}

/// Open MUST NOT end a session of another user.
pub async fn open_ends_no_session_of_another_user(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let (hers, his) = (session(ann.id), session(bob.id));
    let her_token = open(&store, &hers).await;

    store.open_session(his.clone(), token(), 1).await.expect("opened");
    let newer = Session { last_used_at: noon(), ..session(bob.id) };
    store.open_session(newer.clone(), token(), 1).await.expect("opened");

    assert_eq!(find_session(&store, her_token).await, Some(hers));
    assert_eq!(sessions(&store, &bob).await, [newer]);
}

/// Sessions MUST list only sessions of that user.
pub async fn lists_only_sessions_of_that_user(store: Arc<dyn UserStore>) {
    let (ann, bob, eve) = (sign_up(&store).await, sign_up(&store).await, sign_up(&store).await);
    let (hers, his) = (session(ann.id), session(bob.id));
    open(&store, &hers).await;
    open(&store, &his).await;

    assert_eq!(sessions(&store, &ann).await, [hers]);
    assert_eq!(sessions(&store, &bob).await, [his]);
    assert_eq!(sessions(&store, &eve).await, []);
}

/// Sessions lists the newest first, as ids tell it: the one that began last, whichever was used last.
pub async fn lists_the_newest_session_first(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let mut opened = Vec::new();
    for milliseconds in [2, -1_000, 4, 0, 86_400_000] {
        let (later, earlier) = (TimeDelta::milliseconds(milliseconds), TimeDelta::milliseconds(-milliseconds));
        let created_at = noon() + later;
        let id = SessionId::generate(created_at);
        opened.push(Session { id, created_at, last_used_at: noon() + earlier, ..session(user.id) });
        open(&store, &opened[opened.len() - 1]).await;
    }

    let listed = sessions(&store, &user).await;

    opened.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    assert_eq!(listed, opened);
}

/// Session of MUST find the session that was opened, equal in every field, and `None` for another user's.
pub async fn finds_a_session_of_a_user_by_its_id(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let (hers, his) = (session(ann.id), session(bob.id));
    open(&store, &hers).await;
    open(&store, &his).await;

    assert_eq!(store.session_of(ann.id, hers.id).await.expect("an answer"), Some(hers.clone()));
    assert_eq!(store.session_of(bob.id, hers.id).await.expect("an answer"), None);
    assert_eq!(store.session_of(ann.id, SessionId::generate(noon())).await.expect("an answer"), None);
    close(&store, &ann, hers.id).await;
    assert_eq!(store.session_of(ann.id, hers.id).await.expect("an answer"), None);
}

/// Sessions MUST list none that has expired by then.
pub async fn lists_no_session_that_has_expired(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let expiring = |minutes| Session { expires_at: noon() + TimeDelta::minutes(minutes), ..session(user.id) };
    let mut left = Vec::new();
    for minutes in [-60, 1, -1, 60, 0] {
        let session = expiring(minutes);
        open(&store, &session).await;
        left.extend((minutes > 0).then_some(session.id));
    }

    let listed = store.sessions(user.id, noon(), Limit::MAX, None).await.expect("listed");

    left.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    assert_eq!(listed.into_iter().map(|session| session.id).collect::<Vec<_>>(), left);
}

/// Pages of sessions joined by `after` MUST have every session that stays exactly once, while others come and go.
pub async fn pages_have_every_session_that_stays_exactly_once(store: Arc<dyn UserStore>) {
    let (user, other) = (sign_up(&store).await, sign_up(&store).await);
    let begun = |seconds| {
        let created_at = noon() + TimeDelta::seconds(seconds);
        Session { id: SessionId::generate(created_at), created_at, ..session(user.id) }
    };
    open(&store, &session(other.id)).await;
    let mut stay = Vec::new();
    for seconds in 0..20 {
        let session = begun(seconds);
        open(&store, &session).await;
        stay.push(session.id);
    }
    stay.reverse();

    let (limit, mut after, mut walked) = (Limit::new(3).expect("a limit"), None, Vec::new());
    loop {
        let mut page = store.sessions(user.id, noon(), limit, after).await.expect("listed");
        assert!(page.len() <= 4, "{} are listed", page.len());
        let has_more = page.len() > 3;
        page.truncate(3);
        walked.extend(page.iter().map(|session| session.id));
        if !has_more {
            break;
        }
        after = walked.last().copied();
        // One begins, and the one that was listed last ends.
        open(&store, &begun(1_000)).await;
        close(&store, &user, walked[walked.len() - 1]).await;
    }

    assert_eq!(walked, stay);
}

/// After close returns, the token MUST find nothing.
pub async fn close_makes_the_token_find_nothing(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let (closed, left) = (session(user.id), session(user.id));
    let (closed_token, left_token) = (open(&store, &closed).await, open(&store, &left).await);

    assert!(close(&store, &user, closed.id).await);

    assert_eq!(find_session(&store, closed_token).await, None);
    assert_eq!(find_session(&store, left_token).await, Some(left.clone()));
    assert_eq!(sessions(&store, &user).await, [left]);
}

/// Close answers `false` if the user has no session of this id.
pub async fn close_answers_false_if_there_is_no_such_session(store: Arc<dyn UserStore>) {
    let user = sign_up(&store).await;
    let closed = session(user.id);
    open(&store, &closed).await;

    assert!(close(&store, &user, closed.id).await);
    assert!(!close(&store, &user, closed.id).await);
    assert!(!close(&store, &user, SessionId::generate(noon())).await);
}

/// After close sessions returns, none of a user's tokens MUST find anything; it MUST NOT end another user's.
pub async fn close_sessions_ends_all_of_a_user_and_nobody_elses(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let mut hers = Vec::new();
    for _ in 0..3 {
        hers.push(open(&store, &session(ann.id)).await);
    }
    let his = session(bob.id);
    let his_token = open(&store, &his).await;

    store.close_sessions(ann.id).await.expect("closed");

    for token in hers {
        assert_eq!(find_session(&store, token).await, None);
    }
    assert_eq!(sessions(&store, &ann).await, []);
    assert_eq!(find_session(&store, his_token).await, Some(his));
}

/// Close MUST NOT end another user's session.
pub async fn close_leaves_another_users_session(store: Arc<dyn UserStore>) {
    let (ann, bob) = (sign_up(&store).await, sign_up(&store).await);
    let hers = session(ann.id);
    let token = open(&store, &hers).await;

    assert!(!close(&store, &bob, hers.id).await);

    assert_eq!(find_session(&store, token).await, Some(hers));
}

/// Removing expired sessions MUST leave the sessions that have not expired.
///
/// A store may forget sessions by itself, at the time it really is.
pub async fn leaves_sessions_that_have_not_expired(store: Arc<dyn UserStore>) {
    let now = SystemClock.now();
    let mut left = Vec::new();
    for user in [sign_up(&store).await, sign_up(&store).await] {
        open(&store, &Session { expires_at: now - TimeDelta::days(1), ..session(user.id) }).await;
        for remaining in [TimeDelta::minutes(5), TimeDelta::days(365)] {
            let session = Session { expires_at: now + remaining, ..session(user.id) };
            left.push((open(&store, &session).await, session));
        }
    }

    let removed = store.remove_expired_sessions(now).await.expect("removed");

    assert!(removed <= 2, "{removed} were removed");
    for (token, session) in left {
        assert_eq!(find_session(&store, token).await, Some(session));
    }
}

/// Removing expired sessions forgets every one that expired before then, and says how many.
pub async fn removes_expired_sessions_and_leaves_the_others(store: Arc<dyn UserStore>) {
    let (mut expired, mut left) = (Vec::new(), Vec::new());
    for user in [sign_up(&store).await, sign_up(&store).await] {
        for microseconds in [-86_400_000_000, -1, 1, 86_400_000_000] {
            let expires_at = noon() + TimeDelta::microseconds(microseconds);
            let session = Session { expires_at, ..session(user.id) };
            let token = open(&store, &session).await;
            if expires_at < noon() { expired.push(token) } else { left.push((token, session)) }
        }
    }

    assert_eq!(store.remove_expired_sessions(noon()).await.expect("removed"), 4);

    for token in expired {
        assert_eq!(find_session(&store, token).await, None);
    }
    for (token, session) in left {
        assert_eq!(find_session(&store, token).await, Some(session));
    }
    assert_eq!(store.remove_expired_sessions(noon()).await.expect("removed"), 0);
}

async fn sessions(store: &Arc<dyn UserStore>, user: &User) -> Vec<Session> {
    store.sessions(user.id, Timestamp::UNIX_EPOCH, Limit::MAX, None).await.expect("listed")
}

async fn close(store: &Arc<dyn UserStore>, user: &User, id: SessionId) -> bool {
    store.close_session(user.id, id).await.expect("an answer")
}
