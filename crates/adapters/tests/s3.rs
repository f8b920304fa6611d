//! Blobs in S3 keep every promise of their port.

#![expect(clippy::expect_used, reason = "a failed promise panics")]

use std::sync::Arc;

use tapebase_adapters::{
    aws::Sdk,
    connect::S3Dialect,
    s3::{Place, S3},
};
use tapebase_conformance::engines;
use tapebase_domain::id::random_bytes;

/// A prefix of its own, in a bucket set up as an operator would.
async fn fresh() -> (Arc<S3>, ()) {
    (Arc::new(bucket(&S3Dialect { path_style: true, ..S3Dialect::default() }).await), ())
}

async fn bucket(dialect: &S3Dialect) -> S3 {
    assert!(engines::address(engines::S3).ip().is_loopback(), "never the real one");
    let name = format!("test/{:016x}", u64::from_be_bytes(random_bytes()));
    let place = Place::parse(&format!("tapebase-tests/{name}")).expect("a place");
    let store = Sdk::default().s3(&place, dialect).await.expect("a region is set");
    let made = store.set_up().await;
    assert!(made[0].is_fine(), "{made:?}");
    store
}

tapebase_conformance::blob_store_tests!(fresh());
tapebase_conformance::staged_blob_tests!(fresh(), Links);
tapebase_conformance::part_link_tests!(fresh());
tapebase_conformance::download_link_tests!(fresh());
