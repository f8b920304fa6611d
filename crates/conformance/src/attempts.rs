//! What an [`AttemptStore`] promises.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    attempts::{AttemptKey, Attempts, Network},
    digest::Sha256,
    id::random_bytes,
    ports::{AttemptStore, Clock as _, SystemClock},
};
use tokio::task::JoinSet;

fn fresh() -> AttemptKey {
    AttemptKey(Sha256::of(&random_bytes::<16>()))
}

/// One more try than that.
fn next(before: &Attempts, key: AttemptKey) -> Attempts {
    before.with_try(key, None, SystemClock.now()).expect("it is time")
}

/// Attempts MUST find what was remembered last, equal in every field.
pub async fn finds_the_attempts_that_were_remembered_last(store: Arc<dyn AttemptStore>) {
    let key = fresh();
    assert_eq!(store.attempts(key).await.expect("an answer"), None);

    let (mut last, mut from) = (Attempts::default(), None);
    for number in 0..6 {
        let network = Network::of([192, 0, number, 1].into());
        last = next(&last, key).with_success(key, Some(network), SystemClock.now());
        assert!(store.change_attempts(key, from, last.clone()).await.expect("an answer"));
        from = Some(last.clone());
    }

    assert_eq!(store.attempts(key).await.expect("an answer"), Some(last));
    assert_eq!(store.attempts(fresh()).await.expect("an answer"), None);
}

/// Change attempts MUST answer `false`, and change nothing, unless what is remembered is `from`.
pub async fn attempts_are_changed_from_what_they_are_alone(store: Arc<dyn AttemptStore>) {
    let key = fresh();
    let first = next(&Attempts::default(), key);
    let second = next(&first, key);

    let from_another = Some(first.clone());
    assert!(!store.change_attempts(key, from_another.clone(), second.clone()).await.expect("an answer"));
    assert_eq!(store.attempts(key).await.expect("an answer"), None);
    assert!(store.change_attempts(key, None, first).await.expect("an answer"));
    assert!(!store.change_attempts(key, None, second.clone()).await.expect("an answer"));
    assert_eq!(store.attempts(key).await.expect("an answer"), from_another);
    assert!(store.change_attempts(key, from_another.clone(), second.clone()).await.expect("an answer"));
    assert!(!store.change_attempts(key, from_another, second).await.expect("an answer"));
}

/// Change attempts MUST answer `false` to all but one of many who change them at once.
pub async fn attempts_are_changed_by_one_of_many_at_once(store: Arc<dyn AttemptStore>) {
    let key = fresh();
    for from in [None, Some(next(&Attempts::default(), key))] {
        let to = next(&from.clone().unwrap_or_default(), key);
        if from.is_some() {
            let there = store.attempts(key).await.expect("an answer");
            assert!(store.change_attempts(key, there, from.clone().expect("there")).await.expect("an answer"));
        }
        let changing = (0..16).map(|_| {
            let (store, from, to) = (store.clone(), from.clone(), to.clone());
            async move { store.change_attempts(key, from, to).await.expect("an answer") }
        });
        let changed = changing.collect::<JoinSet<_>>().join_all().await;
        assert_eq!(changed.iter().filter(|is_changed| **is_changed).count(), 1, "{changed:?}");
    }
}

/// Forget attempts MUST leave what has not expired.
pub async fn attempts_are_known_until_they_expire(store: Arc<dyn AttemptStore>) {
    let key = fresh();
    let attempts = next(&Attempts::default(), key);
    assert!(store.change_attempts(key, None, attempts.clone()).await.expect("an answer"));

    store.forget_attempts(SystemClock.now()).await.expect("forgotten");
    store.forget_attempts(attempts.expires_at()).await.expect("forgotten");

    assert_eq!(store.attempts(key).await.expect("an answer"), Some(attempts));
}

/// A store that does not forget by itself forgets what has expired, and says how much.
pub async fn forgets_attempts_once_they_have_expired(store: Arc<dyn AttemptStore>) {
    let keys = [fresh(), fresh(), fresh()];
    for key in keys {
        assert!(store.change_attempts(key, None, next(&Attempts::default(), key)).await.expect("an answer"));
    }

    let later = SystemClock.now() + TimeDelta::days(1);

    assert_eq!(store.forget_attempts(later).await.expect("forgotten"), 3);
    assert_eq!(store.forget_attempts(later).await.expect("forgotten"), 0);
}
