use bytes::Bytes;
use mockall::predicate::eq;

use super::*;
use crate::{
    blob,
    digest::Sha256,
    id::UserId,
    testing::{TestPorts, recording, stored_blob, timestamp},
    time::Timestamp,
};

const NOW: &str = "2026-11-28T12:00:00Z";
const AUDIO: &[u8] = b"OggS some speech";

fn written_at() -> Timestamp {
    timestamp("2026-11-23T12:00:00Z")
}

fn found() -> BlobRef {
    BlobRef::new("found".to_owned())
}

fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

/// A blob of [`AUDIO`] that says so, as far as it says anything.
fn ports(provenance: Option<Provenance>, sha256: Option<Sha256>) -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    let described = BlobDescription {
        provenance,
        size: AUDIO.len() as u64,
        sha256: sha256.map(|sha256| (sha256, DigestOrigin::Declared)),
        written_at: written_at(),
    };
    ports.blobs.expect_describe().with(eq(found())).returning(move |_| Ok(Some(described.clone())));
    ports.blobs.expect_open().with(eq(found()), eq(ByteRange::whole(12))).returning(|_, _| Ok(Some(body(12))));
    ports.blobs.expect_open().with(eq(found()), eq(ByteRange::whole(16))).returning(|_, _| Ok(Some(body(16))));
    ports
}

fn body(size: usize) -> crate::blob::ByteStream<BlobError> {
    blob::once(Bytes::from_static(&AUDIO[..size]))
}

#[tokio::test]
async fn a_recording_comes_back_with_all_that_its_audio_says() {
    for sha256 in [Some(Sha256::of(AUDIO)), None] {
        let mut ports = ports(Some(whose()), sha256);
        ports.records.expect_insert().times(1).returning(|recording, _| Ok(recording));

        let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await.expect("the stores answer");

        let Rebuilt::Restored(recording) = rebuilt else { panic!("{rebuilt:?}") };
        assert_eq!((Provenance::from(&recording), &recording.blob), (whose(), &found()));
        assert_eq!((recording.size, recording.sha256), (16, Sha256::of(AUDIO)));
        let origin = if sha256.is_some() { DigestOrigin::Declared } else { DigestOrigin::Computed };
        assert_eq!(recording.digest, origin, "what was not read is as sure as whoever said it");
        assert_eq!((recording.details.recorded_at.to_utc(), recording.received_at), (written_at(), written_at()));
        assert_eq!(recording.details.name.as_str(), "Recording 2026-11-23 12.00.00.ogg");
        assert_eq!(recording.media_type.as_str(), "audio/ogg", "as it is: nobody knows what was declared");
        assert_eq!(recording.details.media_type, MediaType::octet_stream());
    }
}

#[tokio::test]
async fn audio_that_does_not_say_whose_it_is_is_left_alone() {
    let ports = ports(None, Some(Sha256::of(AUDIO)));

    let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await;

    assert!(matches!(rebuilt, Ok(Rebuilt::Anonymous)), "{rebuilt:?}");
}

#[tokio::test]
async fn other_audio_that_says_the_same_of_itself_conflicts() {
    let there = Recording { id: whose().recording, ..recording(whose().owner, b"OggS other words") };
    let mut ports = ports(Some(whose()), Some(Sha256::of(AUDIO)));
    ports.records.expect_insert().returning(move |_, _| Err(InsertError::Taken(Box::new(there.clone()))));

    let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await.expect("the stores answer");

    let Rebuilt::Conflicting(recording) = rebuilt else { panic!("{rebuilt:?}") };
    assert_eq!(recording.sha256, Sha256::of(AUDIO));
}

