//! Eight who write and two who read, with conflicts; and 32 who write, through one server and through four.

use std::sync::Arc;

use tapebase_adapters::dynamodb::DynamoDb;
use tapebase_conformance::{
    aws_proxy::{AwsProxy, Fault, Faults},
    changes::{Rows, Storm, storm},
};

use super::engine;

/// One transaction in five meets a conflict, however often it is tried.
fn conflicts() -> Faults {
    Faults { seed: 7, rate: 0.2, kinds: vec![Fault::TransactionConflict] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_changes_has_in_the_end_what_there_is() {
    let table = engine::fresh_table().await;
    let proxy = AwsProxy::start(engine::address());
    let store = Arc::new(DynamoDb::new(engine::client(&proxy.url()), table));
    proxy.inject(conflicts());

    storm(vec![store], Storm::of_eight()).await;

    assert!(proxy.injected() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_of_one_owner_all_succeed() {
    let (store, ()) = super::fresh().await;
    storm(vec![store], Storm::of_thirty_two()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_of_one_owner_on_four_servers_all_succeed() {
    let table = engine::fresh_table().await;
    let server = || Arc::new(DynamoDb::new(engine::client(&engine::endpoint()), table.clone())) as Arc<dyn Rows>;
    let servers = std::iter::repeat_with(server).take(4).collect();
    storm(servers, Storm::of_thirty_two()).await;
}
