use bytes::Bytes;
use futures_util::stream;
use mockall::predicate::eq;

use super::*;
use crate::{
    blob::{self, BlobDescription, BlobRef, ByteRange, ByteStream},
    ports::{InventoryPage, MockInventory, MockSalvage},
    testing::{TestPorts, recording, timestamp},
};

const NOW: &str = "2026-11-26T12:00:00Z";

fn memo() -> Recording {
    recording(UserId::generate(timestamp(NOW)), b"speech")
}

/// What is said of a recording whose audio opens as `opened`, and whose row is then `row`.
async fn verdict(
    memo: &Recording,
    opened: Result<Option<ByteStream<BlobError>>, BlobError>,
    row: Option<Recording>,
) -> Verdict {
    let (mut ports, mut salvage) = (TestPorts::at(NOW), MockSalvage::new());
    ports.blobs.expect_open().with(eq(memo.blob.clone()), eq(ByteRange::whole(6))).return_once(|_, _| opened);
    ports.records.expect_find().with(eq(memo.owner), eq(memo.id.clone())).returning(move |_, _| Ok(row.clone()));
    salvage.expect_has_bad_header().returning(|_, _| Ok(false));
    verify(ports, salvage).check(memo).await.expect("the rows answer")
}

/// The same of a store that guards its bytes itself, and is asked whether it has them.
async fn asked(is_intact: Result<bool, BlobError>, described: Result<Option<BlobDescription>, BlobError>) -> Verdict {
    let (mut ports, memo) = (TestPorts::at(NOW), memo());
    ports.blobs.expect_is_intact().with(eq(stored(&memo))).return_once(|_| is_intact);
    ports.blobs.expect_describe().with(eq(memo.blob.clone())).return_once(|_| described);
    ports.blobs.expect_open().never();
    let row = memo.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(row.clone())));
    Verify::new(&ports.build(), TimeDelta::hours(24)).check(&memo).await.expect("the rows answer")
}

#[tokio::test]
async fn a_store_that_guards_its_bytes_itself_is_asked_whether_it_has_them() {
    let short = BlobDescription { provenance: None, size: 5, sha256: None, written_at: timestamp(NOW) };

    assert!(matches!(asked(Ok(true), Err(broken())).await, Verdict::Sound));
    assert!(matches!(asked(Ok(false), Ok(None)).await, Verdict::Missing));
    assert!(matches!(asked(Ok(false), Ok(Some(short))).await, Verdict::Damaged { found: None }));
    assert!(matches!(asked(Err(broken()), Ok(None)).await, Verdict::Unreadable(_)));
    assert!(matches!(asked(Ok(false), Err(broken())).await, Verdict::Unreadable(_)));
}

fn body(bytes: &'static [u8]) -> ByteStream<BlobError> {
    blob::once(Bytes::from_static(bytes))
}

fn broken() -> BlobError {
    BlobError::Unavailable("the disk fails".into())
}

#[tokio::test]
async fn audio_is_sound_if_it_has_its_digest() {
    assert!(matches!(verdict(&memo(), Ok(Some(body(b"speech"))), None).await, Verdict::Sound));
}

