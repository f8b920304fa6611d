//! Long lists.

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tapebase_adapters::dynamodb::DynamoDb;
use tapebase_domain::{
    id::{RecordingId, UserId},
    page::{Limit, Order, PageRequest, Position, TimeField},
    ports::RecordStore as _,
    recording::Recording,
};

use super::{
    engine,
    samples::{AMPLE, MANY, named, now, recording, stranger},
};

/// Turns the pages of a list to its end, with something done after each.
async fn read_all(
    store: &DynamoDb,
    owner: UserId,
    mut page: PageRequest,
    mut after_each: impl AsyncFnMut(&[Recording]),
) -> Vec<Recording> {
    let mut read = Vec::new();
    loop {
        let mut listed = store.list(owner, page.clone()).await.expect("listed");
        let has_more = listed.len() > page.limit.get();
        listed.truncate(page.limit.get());
        after_each(&listed).await;
        page.after = listed.last().map(|last| Position { time: page.by.of(last), id: last.id.clone() });
        read.extend(listed);
        if !has_more {
            return read;
        }
    }
}

async fn insert_all(store: &DynamoDb, recordings: &[Recording]) {
    let inserts = stream::iter(recordings).map(|recording| Ok(store.insert(recording.clone(), AMPLE)));
    inserts.try_buffer_unordered(8).try_for_each(async |_| Ok(())).await.expect("inserted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_recordings_are_listed_in_order_while_others_come_and_go() {
    let store = Arc::new(engine::fresh().await);
    let (owner, begin) = (stranger(), now());
    // Many share an instant, so that the ids decide.
    let recordings: Vec<Recording> = (0..5_000)
        .map(|number| Recording { received_at: begin + TimeDelta::milliseconds(number / 7), ..recording(owner) })
        .collect();
    insert_all(&store, &recordings).await;

    for order in [Order::Newest, Order::Oldest] {
        let page = PageRequest { order, limit: Limit::MAX, ..PageRequest::default() };
        let passing: Vec<Recording> = (0..25)
            .map(|number| Recording { received_at: begin + TimeDelta::milliseconds(number * 30), ..recording(owner) })
            .collect();
        let mut others = passing.iter();
        let read = read_all(&store, owner, page, async |_| {
            if let Some(other) = others.next() {
                store.insert(other.clone(), AMPLE).await.expect("inserted");
            }
            if let Some(other) = others.next() {
                store.insert(other.clone(), AMPLE).await.expect("inserted");
                store.remove(owner, &other.id, None, now(), MANY).await.expect("removed");
            }
        });
        let read = read.await;

        let position = |recording: &Recording| (recording.received_at, recording.id.clone());
        let is_next = |one: &Recording, next: &Recording| match order {
            Order::Newest => position(one) > position(next),
            Order::Oldest => position(one) < position(next),
        };
        assert!(read.is_sorted_by(is_next), "{order:?}");
        let read: BTreeSet<RecordingId> = read.into_iter().map(|recording| recording.id).collect();
        assert!(recordings.iter().all(|recording| read.contains(&recording.id)), "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_past_a_megabyte_is_whole() {
    let store = engine::fresh().await;
    let owner = stranger();
    let long = "\u{1112}\u{1161}\u{11ab}".repeat(500);
    let recordings: Vec<Recording> = (0..300).map(|_| named(owner, &long)).collect();
    insert_all(&store, &recordings).await;

    for by in [TimeField::Received, TimeField::Recorded] {
        let page = PageRequest { by, limit: Limit::MAX, ..PageRequest::default() };
        assert_eq!(store.list(owner, page.clone()).await.expect("listed").len(), 201);

        let read = read_all(&store, owner, page, async |_| {}).await;

        assert_eq!(read.len(), 300);
        assert!(read.iter().all(|recording| recording.details.name.as_str() == long));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_are_told_apart_past_a_megabyte_of_index_entries() {
    let store = engine::fresh().await;
    let blob = |number: usize| tapebase_domain::blob::BlobRef::new(format!("ab/{}{number:05}", "x".repeat(900)));
    let recordings: Vec<Recording> =
        (0..1_200).map(|number| Recording { blob: blob(number * 2), ..recording(stranger()) }).collect();
    insert_all(&store, &recordings).await;

    let mut orphans = store.orphans((0..2_400).map(blob).collect()).await.expect("an answer");

    orphans.sort();
    assert_eq!(orphans, (0..1_200).map(|number| blob(number * 2 + 1)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_damaged_item_keeps_no_other_from_being_listed() {
    use aws_sdk_dynamodb::types::AttributeValue;
    use tapebase_domain::{
        history::ChangeNumber,
        ports::{ChangeFeed as _, ChangesRequest},
    };
    let (client, table, owner) = (engine::client(&engine::endpoint()), engine::fresh_table().await, stranger());
    let store = DynamoDb::new(client.clone(), table.clone());
    for _ in 0..3 {
        store.insert(recording(owner), AMPLE).await.expect("inserted");
    }
    let query = client.query().table_name(&table).key_condition_expression("pk = :owner");
    let query = query.expression_attribute_values(":owner", AttributeValue::S(format!("U#{owner}")));
    let items = query.send().await.expect("read").items.unwrap_or_default();
    let mut damaged = items.into_iter().find(|item| item.contains_key("crc")).expect("one with a checksum");
    damaged.insert("crc".to_owned(), AttributeValue::N("1".to_owned()));
    client.put_item().table_name(&table).set_item(Some(damaged)).send().await.expect("damaged");

    for limit in [Limit::MAX, Limit::new(1).expect("a limit")] {
        let page = PageRequest { limit, ..PageRequest::default() };
        assert_eq!(read_all(&store, owner, page, async |_| ()).await.len(), 2);
    }
    let everything = ChangesRequest { after: ChangeNumber(0), no_deleted_up_to: ChangeNumber(0), limit: 100 };
    let changes = store.changes(owner, everything).await.expect("listed");
    assert_eq!((changes.entries.len(), changes.has_more), (2, false));
}
