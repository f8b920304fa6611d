//! Whatever a case does, the counters of everybody in it are what there is.

use std::{cell::RefCell, future::Future, sync::Arc};

use tapebase_domain::ports::RecordStore;

use crate::samples::STRANGERS;

/// Runs a case on `store`, and then counts anew what those whom it made up have.
pub async fn counted<S: RecordStore>(store: Arc<S>, case: impl Future<Output = ()>) {
    let case = async {
        case.await;
        STRANGERS.with(RefCell::take)
    };
    for owner in STRANGERS.scope(RefCell::default(), case).await {
        let counters = store.counters(owner).await.expect("counted");
        assert_eq!(store.recount(owner).await.expect("counted"), counters, "of {owner}");
    }
}
