//! Who leaves is gone from the table and the bucket, too.

use serde_json::json;
use tapebase_conformance::blobs::walk;
use tapebase_domain::ports::Ports;
use tempfile::TempDir;

use super::stores;
use crate::{
    erasure::{Resident, kill_sweeps, sweep_in_two_days},
    server::{Server, borrowed, ports_of},
};

#[test]
fn nothing_is_left_of_who_has_left_in_the_table_and_the_bucket() {
    let (stores, folder) = (stores::fresh(), TempDir::new().expect("a temporary folder"));
    let server = Server::start(&borrowed(&stores));
    let (ann, bob) = (Resident::settle_in(&server.tcp(), "ann"), Resident::settle_in(&server.tcp(), "bob"));
    let _ = ann.leave(&server.tcp());

    kill_sweeps(folder.path(), &borrowed(&stores));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ports = runtime.block_on(ports_of(&stores));
    let swept = runtime.block_on(sweep_in_two_days(ports.clone()));

    assert_eq!(swept.erased, 1, "{swept:?}");
    let table = scan(&stores[0].1);
    let found = |resident: &Resident| {
        let traces = resident.traces.iter().map(|trace| String::from_utf8_lossy(trace).into_owned());
        traces.filter(|trace| table.contains(trace)).count()
    };
    assert_eq!(found(&ann), 0, "{table}");
    assert!(found(&bob) > 1, "the table was not looked through: {table}");
    let owners = runtime.block_on(owners(&ports));
    assert_eq!(owners.len(), 39, "audio: {owners:?}");
    assert!(owners.iter().all(|owner| bob.traces.contains(&owner.clone().into_bytes())), "{owners:?}");
    bob.assert_settled(&server.tcp(), 0);
}

/// Whose all audio in the bucket is.
async fn owners(ports: &Ports) -> Vec<String> {
    let mut owners = Vec::new();
    for entry in walk(&ports.blobs).await {
        let of = ports.blobs.provenance(&entry.blob).await.expect("looked up");
        owners.push(of.expect("it says so").owner.to_string());
    }
    owners
}

/// All that is in a table, as DynamoDB Local answers it; which believes any signature.
fn scan(url: &str) -> String {
    let answer = stores::call("Scan", &json!({"TableName": url.trim_start_matches("dynamodb://")}));
    assert!(answer["LastEvaluatedKey"].is_null(), "there is more");
    answer.to_string()
}
