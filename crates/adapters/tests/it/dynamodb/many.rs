//! More sessions and plans than one request can take; and what many servers, or something else, make of counters.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use chrono::TimeDelta;
use tapebase_adapters::dynamodb::DynamoDb;
use tapebase_domain::{
    history::{ChangeNumber, Counters, DueAudio},
    id::UserId,
    page::Limit,
    pending::PendingUpload,
    ports::{ChangeFeed as _, ChangesRequest, DeletedStore as _, RecordStore as _, UploadStore as _, UserStore as _},
};
use tokio::time::timeout;

use super::{
    engine,
    samples::{AMPLE, MANY, account, now, plan, recording, session, stranger},
};

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

#[tokio::test]
async fn any_number_of_sessions_is_closed() {
    let store = engine::fresh().await;
    let account = account();
    store.create(account.clone()).await.expect("created");
    let mut tokens = Vec::new();
    for _ in 0..120 {
        let (session, token) = session(account.user.id);
        store.open_session(session, token, MANY).await.expect("opened");
        tokens.push(token);
    }
    assert_eq!(store.sessions(account.user.id, now(), Limit::MAX, None).await.expect("listed").len(), 120);

    store.close_sessions(account.user.id).await.expect("closed");

    assert_eq!(store.sessions(account.user.id, now(), Limit::MAX, None).await.expect("listed"), []);
    for token in tokens {
        assert_eq!(store.session(token).await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn sessions_alone_leave_the_rows_empty_and_a_plan_does_not() {
    let store = engine::fresh().await;
    let account = account();
    store.create(account.clone()).await.expect("created");
    let (session, token) = session(account.user.id);
    store.open_session(session, token, MANY).await.expect("opened");
    assert!(store.is_empty().await.expect("an answer"));

    store.reserve(plan(&recording(stranger())), AMPLE.quota).await.expect("reserved");

    assert!(!store.is_empty().await.expect("an answer"));
}

#[tokio::test]
async fn any_number_of_expired_plans_is_listed_and_released() {
    let store = engine::fresh().await;
    let then = now();
    let at = |seconds: i64| then + TimeDelta::seconds(seconds);
    let mut expired = BTreeSet::new();
    for number in -299..=100 {
        let fresh = PendingUpload { expires_at: at(number), ..plan(&recording(stranger())) };
        store.reserve(fresh.clone(), AMPLE.quota).await.expect("reserved");
        if number < 0 {
            expired.insert(fresh.id.to_string());
        }
    }

    let mut rounds = 0;
    loop {
        let listed = store.expired_uploads(then).await.expect("listed");
        if listed.is_empty() {
            break;
        }
        for plan in listed {
            assert!(expired.remove(plan.id.as_str()), "{plan:?}");
            assert!(store.release(&plan, None).await.expect("released"));
            assert!(!store.release(&plan, None).await.expect("an answer"));
        }
        rounds += 1;
    }

    assert!(expired.is_empty() && rounds > 1, "{expired:?} {rounds}");
}

#[tokio::test]
async fn what_was_forgotten_by_another_server_stays_forgotten_and_is_not_counted() {
    let table = engine::fresh_table().await;
    let [one, other] = [(); 2].map(|()| DynamoDb::new(engine::client(&engine::endpoint()), table.clone()));
    let (owner, at) = (stranger(), now());
    let mut recordings = Vec::new();
    for _ in 0..4 {
        recordings.push(one.insert(recording(owner), AMPLE).await.expect("inserted"));
    }
    for recording in &recordings[..3] {
        one.remove(owner, &recording.id, None, at, MANY).await.expect("removed");
    }

    // The last of three, and the first server does not hear of it.
    let audio = DueAudio { owner, id: recordings[2].id.clone(), blob: recordings[2].blob.clone() };
    other.audio_removed(&audio, at).await.expect("noted");
    other.forget_deleted(at + TimeDelta::seconds(1)).await.expect("forgotten");
    one.remove(owner, &recordings[3].id, None, at, 2).await.expect("removed");

    let request = ChangesRequest { after: ChangeNumber(0), no_deleted_up_to: ChangeNumber(0), limit: 10 };
    let changes = one.changes(owner, request).await.expect("listed");
    let there: Vec<_> = changes.entries.iter().map(|entry| entry.id().clone()).collect();
    assert_eq!(there, [recordings[1].id.clone(), recordings[3].id.clone()]);
    assert_eq!((changes.forgotten, changes.latest), (ChangeNumber(7), ChangeNumber(8)));
    let counters = one.counters(owner).await.expect("counted");
    assert_eq!(one.recount(owner).await.expect("counted"), counters);
}

/// DynamoDB writes the items of a transaction one by one; this has counted, and its row is still to come.
async fn half_done(client: &Client, table: &str, owner: UserId, number: u64) {
    let update = client.update_item().table_name(table).update_expression("SET changed = :number");
    let update = update.key("pk", text(format!("U#{owner}"))).key("sk", text("COUNTERS"));
    update.expression_attribute_values(":number", AttributeValue::N(number.to_string())).send().await.expect("counted");
}

#[tokio::test]
async fn nothing_is_numbered_before_the_change_of_another_server_is_there() {
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let store = Arc::new(DynamoDb::new(client.clone(), table.clone()));
    let owner = stranger();
    half_done(&client, &table, owner, 1).await;

    let next = tokio::spawn({
        let store = store.clone();
        async move { store.insert(recording(owner), AMPLE).await }
    });
    let looks = async { while !next.is_finished() && store.latest_change(owner).await.expect("read").0 < 2 {} };
    assert!(timeout(Duration::from_millis(100), looks).await.is_err(), "it does not wait");
    let row = client.put_item().table_name(&table).item("pk", text(format!("U#{owner}")));
    let row = row.item("sk", text("R#01JD9Z8Q3NVX4T6M2K7C5B1ARE")).item("changed_key", text(format!("{:016x}", 1)));
    row.send().await.expect("written");

    assert_eq!(next.await.expect("it ends").expect("inserted").changed, ChangeNumber(2));
}

#[tokio::test]
async fn a_change_that_a_restored_table_has_lost_is_not_waited_for_without_end() {
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let store = DynamoDb::new(client.clone(), table.clone());
    let owner = stranger();
    half_done(&client, &table, owner, 7).await;

    let next = timeout(Duration::from_secs(20), store.insert(recording(owner), AMPLE)).await.expect("it ends");

    assert_eq!(next.expect("inserted").changed, ChangeNumber(8));
}

#[tokio::test]
async fn counters_that_are_wrong_are_right_when_they_are_counted_anew() {
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let store = DynamoDb::new(client.clone(), table.clone());
    let first = store.insert(recording(stranger()), AMPLE).await.expect("inserted");
    let right = store.counters(first.owner).await.expect("counted");
    let wrong = client.update_item().table_name(table).update_expression("SET used = :n, reserved = :n, uploads = :n");
    wrong
        .key("pk", text(format!("U#{}", first.owner)))
        .key("sk", text("COUNTERS"))
        .expression_attribute_values(":n", AttributeValue::N("7".to_owned()))
        .send()
        .await
        .expect("written");
    let is_seen = Counters { bytes: 0, reserved_bytes: 7, uploads: 7, ..right };
    assert_eq!(store.counters(first.owner).await.expect("counted"), is_seen);

    let recounted = store.recount(first.owner).await.expect("counted");

    assert_eq!(recounted, right);
    assert_eq!(store.counters(first.owner).await.expect("counted"), right);
    store.insert(recording(first.owner), AMPLE).await.expect("inserted");
}
