//! Behind a proxy: how many calls it takes, and what comes of calls that break.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use tapebase_adapters::dynamodb::DynamoDb;
use tapebase_conformance::aws_proxy::{AwsProxy, Fault, Faults};
use tapebase_domain::{
    history::ChangeNumber,
    page::{Limit, PageRequest},
    ports::{
        ChangeFeed as _, ChangesRequest, InsertError, RecordStore, RevisionError, StoreError, UploadStore as _,
        UserStore,
    },
    recording::{Recording, Revision},
};

use super::{
    engine,
    samples::{AGAIN, AMPLE, MANY, account, now, plan, recording, renaming, session, stranger},
};

/// A store on a table of its own behind a proxy of its own.
async fn fresh() -> (DynamoDb, AwsProxy) {
    let table = engine::fresh_table().await;
    let proxy = AwsProxy::start(engine::address());
    (DynamoDb::new(engine::client(&proxy.url()), table), proxy)
}

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.map(|(action, count)| (action.to_owned(), count)).into()
}

#[tokio::test]
async fn each_call_takes_the_fewest_requests() {
    let (store, proxy) = fresh().await;
    let cost = async |expected: &[(&str, u64)], what: &str| {
        let expected = expected.iter().map(|(action, count)| ((*action).to_owned(), *count)).collect();
        assert_eq!(proxy.counts(), expected, "{what}");
        proxy.reset_counts();
    };
    let owner = stranger();
    let first = recording(owner);
    store.insert(first.clone(), AMPLE).await.expect("inserted");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "insert the first").await;
    store.insert(recording(owner), AMPLE).await.expect("inserted");
    cost(&[("TransactWriteItems", 1)], "insert").await;
    store.insert(first.clone(), AMPLE).await.expect_err("taken");
    cost(&[("TransactWriteItems", 1)], "insert what is there").await;
    RecordStore::find(&store, owner, &first.id).await.expect("found");
    cost(&[("GetItem", 1)], "find").await;
    store.edit(owner, &first.id, renaming("other"), Some(Revision(1))).await.expect("renamed");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "edit").await;
    for _ in 0..60 {
        store.insert(recording(owner), AMPLE).await.expect("inserted");
    }
    proxy.reset_counts();
    for limit in [Limit::default(), Limit::MAX] {
        store.list(owner, PageRequest { limit, ..PageRequest::default() }).await.expect("listed");
        cost(&[("Query", 1)], "list a page").await;
    }
    store.remove(owner, &first.id, None, now(), MANY).await.expect("removed");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "remove").await;
    store.insert(first.clone(), AMPLE).await.expect_err("deleted");
    cost(&[("TransactWriteItems", 1)], "insert what was removed").await;
    store.insert(first.clone(), AGAIN).await.expect("inserted");
    cost(&[("TransactWriteItems", 2)], "insert what was removed again").await;
    store.remove(owner, &first.id, None, now(), MANY).await.expect("removed");
    proxy.reset_counts();
    store.counters(owner).await.expect("counted");
    cost(&[("GetItem", 1)], "count").await;
    store.history().await.expect("known");
    proxy.reset_counts();
    let request = ChangesRequest { after: ChangeNumber(0), no_deleted_up_to: ChangeNumber(0), limit: 100 };
    store.changes(owner, request).await.expect("listed");
    cost(&[("GetItem", 1), ("Query", 1)], "list changes").await;

    let completed = recording(owner);
    let planned = plan(&completed);
    store.reserve(planned.clone(), AMPLE.quota).await.expect("reserved");
    cost(&[("TransactWriteItems", 1)], "reserve").await;
    store.settle(&planned, completed).await.expect("settled");
    cost(&[("TransactWriteItems", 1)], "settle").await;
    store.release(&planned, None).await.expect("answered");
    cost(&[("TransactWriteItems", 1)], "release").await;

    let ann = account();
    store.create(ann.clone()).await.expect("created");
    cost(&[("TransactWriteItems", 1)], "sign up").await;
    UserStore::find(&store, &ann.user.identities[0].identity).await.expect("found");
    cost(&[("GetItem", 2)], "find an account").await;
    UserStore::account(&store, ann.user.id).await.expect("found");
    cost(&[("GetItem", 1)], "look an account up").await;
    store.update(ann.clone(), tapebase_domain::user::Account { password: None, ..ann.clone() }).await.expect("updated");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "update an account").await;
    let (begun, token) = session(ann.user.id);
    store.open_session(begun.clone(), token, MANY).await.expect("opened");
    cost(&[("TransactWriteItems", 1)], "open a session").await;
    store.session(token).await.expect("found");
    cost(&[("GetItem", 1)], "authenticate").await;
    store.touch_session(begun.user, begun.id, begun.created_at, begun.ends_at).await.expect("touched");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "touch").await;
    store.close_session(begun.user, begun.id).await.expect("closed");
    cost(&[("GetItem", 1), ("TransactWriteItems", 1)], "close").await;
}

