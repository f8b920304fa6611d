//! More sessions and plans than one request can take.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use tapebase_domain::{
    pending::PendingUpload,
    ports::{UploadStore as _, UserStore as _},
};

use crate::{
    engine,
    samples::{account, now, plan, recording, session, stranger},
};

#[tokio::test]
async fn any_number_of_sessions_is_closed() {
    let store = engine::fresh().await;
    let account = account();
    store.create(account.clone()).await.expect("created");
    let mut tokens = Vec::new();
    for _ in 0..120 {
        let (session, token) = session(account.user.id);
        store.open_session(session, token).await.expect("opened");
        tokens.push(token);
    }
    assert_eq!(store.sessions(account.user.id).await.expect("listed").len(), 120);

    store.close_sessions(account.user.id).await.expect("closed");

    assert_eq!(store.sessions(account.user.id).await.expect("listed"), []);
    for token in tokens {
        assert_eq!(store.session(token).await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn any_number_of_expired_plans_is_listed_and_released() {
    let store = engine::fresh().await;
    let then = now();
    let at = |seconds: i64| then + TimeDelta::seconds(seconds);
    let mut expired = BTreeSet::new();
    for number in -299..=100 {
        let fresh = PendingUpload { expires_at: at(number), ..plan(&recording(stranger())) };
        store.reserve(fresh.clone(), u64::MAX).await.expect("reserved");
        if number < 0 {
            expired.insert(fresh.id.to_string());
        }
    }

    let mut rounds = 0;
    loop {
        let listed = store.expired_uploads(then).await.expect("listed");
        if listed.is_empty() {
            break;
        }
        for plan in listed {
            assert!(expired.remove(plan.id.as_str()), "{plan:?}");
            assert!(store.release(&plan).await.expect("released"));
            assert!(!store.release(&plan).await.expect("an answer"));
        }
        rounds += 1;
    }

    assert!(expired.is_empty() && rounds > 1, "{expired:?} {rounds}");
}
