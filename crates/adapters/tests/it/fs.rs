//! Blobs on disk keep every promise of their port.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use tapebase_adapters::fs::Fs;
use tempfile::TempDir;

fn fresh() -> Ready<(Arc<Fs>, TempDir)> {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(&folder.path().join("blobs")).expect("an empty folder");
    ready((Arc::new(store), folder))
}

tapebase_conformance::blob_store_tests!(fresh());
tapebase_conformance::staged_blob_tests!(fresh(), Server);
tapebase_conformance::part_store_tests!(fresh());
tapebase_conformance::salvage_tests!(fresh());
