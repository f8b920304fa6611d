use mockall::Sequence;

use super::*;
use crate::{
    blob,
    page::Limit,
    testing::{TestPorts, recording},
};

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

#[tokio::test]
async fn the_row_goes_before_the_blob() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::default();
    let mut order = Sequence::new();
    ports.records.expect_remove().times(1).in_sequence(&mut order).return_once(|_, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().times(1).in_sequence(&mut order).returning(|_| Ok(()));

    let deleted = List::new(&ports.build()).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn a_delete_counts_even_if_the_bytes_resist() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::default();
    ports.records.expect_remove().return_once(|_, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().returning(|_| Err(BlobError::Unavailable("down".into())));

    let deleted = List::new(&ports.build()).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn no_blob_is_touched_when_the_row_stays() {
    type Removed = Result<Option<Recording>, StoreError>;
    let refusals: [fn() -> Removed; 3] =
        [|| Ok(None), || Err(StoreError::Conflict), || Err(StoreError::Unavailable("down".into()))];
    for refusal in refusals {
        let mut ports = TestPorts::default();
        ports.records.expect_remove().returning(move |_, _, _| refusal());
        ports.blobs.expect_delete().never();

        let deleted = List::new(&ports.build()).delete(owner(), &recording(owner(), b"speech").id, None).await;

        assert!(deleted.is_err());
    }
}

#[tokio::test]
async fn a_cursor_is_given_only_where_there_is_more() {
    for (found, shown, has_more) in [(3, 2, true), (2, 2, false), (0, 0, false)] {
        let mut ports = TestPorts::default();
        ports.records.expect_list().returning(move |owner, _| Ok(vec![recording(owner, b"speech"); found]));
        let request = PageRequest { limit: Limit::new(2).expect("in range"), ..PageRequest::default() };

        let page = List::new(&ports.build()).page(owner(), request).await.expect("the store answers");

        assert_eq!(page.items.len(), shown);
        assert_eq!(page.next.is_some(), has_more);
    }
}

#[tokio::test]
async fn a_recording_deleted_while_it_is_opened_is_not_found() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    ports.records.expect_find().returning(|_, _| Ok(None));

    let played = List::new(&ports.build()).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::NotFound)));
}

#[tokio::test]
async fn a_recording_replaced_while_it_is_opened_is_not_found() {
    let existing = recording(owner(), b"speech");
    let replacement = Recording { blob: crate::blob::BlobRef::new("elsewhere".into()), ..existing.clone() };
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    ports.records.expect_find().returning(move |_, _| Ok(Some(replacement.clone())));

    let played = List::new(&ports.build()).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::NotFound)));
}

#[tokio::test]
async fn missing_audio_of_a_listed_recording_is_a_failure_not_an_absence() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    let listed = existing.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(listed.clone())));

    let played = List::new(&ports.build()).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::Unavailable(_))));
}

#[tokio::test]
async fn playing_opens_the_range_asked_for() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports
        .blobs
        .expect_open()
        .withf(|blob, range| blob.as_str() == "there" && *range == ByteRange { start: 2, length: 3 })
        .returning(|_, _| Ok(Some(blob::once("eec".into()))));

    let played = List::new(&ports.build()).play(&existing, ByteRange { start: 2, length: 3 }).await;

    assert!(played.is_ok());
}
