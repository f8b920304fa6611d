//! The engine that the tests run against, and tables in it.

use std::net::SocketAddr;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};
use tapebase_adapters::{dynamodb::DynamoDb, finding::Outcome};
use tapebase_conformance::engines;
use tapebase_domain::{
    id::UserId,
    ports::{Clock as _, SystemClock},
};

/// A store on a table of its own.
pub async fn fresh() -> DynamoDb {
    let table = fresh_table().await;
    DynamoDb::new(client(&endpoint()), table)
}

/// The name of a new, empty table that forgets nothing by itself.
pub async fn fresh_table() -> String {
    let name = table_name();
    let made = DynamoDb::new(client(&endpoint()), name.clone()).make_table().await;
    assert_eq!(made.outcome, Outcome::Done);
    name
}

/// A name no table has yet.
pub fn table_name() -> String {
    format!("tapebase-{}", UserId::generate(SystemClock.now()))
}

pub fn client(endpoint: &str) -> Client {
    Client::from_conf(config(endpoint).build())
}

/// A client's configuration that finds its way to nowhere but `endpoint`.
pub fn config(endpoint: &str) -> Builder {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let seconds = std::time::Duration::from_secs;
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("tapebase", "tapebase", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(seconds(1) / 10))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(seconds(20)).build())
        .http_client(http)
        .endpoint_url(endpoint)
}

/// Where the engine is.
pub fn endpoint() -> String {
    format!("http://{}", address())
}

pub fn address() -> SocketAddr {
    engines::address(engines::DYNAMODB)
}
