//! A table that is a copy, or was put back to an earlier moment, has no audio removed that came since.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use bytes::Bytes;
use chrono::TimeDelta;
use tapebase_adapters::{connect::Locations, dynamodb::DynamoDb};
use tapebase_conformance::blobs::walk;
use tapebase_domain::{
    audit::Audit,
    blob,
    history::Retention,
    lineage::{Lineage, LineageError},
    ports::{Clock, Ports, SystemClock},
    recording::Recording,
    sweep::{Sweep, SweepError},
    time::Timestamp,
};

use super::{engine, samples};
use crate::s3::{dialect, store_at};

type Item = HashMap<String, AttributeValue>;

/// Rows in a table, and audio below a prefix of its own.
async fn connected(table: &str, prefix: &str) -> Ports {
    drop(store_at(prefix, &dialect()).await);
    let stores = Locations::parse(&format!("dynamodb://{table}"), &format!("s3://tapebase-tests/{prefix}"), dialect());
    stores.expect("known").connect().await.expect("they belong together, as far as their ids tell")
}

async fn upload(ports: &Ports, count: usize) {
    for number in 0..count {
        let recording = samples::recording(samples::stranger());
        let body = blob::once(Bytes::from_static(b"speech"));
        let stored = ports.blobs.put(&(&recording).into(), body).await.expect("stored");
        let recording = Recording { blob: stored.blob, size: stored.size, sha256: stored.sha256, ..recording };
        let blob = recording.blob.clone();
        ports.records.insert(recording, samples::AMPLE).await.expect("inserted");
        // Of some it is not known any more that they have a recording.
        if number > 0 {
            ports.blobs.settle(&blob);
        }
    }
}

/// A sweep to which all audio is old.
async fn sweep(ports: &Ports) -> Result<u64, SweepError> {
    let sweep = Sweep::new(ports, ALL, Retention::default());
    sweep.run().await.map(|swept| swept.deleted)
}

/// No audio is younger, nor any batch.
const ALL: TimeDelta = TimeDelta::hours(-2);

/// More than a week from now.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now() + TimeDelta::days(8)
    }
}

async fn audio(ports: &Ports) -> usize {
    walk(&ports.blobs).await.len()
}

async fn items(client: &Client, table: &str) -> Vec<Item> {
    let scanned = client.scan().table_name(table).consistent_read(true).send().await.expect("read");
    assert!(scanned.last_evaluated_key.is_none(), "one page");
    scanned.items.expect("some")
}

async fn fill(client: &Client, table: &str, items: Vec<Item>) {
    for item in items {
        client.put_item().table_name(table).set_item(Some(item)).send().await.expect("written");
    }
}

async fn empty(client: &Client, table: &str) {
    for mut item in items(client, table).await {
        item.retain(|name, _| ["pk", "sk"].contains(&&**name));
        client.delete_item().table_name(table).set_key(Some(item)).send().await.expect("deleted");
    }
}

#[tokio::test]
async fn a_copy_of_a_table_has_no_audio_removed() {
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let ports = connected(&table, &table).await;
    upload(&ports, 2).await;
    let unswept = items(&client, &table).await;
    assert_eq!(sweep(&ports).await.expect("swept"), 0);
    let yesterday = items(&client, &table).await;
    upload(&ports, 3).await;
    let today = items(&client, &table).await;

    for copied in [unswept, yesterday, today] {
        let copy = engine::fresh_table().await;
        fill(&client, &copy, copied).await;
        let copy = connected(&copy, &table).await;
        let refused = sweep(&copy).await;
        assert!(matches!(refused, Err(SweepError::Lineage(LineageError::Parted))), "{refused:?}");
        assert_eq!(audio(&copy).await, 5);
    }
    // Whoever looks at a copy does the table no harm.
    assert_eq!(sweep(&ports).await.expect("swept"), 0);
}

#[tokio::test]
async fn a_table_with_the_rows_of_yesterday_has_no_audio_removed_until_an_operator_says_so() {
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let ports = connected(&table, &table).await;
    upload(&ports, 2).await;
    assert_eq!(sweep(&ports).await.expect("swept"), 0);
    let yesterday = items(&client, &table).await;
    upload(&ports, 3).await;
    assert_eq!(sweep(&ports).await.expect("swept"), 0);

    for is_made_anew in [false, true] {
        if is_made_anew {
            client.delete_table().table_name(&table).send().await.expect("deleted");
            DynamoDb::new(client.clone(), table.clone()).make_table().await;
        } else {
            empty(&client, &table).await;
        }
        fill(&client, &table, yesterday.clone()).await;
        let put_back = connected(&table, &table).await;
        let refused = sweep(&put_back).await;
        assert!(matches!(refused, Err(SweepError::Lineage(LineageError::Parted))), "{refused:?}");
        assert_eq!(audio(&put_back).await, 5);
    }

    let put_back = connected(&table, &table).await;
    Lineage::new(&put_back).renew().await.expect("renewed");
    // Nobody has said that they may go.
    assert_eq!(sweep(&put_back).await.expect("swept"), 0);
    // What was in a batch is noted already, and what else there is now.
    let audit = Audit::new(&put_back, ALL);
    let orphans = audit.orphans().await.expect("looked through");
    assert_eq!(orphans.nobodys.len(), 3);
    audit.note(&orphans).await.expect("noted");
    assert_eq!(sweep(&put_back).await.expect("swept"), 0);
    let later = Ports { clock: Arc::new(Later), ..put_back };
    assert_eq!(sweep(&later).await.expect("swept"), 3);
    assert_eq!(audio(&later).await, 2);
}
