//! The real engines that tests run against, as whoever starts them says in the environment.

use std::net::SocketAddr;

use tapebase_domain::id::random_bytes;

/// Names where DynamoDB Local listens.
pub const DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// Names where the S3 server listens.
pub const S3: &str = "AWS_ENDPOINT_URL_S3";

const START: &str = "start the engines: `cargo xtask engines run -- cargo test`, or `cargo xtask test`";

/// Where an engine listens: never the real AWS, which is far away.
///
/// # Panics
/// If nobody has started it.
#[must_use]
pub fn address(engine: &str) -> SocketAddr {
    let url = said(engine);
    let address = url.strip_prefix("http://").and_then(|url| url.trim_end_matches('/').parse().ok());
    address.expect(START)
}

/// What whoever starts the engines says of one.
///
/// # Panics
/// If nobody has started it.
#[must_use]
pub fn said(name: &str) -> String {
    std::env::var_os(name).and_then(|said| said.into_string().ok()).expect(START)
}

/// The settings of a table and a place in a bucket that nobody else uses. They are still to be set up.
///
/// # Panics
/// If nobody has started the engines.
#[must_use]
pub fn fresh_stores() -> Vec<(&'static str, String)> {
    assert!([DYNAMODB, S3].map(address).iter().all(|address| address.ip().is_loopback()), "no engines of this machine");
    let name = format!("test-{:016x}", u64::from_be_bytes(random_bytes()));
    vec![
        ("TAPEBASE_RECORDS", format!("dynamodb://{name}")),
        // One bucket for all: stores that are like S3 keep volumes for each.
        ("TAPEBASE_BLOBS", format!("s3://tapebase-tests/{name}")),
        ("TAPEBASE_S3__PATH_STYLE", "true".to_owned()),
    ]
}