#[tokio::test]
async fn a_lost_reply_is_no_second_write() {
    let (store, proxy) = fresh().await;
    let first = recording(stranger());
    // Of two tries about one loses its reply; the others are told what has become of the first.
    for seed in 0..40 {
        let other = Recording { owner: first.owner, ..recording(first.owner) };
        let used = store.counters(first.owner).await.expect("counted").used_bytes();
        proxy.inject(Faults { seed, rate: 0.4, kinds: vec![Fault::LostReply, Fault::CutReply] });
        let inserted = store.insert(other.clone(), AMPLE).await;
        let renamed = store.edit(other.owner, &other.id, renaming("renamed"), Some(Revision(1))).await;
        let removed = store.remove(other.owner, &other.id, Some(Revision(2)), now(), MANY).await;
        proxy.stop_injecting();

        if matches!(inserted, Err(InsertError::Store(StoreError::Unavailable(_)))) {
            continue;
        }
        inserted.expect("inserted once");
        match renamed {
            Ok(Some(renamed)) => {
                assert_eq!((renamed.revision, renamed.details.name.as_str()), (Revision(2), "renamed"));
            }
            Err(RevisionError::Store(StoreError::Unavailable(_))) => continue,
            other => panic!("{other:?}"),
        }
        match removed {
            Ok(Some(_)) => assert_eq!(store.counters(first.owner).await.expect("counted").used_bytes(), used),
            Err(RevisionError::Store(StoreError::Unavailable(_))) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(proxy.injected() > 20, "{}", proxy.injected());
}

#[tokio::test]
async fn conflicts_and_throttling_are_waited_out() {
    let (store, proxy) = fresh().await;
    let owner = stranger();
    let kinds = vec![Fault::TransactionConflict, Fault::Throttling, Fault::ThroughputExceeded, Fault::SlowDown];
    proxy.inject(Faults { seed: 3, rate: 0.3, kinds });

    for _ in 0..30 {
        store.insert(recording(owner), AMPLE).await.expect("inserted");
    }

    proxy.stop_injecting();
    assert!(proxy.injected() > 5);
    assert_eq!(store.counters(owner).await.expect("counted").used_bytes(), 30_000_000);
}

#[tokio::test]
async fn conflicts_without_end_are_an_error_after_ten_tries() {
    let (store, proxy) = fresh().await;
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::TransactionConflict] });

    let refused = store.insert(recording(stranger()), AMPLE).await;

    assert!(matches!(refused, Err(InsertError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(proxy.counts(), counts([("GetItem", 1), ("TransactWriteItems", 10)]));
}

/// A store that waits for no answer longer than a moment, and tries a call once or more often.
async fn hasty(attempts: u32) -> (DynamoDb, AwsProxy, String) {
    let table = engine::fresh_table().await;
    let proxy = AwsProxy::start(engine::address());
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(200)).build();
    let config = engine::config(&proxy.url()).timeout_config(timeouts);
    let config = config.retry_config(RetryConfig::standard().with_max_attempts(attempts));
    (DynamoDb::new(Client::from_conf(config.build()), table.clone()), proxy, table)
}

#[tokio::test]
async fn a_reply_that_comes_too_late_is_an_error_or_the_answer() {
    let (store, proxy, _) = hasty(4).await;
    let first = recording(stranger());
    proxy.inject(Faults { seed: 5, rate: 0.5, kinds: vec![Fault::Delay(Duration::from_millis(400))] });

    for _ in 0..10 {
        match store.insert(first.clone(), AMPLE).await {
            Ok(_) | Err(InsertError::Taken(_) | InsertError::Store(StoreError::Unavailable(_))) => {}
            refused => panic!("{refused:?}"),
        }
    }

    // What was late may yet come.
    proxy.stop_injecting();
    proxy.settle().await;
    assert_eq!(store.counters(first.owner).await.expect("counted").used_bytes(), first.size);
}

#[tokio::test]
async fn a_request_that_comes_too_late_brings_nothing_back() {
    let (store, proxy, table) = hasty(1).await;
    let patient = DynamoDb::new(engine::client(&engine::endpoint()), table);
    let owner = stranger();
    let (deleted, aborted, completed) = (recording(owner), plan(&recording(owner)), recording(owner));
    let settled = plan(&completed);

    store.counters(owner).await.expect("counted");

    // The store does not hear of these before it has heard of all that follows.
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::Hold] });
    store.insert(deleted.clone(), AMPLE).await.expect_err("no answer in time");
    store.reserve(aborted.clone(), AMPLE.quota).await.expect_err("no answer in time");
    store.reserve(settled.clone(), AMPLE.quota).await.expect_err("no answer in time");
    patient.insert(deleted.clone(), AMPLE).await.expect("inserted");
    patient.remove(owner, &deleted.id, None, now(), MANY).await.expect("removed");
    patient.reserve(aborted.clone(), AMPLE.quota).await.expect("reserved");
    assert!(patient.release(&aborted, None).await.expect("released"));
    patient.reserve(settled.clone(), AMPLE.quota).await.expect("reserved");
    let completed = patient.settle(&settled, completed).await.expect("settled");
    proxy.let_go();
    proxy.settle().await;

    assert_eq!(RecordStore::find(&patient, owner, &deleted.id).await.expect("read"), None);
    assert_eq!(patient.upload(owner, &aborted.id).await.expect("read"), None);
    assert_eq!(patient.upload(owner, &settled.id).await.expect("read"), None);
    assert_eq!(patient.list(owner, PageRequest::default()).await.expect("listed"), std::slice::from_ref(&completed));
    assert_eq!(patient.counters(owner).await.expect("counted").used_bytes(), completed.size);
}

