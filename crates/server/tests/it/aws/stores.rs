//! A table and a place in a bucket for the server, made by its own `setup`.

use std::net::SocketAddr;

use tapebase_domain::id::random_bytes;
use tempfile::TempDir;

use crate::server::{Server, command};

/// The settings of a table and a prefix of their own, made as an operator makes them.
pub fn fresh() -> Vec<(&'static str, String)> {
    // Never the real ones.
    for engine in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"] {
        assert!(
            std::env::var_os(engine).is_some(),
            "start the engines: `cargo xtask engines run -- cargo test`, or `cargo xtask test`"
        );
    }
    let name = format!("test-{:016x}", u64::from_be_bytes(random_bytes()));
    let settings = vec![
        ("TAPEBASE_RECORDS", format!("dynamodb://{name}")),
        ("TAPEBASE_BLOBS", format!("s3://tapebase-tests/{name}")),
        ("TAPEBASE_S3__PATH_STYLE", "true".to_owned()),
    ];
    let folder = TempDir::new().expect("a temporary folder");
    let made = command(folder.path(), &borrowed(&settings)).arg("setup").output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    settings
}

/// Where an engine listens.
pub fn engine(name: &str) -> SocketAddr {
    let url = std::env::var_os(name).and_then(|url| url.into_string().ok()).expect("the engines run");
    url.trim_start_matches("http://").parse().expect("an address")
}

/// Starts a server on stores of its own.
pub fn serve(more: &[(&str, &str)]) -> Server {
    let settings = fresh();
    Server::start(&[&borrowed(&settings), more].concat())
}

pub fn borrowed<'a>(settings: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
