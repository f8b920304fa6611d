//! A table and a place in a bucket for the function.

use tapebase_adapters::{
    connect::{Locations, S3Dialect},
    finding::Finding,
};
use tapebase_conformance::engines;
use tokio::runtime::Runtime;

/// The settings of stores that go with the function. The cases are about its events and answers: the server runs them all
/// on DynamoDB and S3, and [`fresh`] ones are for what the function does with those.
pub fn in_memory() -> Vec<(&'static str, String)> {
    [("TAPEBASE_RECORDS", "memory:"), ("TAPEBASE_BLOBS", "memory:")].map(|(name, url)| (name, url.to_owned())).into()
}

/// The settings of stores of their own, made as an operator makes them.
pub fn fresh() -> Vec<(&'static str, String)> {
    let mut settings = engines::fresh_stores();
    let dialect = S3Dialect { path_style: true, ..S3Dialect::default() };
    let locations = Locations::parse(&settings[0].1, &settings[1].1, dialect).expect("they are known");
    let made = Runtime::new().expect("a runtime").block_on(locations.set_up()).expect("a region is set");
    assert!(made.iter().all(Finding::is_fine), "{made:?}");
    // What the cases expect; its own default is tested where it matters.
    settings.push(("TAPEBASE_DOWNLOADS", "stream".to_owned()));
    settings
}