#[tokio::test]
async fn an_identity_that_was_unlinked_stays_so_whatever_comes_too_late() {
    let (store, proxy, table) = hasty(1).await;
    let patient = DynamoDb::new(engine::client(&engine::endpoint()), table);
    let ann = account();
    patient.create(ann.clone()).await.expect("created");
    let mut both = ann.clone();
    both.user.identities.extend(account().user.identities);

    // Tried until it is held back, which is after it has read the account.
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::TransactionConflict] });
    let (late, ()) = tokio::join!(store.update(ann.clone(), both.clone()), async {
        until(async || proxy.injected() > 0).await;
        proxy.inject_next(Fault::Hold);
    });
    late.expect_err("no answer in time");
    proxy.stop_injecting();
    patient.update(ann.clone(), both.clone()).await.expect("linked");
    patient.update(both.clone(), ann.clone()).await.expect("unlinked");
    proxy.let_go();
    proxy.settle().await;

    assert_eq!(patient.account(ann.user.id).await.expect("read"), Some(ann));
    assert_eq!(UserStore::find(&patient, &both.user.identities[1].identity).await.expect("read"), None);
}

#[tokio::test]
async fn a_try_that_follows_one_still_on_its_way_brings_nothing_back() {
    let (store, proxy, table) = hasty(2).await;
    let patient = DynamoDb::new(engine::client(&engine::endpoint()), table);
    let first = recording(stranger());

    store.counters(first.owner).await.expect("counted");

    // The first try is held back and then does it; the others are told of conflicts until it is deleted again.
    proxy.inject_next(Fault::Hold);
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::TransactionConflict] });
    let (inserted, ()) = tokio::join!(store.insert(first.clone(), AMPLE), async {
        until(async || proxy.injected() > 1).await;
        proxy.let_go();
        until(async || RecordStore::find(&patient, first.owner, &first.id).await.expect("read").is_some()).await;
        patient.remove(first.owner, &first.id, None, now(), MANY).await.expect("removed").expect("it was there");
        proxy.stop_injecting();
    });
    inserted.expect("it was inserted");

    assert!(proxy.counts()["TransactWriteItems"] > 2, "{:?}", proxy.counts());
    assert_eq!(RecordStore::find(&patient, first.owner, &first.id).await.expect("read"), None);
    assert_eq!(patient.counters(first.owner).await.expect("counted").used_bytes(), 0);
}

/// Waits until something is so.
async fn until(is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
