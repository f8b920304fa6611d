//! A table and a place in a bucket for the function.

use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::id::random_bytes;
use tokio::runtime::Runtime;

/// The settings of stores of their own, made as an operator makes them.
pub fn fresh() -> Vec<(&'static str, String)> {
    // Never the real ones.
    for engine in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"] {
        assert!(
            std::env::var_os(engine).is_some(),
            "start the engines: `cargo xtask engines run -- cargo test`, or `cargo xtask test`"
        );
    }
    let name = format!("test-{:016x}", u64::from_be_bytes(random_bytes()));
    let (records, blobs) = (format!("dynamodb://{name}"), format!("s3://tapebase-tests/{name}"));
    let dialect = S3Dialect { path_style: true, ..S3Dialect::default() };
    let locations = Locations::parse(&records, &blobs, dialect).expect("they are known");
    let made = Runtime::new().expect("a runtime").block_on(locations.set_up()).expect("a region is set");
    assert!(made.iter().all(tapebase_adapters::finding::Finding::is_fine), "{made:?}");
    vec![
        ("TAPEBASE_RECORDS", records),
        ("TAPEBASE_BLOBS", blobs),
        ("TAPEBASE_S3__PATH_STYLE", "true".to_owned()),
        // What the cases expect; its own default is tested where it matters.
        ("TAPEBASE_DOWNLOADS", "stream".to_owned()),
    ]
}
