//! Rows in DynamoDB keep every promise of their ports; and what else there is to say of them.
//!
//! Against an engine on this machine, never against AWS.

mod capacity;
mod copies;
mod engine;
mod faults;
mod lists;
mod many;
mod samples;
mod storms;
mod table;

use std::sync::Arc;

use tapebase_adapters::dynamodb::DynamoDb;

pub async fn fresh() -> (Arc<DynamoDb>, ()) {
    (Arc::new(engine::fresh().await), ())
}

tapebase_conformance::record_store_tests!(fresh());
tapebase_conformance::change_feed_tests!(fresh());
tapebase_conformance::inventory_tests!(fresh());
tapebase_conformance::upload_store_tests!(fresh());
tapebase_conformance::user_store_tests!(fresh());
tapebase_conformance::playback_tests!(fresh());
tapebase_conformance::token_store_tests!(fresh());
tapebase_conformance::erasure_store_tests!(fresh());
tapebase_conformance::attempt_store_tests!(fresh());
tapebase_conformance::single_use_tests!(fresh());