#[tokio::test]
async fn of_two_that_say_the_same_the_row_leads_to_one_that_is_what_it_says() {
    for first in [&AUDIO[..16], b"OggS some spEEch"] {
        let there = Recording { id: whose().recording, ..recording(whose().owner, AUDIO) };
        let mut ports = ports(Some(whose()), Some(Sha256::of(AUDIO)));
        let body = move |_: &BlobRef, _| Ok(Some(blob::once(Bytes::from_static(first))));
        ports.blobs.expect_open().with(eq(there.blob.clone()), eq(ByteRange::whole(16))).returning(body);
        let moved = usize::from(first != AUDIO);
        let (owner, id, from) = (there.owner, there.id.clone(), there.blob.clone());
        ports
            .records
            .expect_move_blob()
            .with(eq(owner), eq(id), eq(from), eq(found()), eq(None))
            .times(moved)
            .returning(|_, _, _, _, _| Ok(true));
        ports.records.expect_insert().returning(move |_, _| Err(InsertError::Taken(Box::new(there.clone()))));

        let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await.expect("the stores answer");

        assert!(matches!(rebuilt, Rebuilt::Duplicate(of) if of == whose()));
    }
}

#[tokio::test]
async fn conflicting_audio_comes_back_under_a_fresh_id_that_it_says_itself() {
    let conflicting = Recording { blob: found(), ..recording(whose().owner, AUDIO) };
    let before = conflicting.id.clone();
    let mut ports = ports(None, None);
    let other = before.clone();
    ports
        .blobs
        .expect_put()
        .withf(move |of, _| of.owner == whose().owner && of.recording != other)
        .return_once(|_, _| Ok(stored_blob("copy", AUDIO)));
    ports.records.expect_insert().times(1).returning(|recording, _| Ok(recording));
    ports.blobs.expect_delete().with(eq(found())).times(1).returning(|_| Ok(()));

    let rebuilt = Rebuild::new(&ports.build()).renumber(conflicting).await.expect("the stores answer");

    let Rebuilt::Restored(renumbered) = rebuilt else { panic!("{rebuilt:?}") };
    assert!(renumbered.id != before && renumbered.blob.as_str() == "copy");
}

#[tokio::test]
async fn rows_that_are_not_lost_or_not_empty_are_left_alone() {
    let (own, other) = (StoreId::generate(written_at()), StoreId::generate(written_at()));
    for (claimed_by, is_empty) in [(Some(own), true), (Some(own), false), (Some(other), false), (None, false)] {
        let mut ports = TestPorts::at(NOW);
        ports.records.expect_id().returning(move || Ok(own));
        ports.records.expect_is_empty().returning(move || Ok(is_empty));
        ports.blobs.expect_claimed_by().returning(move || Ok(claimed_by));

        let begun = Rebuild::new(&ports.build()).begin().await;

        match begun {
            Err(RebuildError::NotLost) => assert_eq!(claimed_by, Some(own)),
            Err(RebuildError::NotEmpty) => assert_ne!(claimed_by, Some(own)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_blob_stops_nothing() {
    let mut ports = TestPorts::at(NOW);
    ports.blobs.expect_describe().returning(|_| Err(BlobError::Damaged("its trailer is wrong".into())));

    let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await;

    assert!(matches!(rebuilt, Ok(Rebuilt::Unreadable(BlobError::Damaged(_)))), "{rebuilt:?}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_stops_everything() {
    let mut ports = TestPorts::at(NOW);
    ports.blobs.expect_describe().returning(|_| Err(BlobError::Unavailable("it does not answer".into())));

    let rebuilt = Rebuild::new(&ports.build()).restore(&found()).await;

    assert!(matches!(rebuilt, Err(RebuildError::Blobs(BlobError::Unavailable(_)))), "{rebuilt:?}");
}

#[tokio::test]
async fn rows_do_not_take_audio_that_others_have_taken_meanwhile() {
    let mut ports = TestPorts::at(NOW);
    ports.records.expect_adopt().returning(|_| Ok(()));
    ports.blobs.expect_claim().returning(|_| Ok(false));

    let finished = Rebuild::new(&ports.build()).finish(StoreId::generate(written_at())).await;

    assert!(matches!(finished, Err(RebuildError::Claimed)), "{finished:?}");
}
