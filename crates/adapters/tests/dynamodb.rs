//! Rows in DynamoDB keep every promise of their ports; and what else there is to say of them.
//!
//! Against an engine on this machine, never against AWS.

#![expect(clippy::expect_used, reason = "a failed promise panics")]

#[path = "dynamodb/capacity.rs"]
mod capacity;
#[path = "dynamodb/engine.rs"]
mod engine;
#[path = "dynamodb/faults.rs"]
mod faults;
#[path = "dynamodb/lists.rs"]
mod lists;
#[path = "dynamodb/many.rs"]
mod many;
#[path = "dynamodb/samples.rs"]
mod samples;
#[path = "dynamodb/storms.rs"]
mod storms;
#[path = "dynamodb/table.rs"]
mod table;

use std::sync::Arc;

use tapebase_adapters::dynamodb::DynamoDb;

async fn fresh() -> (Arc<DynamoDb>, ()) {
    (Arc::new(engine::fresh().await), ())
}

tapebase_conformance::record_store_tests!(fresh());
tapebase_conformance::change_feed_tests!(fresh());
tapebase_conformance::upload_store_tests!(fresh());
tapebase_conformance::user_store_tests!(fresh());
tapebase_conformance::playback_tests!(fresh());
tapebase_conformance::attempt_store_tests!(fresh());
tapebase_conformance::single_use_tests!(fresh());
