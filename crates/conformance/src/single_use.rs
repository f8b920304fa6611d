//! What a [`SingleUse`] promises.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    digest::Sha256,
    id::random_bytes,
    ports::{Clock as _, SingleUse, SystemClock},
};
use tokio::task::JoinSet;

fn fresh() -> Sha256 {
    Sha256::of(&random_bytes::<16>())
}

/// Use up MUST be `true` for one of those who use the same, however many at once, and `false` for whoever uses it later.
pub async fn what_counts_once_is_used_by_one_of_many_at_once(store: Arc<dyn SingleUse>) {
    let (digest, until) = (fresh(), SystemClock.now() + TimeDelta::hours(1));

    let using = (0..16).map(|_| {
        let store = store.clone();
        async move { store.use_up(digest, until).await.expect("an answer") }
    });
    let used = using.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(used.iter().filter(|is_first| **is_first).count(), 1, "{used:?}");
    assert!(!store.use_up(digest, until).await.expect("an answer"), "it was used");
    assert!(store.use_up(fresh(), until).await.expect("an answer"), "another was not");
}

/// Forget used MUST leave what has not expired.
pub async fn what_was_used_is_known_until_it_expires(store: Arc<dyn SingleUse>) {
    let (digest, now) = (fresh(), SystemClock.now());
    let until = now + TimeDelta::hours(1);
    assert!(store.use_up(digest, until).await.expect("an answer"));

    store.forget_used(now).await.expect("forgotten");
    store.forget_used(until).await.expect("forgotten");

    assert!(!store.use_up(digest, until).await.expect("an answer"));
}

/// A store that does not forget by itself forgets what has expired, and says how much.
pub async fn forgets_what_was_used_once_it_has_expired(store: Arc<dyn SingleUse>) {
    let now = SystemClock.now();
    for _ in 0..3 {
        assert!(store.use_up(fresh(), now).await.expect("an answer"));
    }

    let later = now + TimeDelta::seconds(1);

    assert_eq!(store.forget_used(later).await.expect("forgotten"), 3);
    assert_eq!(store.forget_used(later).await.expect("forgotten"), 0);
}
