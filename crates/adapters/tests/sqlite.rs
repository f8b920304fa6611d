//! Rows in SQLite keep every promise of their ports.

#![expect(clippy::expect_used, reason = "a failed promise panics")]

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use tapebase_adapters::sqlite::Sqlite;
use tempfile::TempDir;

fn fresh() -> Ready<(Arc<Sqlite>, TempDir)> {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Sqlite::open(&folder.path().join("rows.db")).expect("an empty folder");
    ready((Arc::new(store), folder))
}

tapebase_conformance::record_store_tests!(fresh());
tapebase_conformance::change_feed_tests!(fresh());
tapebase_conformance::inventory_tests!(fresh());
tapebase_conformance::upload_store_tests!(fresh());
tapebase_conformance::user_store_tests!(fresh());
tapebase_conformance::session_sweep_tests!(fresh());

/// Eight who write and two who read; and 32 who write.
mod storms {
    use std::time::Duration;

    use tapebase_conformance::changes::{Storm, storm};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_reads_the_changes_has_in_the_end_what_there_is() {
        let (store, _kept) = super::fresh().await;
        storm(vec![store], Storm::of_eight()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn thirty_two_writers_of_one_owner_all_succeed() {
        let (store, _kept) = super::fresh().await;
        storm(vec![store], Storm { writers: 32, duration: Duration::from_secs(2) }).await;
    }
}
