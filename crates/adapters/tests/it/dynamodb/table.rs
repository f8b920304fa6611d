//! Making a table, and examining it.

use tapebase_adapters::{
    dynamodb::DynamoDb,
    finding::{Finding, Outcome},
};
use tapebase_domain::{
    blob::BlobRef,
    id::UserId,
    page::PageRequest,
    ports::{Clock as _, RecordStore as _, SystemClock, UserStore},
    recording::Recording,
    time::Timestamp,
    user::{Account, Identity, SocialId, User},
};

use super::{
    engine,
    samples::{AMPLE, account, named, recording, stranger},
};

/// Whether there are backups is the one thing the engine cannot tell.
fn outcomes(findings: &[Finding]) -> Vec<&Outcome> {
    findings.iter().map(|finding| &finding.outcome).filter(|outcome| **outcome != Outcome::Unsupported).collect()
}

#[tokio::test]
async fn setup_makes_what_is_missing_and_leaves_what_is_right() {
    let store = DynamoDb::new(engine::client(&engine::endpoint()), engine::table_name());

    let first = store.set_up().await;
    let second = store.set_up().await;

    let [done, right] = [&Outcome::Done, &Outcome::AlreadyRight];
    assert_eq!(outcomes(&first), [done, right, right, right, done, done], "{first:#?}");
    assert_eq!(outcomes(&second), [right; 6], "{second:#?}");
    assert_eq!(first.len(), 7, "{first:#?}");
}

#[tokio::test]
async fn setup_completes_a_table_that_has_only_its_keys() {
    let store = engine::fresh().await;

    let findings = store.set_up().await;

    let [done, right] = [&Outcome::Done, &Outcome::AlreadyRight];
    assert_eq!(outcomes(&findings), [right, right, right, right, done, done], "{findings:#?}");
}

#[tokio::test]
async fn setup_says_what_cannot_be_mended() {
    use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
    let (client, table) = (engine::client(&engine::endpoint()), engine::table_name());
    let mut create = client.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    for (attribute, role) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(attribute);
        let definition = definition.attribute_type(ScalarAttributeType::S).build().expect("whole");
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(role).build().expect("whole");
        create = create.attribute_definitions(definition).key_schema(key);
    }
    create.send().await.expect("made");

    let findings = DynamoDb::new(client, table).set_up().await;

    let right = &Outcome::AlreadyRight;
    let unchangeable = &Outcome::Failed(
        "the table is of another version: name another one in `records`, make it with `tapebase setup`, \
                                          and copy what the old one has with the version that made it"
            .to_owned(),
    );
    assert_eq!(outcomes(&findings), [right, right, unchangeable, unchangeable], "{findings:#?}");
}

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_with_a_table_that_was_set_up() {
    let store = DynamoDb::new(engine::client(&engine::endpoint()), engine::table_name());
    store.set_up().await;

    let findings = store.diagnose().await;

    assert_eq!(outcomes(&findings), [&Outcome::AlreadyRight; 14], "{findings:#?}");
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_changes_nothing() {
    let absent = DynamoDb::new(engine::client(&engine::endpoint()), engine::table_name());
    let unset = engine::fresh().await;

    let of_absent = absent.diagnose().await;
    let of_unset = unset.diagnose().await;

    assert_eq!(
        of_absent[0].outcome,
        Outcome::Failed(
            "it is not so: check the name in `records`; if it is right, `tapebase setup` repairs it".to_owned()
        )
    );
    assert_eq!(of_absent.len(), 2, "{of_absent:#?}");
    assert!(absent.id().await.is_err());
    let wrong =
        of_unset.iter().filter(|finding| !matches!(finding.outcome, Outcome::AlreadyRight | Outcome::Unsupported));
    let wrong: Vec<&str> = wrong.map(|finding| finding.what.as_str()).collect();
    assert_eq!(wrong, ["it is protected from deletion", "it forgets items past their `ttl`"], "{of_unset:#?}");
}

#[tokio::test]
async fn two_that_start_at_once_take_one_id_and_other_tables_have_others() {
    let table = engine::fresh_table().await;
    let stores = [(); 8].map(|()| DynamoDb::new(engine::client(&engine::endpoint()), table.clone()));

    let ids = futures_util::future::join_all(stores.iter().map(DynamoDb::id)).await;

    let ids: Vec<_> = ids.into_iter().map(|id| id.expect("an id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_ne!(engine::fresh().await.id().await.expect("an id"), ids[0]);
}

#[tokio::test]
async fn fields_may_be_as_long_as_they_can_be() {
    let store = engine::fresh().await;
    let decomposed = named(stranger(), &"\u{1112}\u{1161}\u{11ab}".repeat(500));
    let blob = BlobRef::new("x".repeat(1_024));
    let longest = Recording { blob, size: u64::MAX / 2, ..decomposed };

    let longest = store.insert(longest, AMPLE).await.expect("inserted");

    assert_eq!(store.list(longest.owner, PageRequest::default()).await.expect("listed"), [longest]);
    for network in ["#".repeat(255), "\0".repeat(255), "%".repeat(255)] {
        let identity = Identity::Social(SocialId::parse(network, "\u{1}".repeat(255)).expect("a social id"));
        let user = User::new(stranger(), identity.clone(), account().user.created_at);
        let account = Account { user, password: None };
        store.create(account.clone()).await.expect("created");
        assert_eq!(UserStore::find(&store, &identity).await.expect("an answer"), Some(account));
    }
}

#[tokio::test]
async fn times_of_any_age_are_listed_in_order() {
    let store = engine::fresh().await;
    let owner: UserId = stranger();
    let times = [-62_167_219_200_000_000, -1, 0, 1, SystemClock.now().timestamp_micros(), 253_402_300_799_999_999];
    for micros in [3, 0, 5, 1, 4, 2].map(|index: usize| times[index]) {
        let received_at = Timestamp::from_timestamp_micros(micros).expect("in range");
        store.insert(Recording { received_at, ..recording(owner) }, AMPLE).await.expect("inserted");
    }

    let listed = store.list(owner, PageRequest::default()).await.expect("listed");

    let micros: Vec<i64> = listed.iter().rev().map(|recording| recording.received_at.timestamp_micros()).collect();
    assert_eq!(micros, times);
}

#[tokio::test]
async fn an_account_of_an_older_version_has_the_identity_that_was_in_it() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let (client, table) = (engine::client(&engine::endpoint()), engine::fresh_table().await);
    let (store, ann) = (DynamoDb::new(client.clone(), table.clone()), account());
    store.create(ann.clone()).await.expect("created");
    let Identity::Email(email) = &ann.user.identities[0].identity else { panic!("an email address") };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let older = client.update_item().table_name(&table).key("pk", text(&format!("U#{}", ann.user.id)));
    let older =
        older.key("sk", text("ACCOUNT")).update_expression("REMOVE identities SET network = :none, subject = :it");
    let older = older.expression_attribute_values(":none", text(""));
    older.expression_attribute_values(":it", text(email.as_str())).send().await.expect("made older");

    let found = store.account(ann.user.id).await.expect("read").expect("there");

    assert_eq!(found.user.identities[0].id.to_string(), ann.user.id.to_string());
    assert_eq!((found.user.email(), &found.password), (Some(email), &ann.password));
    let mut both = found.clone();
    both.user.identities.extend(account().user.identities);
    store.update(found, both.clone()).await.expect("updated");
    assert_eq!(UserStore::find(&store, &both.user.identities[1].identity).await.expect("read"), Some(both));
}
