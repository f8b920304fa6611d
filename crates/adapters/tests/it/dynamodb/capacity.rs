//! What each call costs, in the units AWS charges for.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut},
    },
    error::BoxError,
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        query::{QueryInput, QueryOutput},
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use tapebase_adapters::dynamodb::DynamoDb;
use tapebase_domain::{
    history::ChangeNumber,
    page::PageRequest,
    ports::{ChangeFeed as _, ChangesRequest, RecordStore, UploadStore as _, UserStore},
};

use super::{
    engine,
    samples::{AMPLE, MANY, account, now, plan, recording, renaming, session, stranger},
};

/// Has every reply say what it cost, and adds it up.
#[derive(Debug, Clone, Default)]
struct Meter(Arc<Mutex<(f64, f64)>>);

impl Meter {
    fn take(&self) -> (f64, f64) {
        std::mem::take(&mut self.0.lock().expect("whole"))
    }

    fn add(&self, consumed: &[ConsumedCapacity], is_write: bool) {
        let units: f64 = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum();
        let mut sums = self.0.lock().expect("whole");
        if is_write { sums.1 += units } else { sums.0 += units }
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (input, wanted) = (context.input_mut(), Some(ReturnConsumedCapacity::Total));
        if let Some(get) = input.downcast_mut::<GetItemInput>() {
            get.return_consumed_capacity = wanted;
        } else if let Some(gets) = input.downcast_mut::<BatchGetItemInput>() {
            gets.return_consumed_capacity = wanted;
        } else if let Some(query) = input.downcast_mut::<QueryInput>() {
            query.return_consumed_capacity = wanted;
        } else if let Some(transaction) = input.downcast_mut::<TransactWriteItemsInput>() {
            transaction.return_consumed_capacity = wanted;
        } else if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = wanted;
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        if let Some(got) = output.downcast_ref::<GetItemOutput>() {
            self.add(got.consumed_capacity.as_slice(), false);
        } else if let Some(got) = output.downcast_ref::<BatchGetItemOutput>() {
            self.add(got.consumed_capacity(), false);
        } else if let Some(found) = output.downcast_ref::<QueryOutput>() {
            self.add(found.consumed_capacity.as_slice(), false);
        } else if let Some(written) = output.downcast_ref::<TransactWriteItemsOutput>() {
            self.add(written.consumed_capacity(), true);
        } else if let Some(updated) = output.downcast_ref::<UpdateItemOutput>() {
            self.add(updated.consumed_capacity.as_slice(), true);
        }
        Ok(())
    }
}

/// Read and write units of each call. An item in an index is written there too, and where its key there changes, written
/// twice. AWS charges double for what is written in a transaction; in one that writes an index, this engine counts four
/// times, but not every item: what AWS would charge by its rules stands beside it.
const COSTS: [(&str, f64, f64); 18] = [
    // The recording, four entries, the counters: 12.
    ("insert the first", 1.0, 24.0),
    ("insert", 0.0, 24.0),
    ("find", 1.0, 0.0),
    ("find to play", 2.0, 0.0),
    ("count", 1.0, 0.0),
    // The recording, four entries, for its place among the changes is another, the counters: 12.
    ("edit", 1.0, 24.0),
    ("list of 50", 6.0, 0.0),
    ("list 50 changes", 7.0, 0.0),
    // The tombstone, six entries, what is due with its entry, the counters: 20.
    ("remove", 1.0, 40.0),
    // The upload, what is due with its entry, the counters: 8.
    ("reserve", 0.0, 12.0),
    // What a reservation writes, and a recording with its entries: 18.
    ("settle", 0.0, 32.0),
    // The account with its entry, the identity: 6.
    ("sign up", 0.0, 12.0),
    ("find an account", 2.0, 0.0),
    // As much as to find one.
    ("find no account", 2.0, 0.0),
    // The session twice, what is due with its entry, the counters: 10.
    ("open a session", 0.0, 12.0),
    ("authenticate", 1.0, 0.0),
    ("touch a session", 1.0, 4.0),
    ("close a session", 1.0, 12.0),
];

#[tokio::test]
async fn calls_cost_what_they_should() {
    let meter = Meter::default();
    let config = engine::config(&engine::endpoint()).interceptor(meter.clone()).build();
    let store = DynamoDb::new(Client::from_conf(config), engine::fresh_table().await);
    let mut costs = Vec::new();
    let mut note = |what: &'static str| {
        let (reads, writes) = meter.take();
        costs.push((what, reads, writes));
    };
    let first = recording(stranger());
    let owner = first.owner;

    store.insert(first.clone(), AMPLE).await.expect("inserted");
    note("insert the first");
    store.insert(recording(owner), AMPLE).await.expect("inserted");
    note("insert");
    RecordStore::find(&store, owner, &first.id).await.expect("found");
    note("find");
    store.find_to_play(owner, &first.id).await.expect("found");
    note("find to play");
    store.counters(owner).await.expect("counted");
    note("count");
    store.edit(owner, &first.id, renaming("renamed"), None).await.expect("renamed");
    note("edit");
    for _ in 0..60 {
        store.insert(recording(owner), AMPLE).await.expect("inserted");
    }
    meter.take();
    store.list(owner, PageRequest::default()).await.expect("listed");
    note("list of 50");
    store.history().await.expect("known");
    meter.take();
    let request = ChangesRequest { after: ChangeNumber(10), no_deleted_up_to: ChangeNumber(0), limit: 50 };
    store.changes(owner, request).await.expect("listed");
    note("list 50 changes");
    store.remove(owner, &first.id, None, now(), MANY).await.expect("removed");
    note("remove");
    let completed = recording(owner);
    let planned = plan(&completed);
    store.reserve(planned.clone(), AMPLE.quota).await.expect("reserved");
    note("reserve");
    store.settle(&planned, completed).await.expect("settled");
    note("settle");
    let account = account();
    store.create(account.clone()).await.expect("created");
    note("sign up");
    UserStore::find(&store, &account.user.identities[0].identity).await.expect("found");
    note("find an account");
    UserStore::find(&store, &super::samples::account().user.identities[0].identity).await.expect("looked up");
    note("find no account");
    let (begun, token) = session(account.user.id);
    store.open_session(begun.clone(), token, MANY).await.expect("opened");
    note("open a session");
    store.session(token).await.expect("found");
    note("authenticate");
    store.touch_session(begun.user, begun.id, begun.created_at, begun.ends_at).await.expect("touched");
    note("touch a session");
    store.close_session(begun.user, begun.id).await.expect("closed");
    note("close a session");

    assert_eq!(costs, COSTS);
}
