//! Rows in SQLite keep every promise of their ports.

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
tapebase_conformance::damage_tests!(fresh());
tapebase_conformance::upload_store_tests!(fresh());
tapebase_conformance::user_store_tests!(fresh());
tapebase_conformance::playback_tests!(fresh());
tapebase_conformance::session_sweep_tests!(fresh());
tapebase_conformance::token_store_tests!(fresh());
tapebase_conformance::token_sweep_tests!(fresh());
tapebase_conformance::erasure_store_tests!(fresh());
tapebase_conformance::attempt_store_tests!(fresh());
tapebase_conformance::attempt_sweep_tests!(fresh());
tapebase_conformance::single_use_tests!(fresh());
tapebase_conformance::single_use_sweep_tests!(fresh());

mod storms {
    tapebase_conformance::storm_tests!(super::fresh());
}