#[tokio::test]
async fn audio_with_another_digest_is_damaged() {
    let memo = memo();

    let verdict = verdict(&memo, Ok(Some(body(b"sqeech"))), Some(memo.clone())).await;

    assert!(
        matches!(verdict, Verdict::Damaged { found: Some(found) } if found == Sha256::of(b"sqeech")),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn audio_that_is_not_there_is_missing_and_what_fails_is_unreadable() {
    let memo = memo();
    let breaks_off: ByteStream<BlobError> = Box::pin(stream::iter([Ok(Bytes::from_static(b"spe")), Err(broken())]));

    assert!(matches!(verdict(&memo, Ok(None), Some(memo.clone())).await, Verdict::Missing));
    assert!(matches!(verdict(&memo, Err(broken()), Some(memo.clone())).await, Verdict::Unreadable(_)));
    assert!(matches!(verdict(&memo, Ok(Some(breaks_off)), Some(memo.clone())).await, Verdict::Unreadable(_)));
}

#[tokio::test]
async fn a_recording_deleted_or_replaced_meanwhile_is_gone() {
    let memo = memo();
    let replaced = Recording { blob: BlobRef::new("elsewhere".into()), ..memo.clone() };

    assert!(matches!(verdict(&memo, Ok(None), None).await, Verdict::Gone));
    assert!(matches!(verdict(&memo, Err(broken()), Some(replaced)).await, Verdict::Gone));
}

/// A row that is written to would fail the test: nothing expects that.
#[tokio::test]
async fn nothing_is_noted_of_a_store_that_is_away_or_of_what_is_noted_already() {
    let (memo, mut ports) = (memo(), TestPorts::at(NOW));
    ports.blobs.expect_ping().once().returning(|| Err(broken()));
    let ports = Ports { inventory: Arc::new(MockInventory::new()), ..ports.build() };
    let verify = Verify::new(&ports, TimeDelta::hours(24));

    assert!(verify.note(&memo, &Verdict::Missing).await.is_err());
    assert!(!verify.note(&memo, &Verdict::Sound).await.expect("nothing to note"));
    assert!(!verify.note(&memo, &Verdict::Unreadable(broken())).await.expect("nothing to note"));
    let noted = Recording { damaged_at: Some(timestamp(NOW)), ..memo };
    assert!(!verify.note(&noted, &Verdict::Damaged { found: None }).await.expect("nothing to note"));
}

/// What is said of a recording whose audio opens as `opened`, and whose header the store calls bad or not.
async fn salvaged(opened: Result<Option<ByteStream<BlobError>>, BlobError>, has_bad_header: bool) -> Verdict {
    let memo = memo();
    let (mut ports, mut salvage) = (TestPorts::at(NOW), MockSalvage::new());
    ports.blobs.expect_open().return_once(|_, _| opened);
    let row = memo.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(row.clone())));
    salvage
        .expect_has_bad_header()
        .with(eq(stored(&memo)), eq(Provenance::from(&memo)))
        .returning(move |_, _| Ok(has_bad_header));
    verify(ports, salvage).check(&memo).await.expect("the rows answer")
}

fn verify(ports: TestPorts, salvage: MockSalvage) -> Verify {
    verify_with(ports, salvage, MockInventory::new())
}

fn verify_with(ports: TestPorts, salvage: MockSalvage, inventory: MockInventory) -> Verify {
    let ports = Ports { inventory: Arc::new(inventory), salvage: Some(Arc::new(salvage)), ..ports.build() };
    Verify::new(&ports, TimeDelta::hours(24))
}

#[tokio::test]
async fn audio_whose_label_alone_is_wrong_is_mislabelled_and_not_missing() {
    assert!(matches!(salvaged(Ok(Some(body(b"speech"))), true).await, Verdict::BadHeader));
    assert!(matches!(salvaged(Ok(None), true).await, Verdict::BadHeader));
    assert!(matches!(salvaged(Err(broken()), true).await, Verdict::BadHeader));
    assert!(matches!(salvaged(Ok(None), false).await, Verdict::Missing));
    assert!(matches!(salvaged(Ok(Some(body(b"speech"))), false).await, Verdict::Sound));
}

#[tokio::test]
async fn remains_are_nobodys_only_if_they_are_old_and_no_recording_could_be_missing_them() {
    let (mut ports, mut salvage) = (TestPorts::at(NOW), MockSalvage::new());
    let now = ports.now();
    let blob = |name: &str| BlobRef::new(name.to_owned());
    let remains = move |name: &str, hours| TornWrite {
        place: blob(name),
        size: 1,
        blobs: vec![blob(name), blob("and one more")],
        modified_at: now - TimeDelta::hours(hours),
    };
    let all = vec![
        remains("young", 23),
        remains("old", 25),
        remains("somebody's", 25),
        remains("the index does not know", 25),
    ];
    salvage.expect_remains().return_once(|| Ok(all));
    ports.records.expect_orphans().times(3).returning(move |mut blobs| {
        blobs.retain(|found| *found != blob("somebody's"));
        Ok(blobs)
    });

    let (mut inventory, mut memo) = (MockInventory::new(), memo());
    memo.blob = blob("the index does not know");
    let place = Some((memo.owner, memo.id.clone()));
    inventory
        .expect_recordings()
        .with(eq(None))
        .return_once(move |_| Ok(InventoryPage { recordings: vec![memo], ..InventoryPage::default() }));
    inventory.expect_recordings().with(eq(place)).returning(|_| Ok(InventoryPage::default()));

    let nobodys = verify_with(ports, salvage, inventory).remains().await.expect("the stores answer");

    assert_eq!(nobodys, [remains("old", 25)]);
}
