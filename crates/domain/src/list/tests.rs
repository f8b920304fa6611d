use chrono::TimeDelta;
use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    blob,
    page::Limit,
    testing::{TestPorts, recording},
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

fn list(ports: TestPorts) -> List {
    let (ports, waiters) = (ports.build(), Waiters::default());
    let damage = Damage::new(&ports, waiters.clone());
    List::new(&ports, waiters, damage, Retention { lifetime: TimeDelta::days(30), most: 9 })
}

#[tokio::test]
async fn the_row_goes_before_the_blob() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::default();
    let mut order = Sequence::new();
    ports.records.expect_remove().times(1).in_sequence(&mut order).return_once(|_, _, _, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().times(1).in_sequence(&mut order).returning(|_| Ok(()));
    ports.deleted.expect_audio_removed().returning(|_, _| Ok(()));

    let deleted = list(ports).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn a_delete_counts_even_if_the_bytes_resist() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::default();
    ports.records.expect_remove().return_once(|_, _, _, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().returning(|_| Err(BlobError::Unavailable("down".into())));
    // The rows go on to say that it is to be removed.
    ports.deleted.expect_audio_removed().never();

    let deleted = list(ports).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn a_delete_leaves_a_tombstone_of_its_time_and_as_many_as_are_kept() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    ports
        .records
        .expect_remove()
        .with(eq(owner()), eq(id.clone()), eq(Some(Revision(1))), eq(now), eq(9))
        .times(1)
        .return_once(|_, _, _, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().returning(|_| Ok(()));
    ports.deleted.expect_audio_removed().returning(|_, _| Ok(()));

    let deleted = list(ports).delete(owner(), &id, Some(Revision(1))).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn that_the_audio_is_removed_is_noted_once_it_is_gone() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::at(NOW);
    let forget_at = ports.now() + TimeDelta::days(30);
    let audio = DueAudio { owner: owner(), id: id.clone(), blob: existing.blob.clone() };
    let mut order = Sequence::new();
    ports.records.expect_remove().times(1).in_sequence(&mut order).return_once(|_, _, _, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().with(eq(audio.blob.clone())).times(1).in_sequence(&mut order).returning(|_| Ok(()));
    ports
        .deleted
        .expect_audio_removed()
        .with(eq(audio), eq(forget_at))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Ok(()));

    let deleted = list(ports).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn a_delete_counts_even_if_nobody_can_note_that_the_audio_is_removed() {
    let existing = recording(owner(), b"speech");
    let id = existing.id.clone();
    let mut ports = TestPorts::default();
    ports.records.expect_remove().return_once(|_, _, _, _, _| Ok(Some(existing)));
    ports.blobs.expect_delete().returning(|_| Ok(()));
    ports.deleted.expect_audio_removed().returning(|_, _| Err(StoreError::Unavailable("down".into())));

    let deleted = list(ports).delete(owner(), &id, None).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn no_blob_is_touched_when_the_row_stays() {
    type Removed = Result<Option<Recording>, RevisionError>;
    let refusals: [fn() -> Removed; 3] =
        [|| Ok(None), || Err(RevisionError::Stale), || Err(StoreError::Unavailable("down".into()).into())];
    for refusal in refusals {
        let mut ports = TestPorts::default();
        ports.records.expect_remove().returning(move |_, _, _, _, _| refusal());
        ports.blobs.expect_delete().never();
        ports.deleted.expect_audio_removed().never();

        let deleted = list(ports).delete(owner(), &recording(owner(), b"speech").id, None).await;

        assert!(deleted.is_err());
    }
}

#[tokio::test]
async fn a_cursor_is_given_only_where_there_is_more() {
    for (found, shown, has_more) in [(3, 2, true), (2, 2, false), (0, 0, false)] {
        let mut ports = TestPorts::default();
        ports.records.expect_list().returning(move |owner, _| Ok(vec![recording(owner, b"speech"); found]));
        let request = PageRequest { limit: Limit::new(2).expect("in range"), ..PageRequest::default() };

        let page = list(ports).page(owner(), request).await.expect("the store answers");

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

    let played = list(ports).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::NotFound)));
}

#[tokio::test]
async fn a_recording_replaced_while_it_is_opened_is_not_found() {
    let existing = recording(owner(), b"speech");
    let replacement = Recording { blob: crate::blob::BlobRef::new("elsewhere".into()), ..existing.clone() };
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    ports.records.expect_find().returning(move |_, _| Ok(Some(replacement.clone())));

    let played = list(ports).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::NotFound)));
}

#[tokio::test]
async fn missing_audio_of_a_listed_recording_is_damage_and_noted() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    let listed = existing.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(listed.clone())));
    ports.records.expect_mark_damaged().times(1).returning(|_, _, _, _| Ok(true));
    let list = list(ports);

    let played = list.play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::Damaged(id)) if id == existing.id));
    assert_eq!(list.damage.count(), 1);
}

#[tokio::test]
async fn audio_of_a_store_that_is_away_is_not_damaged() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(None));
    ports.blobs.expect_ping().returning(|| Err(BlobError::Unavailable("the folder is away".into())));
    let listed = existing.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(listed.clone())));

    let played = list(ports).play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::Unavailable(_))));
}

#[tokio::test]
async fn damage_that_shows_while_it_plays_is_noted() {
    let existing = recording(owner(), b"speech");
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| {
        let pieces = [Ok("spee".into()), Err(BlobError::Damaged("its checksum is another".into()))];
        Ok(Some(Box::pin(futures_util::stream::iter(pieces))))
    });
    ports.records.expect_mark_damaged().times(1).returning(|_, _, _, _| Ok(true));
    let list = list(ports);

    let played = list.play(&existing, ByteRange::whole(6)).await.expect("it begins");

    assert!(matches!(played.try_collect::<Vec<_>>().await, Err(BlobError::Damaged(_))));
    assert_eq!(list.damage.count(), 1);
}

#[tokio::test]
async fn audio_that_reads_right_again_is_noted_as_sound_and_played() {
    let existing = Recording { damaged_at: NOW.parse().ok(), ..recording(owner(), b"speech") };
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(Some(blob::once("speech".into()))));
    ports
        .records
        .expect_mark_damaged()
        .withf(|_, _, _, since| since.is_none())
        .times(1)
        .returning(|_, _, _, _| Ok(true));
    let list = list(ports);

    let played = list.play(&existing, ByteRange::whole(6)).await;

    assert!(played.is_ok());
    assert_eq!(list.damage.count(), 0);
}

#[tokio::test]
async fn audio_that_is_damaged_still_is_not_played() {
    let existing = Recording { damaged_at: NOW.parse().ok(), ..recording(owner(), b"speech") };
    let mut ports = TestPorts::default();
    ports.blobs.expect_open().returning(|_, _| Ok(Some(blob::once("screech".into()))));
    let listed = existing.clone();
    ports.records.expect_find().returning(move |_, _| Ok(Some(listed.clone())));
    ports.records.expect_mark_damaged().returning(|_, _, _, since| Ok(since.is_none()));
    let list = list(ports);

    let played = list.play(&existing, ByteRange::whole(6)).await;

    assert!(matches!(played, Err(ListError::Damaged(_))));
    assert_eq!(list.damage.count(), 1);
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

    let played = list(ports).play(&existing, ByteRange { start: 2, length: 3 }).await;

    assert!(played.is_ok());
}
