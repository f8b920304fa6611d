use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use futures_util::{TryStreamExt as _, stream};
use mockall::{
    Sequence,
    predicate::{always, eq},
};

use super::*;
use crate::{
    blob::{self, BlobDescription, ByteRange},
    ports::MockClock,
    testing::{LIMITS, TestPorts, body, recording, stored_blob, unread_body, using},
};

const AUDIO: &[u8] = b"OggS some speech";

fn ports() -> TestPorts {
    TestPorts::at("2026-11-23T12:00:00Z")
}

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

fn announcement() -> NewRecording {
    NewRecording::of(NewDetails::of_type(MediaType::octet_stream()))
}

/// A blob store that reads the body as a real one does.
fn keep_blobs(ports: &mut TestPorts) {
    ports.blobs.expect_put().returning(|_, body| {
        let read: Result<Vec<Bytes>, BodyError> =
            futures_util::FutureExt::now_or_never(body.try_collect()).expect("the body is ready");
        Ok(stored_blob("new", &read?.concat()))
    });
}

/// A record store that has this recording.
fn find(ports: &mut TestPorts, existing: &Recording) {
    let existing = existing.clone();
    let written_at = existing.received_at;
    let described = BlobDescription { provenance: None, size: existing.size, sha256: None, written_at };
    ports.blobs.expect_describe().returning(move |_| Ok(Some(described.clone())));
    let (owner, id) = (existing.owner, existing.id.clone());
    ports
        .records
        .expect_look_up()
        .with(eq(owner), eq(id))
        .times(1)
        .returning(move |_, _| Ok(Some(Entry::Recording(Box::new(existing.clone())))));
}

/// What is left of a recording that was deleted.
fn tombstone() -> Deleted {
    let recording = recording(owner(), AUDIO);
    Deleted { id: recording.id, owner: owner(), changed: ChangeNumber(7), deleted_at: recording.received_at }
}

async fn store(ports: TestPorts, new: NewRecording, body: ByteStream<BodyError>) -> Result<Stored, UploadError> {
    let (ports, waiters) = (ports.build(), Waiters::default());
    let damage = Damage::new(&ports, waiters.clone());
    Upload::new(&ports, waiters, damage, LIMITS, TimeDelta::hours(12)).store(owner(), new, body).await
}

#[tokio::test]
async fn the_blob_is_stored_before_the_row() {
    let mut ports = ports();
    let mut order = Sequence::new();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.blobs.expect_put().times(1).in_sequence(&mut order).returning(|_, _| Ok(stored_blob("new", AUDIO)));
    ports.records.expect_insert().times(1).in_sequence(&mut order).returning(|recording, _| Ok(recording));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
    assert_eq!(recording.sha256, Sha256::of(AUDIO));
    assert_eq!(recording.blob.as_str(), "new");
    assert_eq!(recording.media_type.as_str(), "audio/ogg", "sniffed, as nothing was declared");
    assert_eq!(recording.details.media_type, MediaType::octet_stream(), "what was declared is kept");
    assert_eq!(recording.details.name.as_str(), "Recording 2026-11-23 12.00.00.ogg");
}

#[tokio::test]
async fn audio_is_stored_as_that_of_the_recording_it_becomes() {
    for id in [None, Some(RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID"))] {
        let mut ports = ports();
        let said = Arc::new(Mutex::new(None));
        let noted = said.clone();
        ports.records.expect_look_up().returning(|_, _| Ok(None));
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.records.expect_insert().returning(|recording, _| Ok(recording));
        ports.blobs.expect_put().returning(move |of, _| {
            *noted.lock().expect("no panic") = Some(of.clone());
            Ok(stored_blob("new", AUDIO))
        });

        let stored = store(ports, NewRecording { id, ..announcement() }, body(vec![Ok(AUDIO)])).await;

        let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
        assert_eq!(*said.lock().expect("no panic"), Some(Provenance::from(&recording)));
    }
}

#[tokio::test]
async fn the_type_does_not_depend_on_how_the_bytes_arrive() {
    let pieces = b"\0\0\0\x1cftypM4A \0\0\0\0".chunks(1).map(Ok).collect();
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|recording, _| Ok(recording));
    keep_blobs(&mut ports);

    let stored = store(ports, announcement(), body(pieces)).await;

    let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
    assert_eq!((recording.media_type.as_str(), recording.size), ("audio/mp4", 16));
}

#[tokio::test]
async fn no_row_is_written_when_the_blob_store_fails() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.blobs.expect_put().returning(|_, _| Err(BlobError::Unavailable("disk on fire".into())));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Unavailable(_))), "{stored:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_from_a_broken_one() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.blobs.expect_put().returning(|_, _| Err(BlobError::Full("no space left on device".into())));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Full(_))), "{stored:?}");
}

#[tokio::test]
async fn the_blob_stays_when_the_fate_of_the_row_is_unknown() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|_, _| Err(StoreError::Unavailable("timed out".into()).into()));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().never();

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Unavailable(_))), "{stored:?}");
}

#[tokio::test]
async fn the_blob_is_removed_when_the_row_is_known_not_to_be_written() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|_, _| Err(StoreError::NotWritten("locked".into()).into()));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().times(1).returning(|_| Ok(()));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Unavailable(_))), "{stored:?}");
}

#[tokio::test]
async fn the_blob_is_removed_when_there_is_no_room_for_the_row() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|_, _| Err(StoreError::Full("database full".into()).into()));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().times(1).returning(|_| Ok(()));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Full(_))), "{stored:?}");
}

#[tokio::test]
async fn another_digest_than_announced_leaves_nothing() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().withf(|blob| blob.as_str() == "new").times(1).returning(|_| Ok(()));
    let new = NewRecording { sha256: Some(Sha256::of(b"other")), ..announcement() };

    let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::DigestMismatch { received }) if received == Sha256::of(AUDIO)));
}

#[tokio::test]
async fn the_same_again_is_the_same_recording() {
    let existing = recording(owner(), AUDIO);
    let new = NewRecording { id: Some(existing.id.clone()), ..announcement() };
    let mut ports = ports();
    // Before its body and after.
    find(&mut ports, &existing);
    find(&mut ports, &existing);

    let stored = store(ports, new, body(vec![Ok(&AUDIO[..4]), Ok(&AUDIO[4..])])).await;

    assert!(matches!(stored, Ok(Stored::Existing(recording)) if recording == existing));
}

#[tokio::test]
async fn a_recording_deleted_while_it_is_repeated_is_not_called_safe() {
    for again in [false, true] {
        let existing = recording(owner(), AUDIO);
        let new = NewRecording { id: Some(existing.id.clone()), again, ..announcement() };
        let mut ports = ports();
        find(&mut ports, &existing);
        ports.records.expect_look_up().times(1).returning(|_, _| Ok(Some(Entry::Deleted(tombstone()))));

        let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

        // Whoever wants it back has to send it once more: it was compared, and not kept.
        let is_right =
            |error| matches!((again, error), (false, UploadError::Deleted(_)) | (true, UploadError::Unavailable(_)));
        assert!(stored.is_err_and(is_right));
    }
}

#[tokio::test]
async fn other_content_under_the_same_id_conflicts() {
    let other: [&'static [u8]; 3] = [b"OggS some speecH", b"OggS", b"OggS some speech and more"];
    for content in other {
        let existing = recording(owner(), AUDIO);
        let new = NewRecording { id: Some(existing.id.clone()), ..announcement() };
        let mut ports = ports();
        find(&mut ports, &existing);

        let stored = store(ports, new, body(vec![Ok(content)])).await;

        assert!(matches!(stored, Err(UploadError::Conflict(_))), "{stored:?}");
    }
}

#[tokio::test]
async fn another_length_under_the_same_id_conflicts_before_the_body_is_read() {
    let existing = recording(owner(), AUDIO);
    let new = NewRecording { id: Some(existing.id.clone()), size: Some(AUDIO.len() as u64 + 1), ..announcement() };
    let mut ports = ports();
    find(&mut ports, &existing);

    let stored = store(ports, new, unread_body()).await;

    assert!(matches!(stored, Err(UploadError::Conflict(_))), "{stored:?}");
}

#[tokio::test]
async fn another_digest_under_the_same_id_conflicts_before_the_body_is_read() {
    let existing = recording(owner(), AUDIO);
    let new = NewRecording { id: Some(existing.id.clone()), sha256: Some(Sha256::of(b"other")), ..announcement() };
    let mut ports = ports();
    find(&mut ports, &existing);

    let stored = store(ports, new, unread_body()).await;

    assert!(matches!(stored, Err(UploadError::Conflict(_))), "{stored:?}");
}

#[tokio::test]
async fn the_loser_of_a_race_for_an_id_removes_its_blob() {
    for (winner, is_same) in [(AUDIO, true), (b"other".as_slice(), false)] {
        let winner = recording(owner(), winner);
        let new = NewRecording { id: Some(winner.id.clone()), ..announcement() };
        let mut ports = ports();
        ports.records.expect_look_up().returning(|_, _| Ok(None));
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.records.expect_insert().returning(move |_, _| Err(InsertError::Taken(Box::new(winner.clone()))));
        keep_blobs(&mut ports);
        ports.blobs.expect_delete().withf(|blob| blob.as_str() == "new").times(1).returning(|_| Ok(()));

        let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

        match stored {
            Ok(Stored::Existing(_)) => assert!(is_same),
            Err(UploadError::Conflict(_)) => assert!(!is_same),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_that_repeats_the_write_and_finds_its_own_recording_has_made_it() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|recording, _| Err(InsertError::Taken(Box::new(recording))));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().never();

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(&stored, Ok(Stored::Created(recording)) if recording.blob.as_str() == "new"), "{stored:?}");
}

#[tokio::test]
async fn an_upload_that_takes_too_long_is_refused_and_leaves_nothing() {
    for (seconds, is_in_time) in [(12 * 60 * 60, true), (12 * 60 * 60 + 1, false)] {
        let mut ports = ports();
        let (began, elapsed) = (ports.now(), Arc::new(AtomicI64::new(0)));
        let taken = elapsed.clone();
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.blobs.expect_put().returning(move |_, _| {
            taken.store(seconds, Ordering::Relaxed);
            Ok(stored_blob("new", AUDIO))
        });
        ports.records.expect_insert().times(usize::from(is_in_time)).returning(|recording, _| Ok(recording));
        let discarded = ports.blobs.expect_delete().withf(|blob| blob.as_str() == "new");
        discarded.times(usize::from(!is_in_time)).returning(|_| Ok(()));
        let mut clock = MockClock::new();
        clock.expect_now().returning(move || began + TimeDelta::seconds(elapsed.load(Ordering::Relaxed)));
        let ports = Ports { clock: Arc::new(clock), ..ports.build() };

        let damage = Damage::new(&ports, Waiters::default());
        let upload = Upload::new(&ports, Waiters::default(), damage, LIMITS, TimeDelta::hours(12));
        let stored = upload.store(owner(), announcement(), body(vec![Ok(AUDIO)])).await;

        match stored {
            Ok(Stored::Created(_)) => assert!(is_in_time),
            Err(UploadError::Body(BodyError::Stalled)) => assert!(!is_in_time),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_announcement_rules_out_is_refused_before_the_body_is_read() {
    let cases = [
        (101, 0, BodyError::TooLarge { limit: 100 }),
        (60, 9_950, BodyError::OverQuota),
        (60, 6_000, BodyError::OverQuota),
        (0, 20_000, BodyError::OverQuota),
    ];
    for (size, used, expected) in cases {
        let mut ports = ports();
        ports.records.expect_counters().returning(move |_| Ok(using(used)));
        let new = NewRecording { size: Some(size), ..announcement() };

        let stored = store(ports, new, unread_body()).await;

        assert!(matches!(stored, Err(UploadError::Body(error)) if error == expected), "{stored:?}");
    }
}

#[tokio::test]
async fn what_the_announcement_hides_is_refused_while_the_body_is_read() {
    let cases = [(4_500, 0, BodyError::TooLarge { limit: 4_500 }), (5_000, 5_500, BodyError::OverQuota)];
    for (recording_bytes, used, expected) in cases {
        let mut ports = ports();
        ports.records.expect_counters().returning(move |_| Ok(using(used)));
        keep_blobs(&mut ports);

        let limits = Limits { recording_bytes, ..LIMITS };
        let ports = ports.build();
        let damage = Damage::new(&ports, Waiters::default());
        let upload = Upload::new(&ports, Waiters::default(), damage, limits, TimeDelta::hours(12));
        let stored = upload.store(owner(), announcement(), body(vec![Ok(&[0; 3_000]), Ok(&[0; 2_000])])).await;

        assert!(matches!(stored, Err(UploadError::Body(error)) if error == expected), "{stored:?}");
    }
}

#[tokio::test]
async fn a_deleted_id_is_refused_before_the_body_is_read() {
    let deleted = tombstone();
    let new = NewRecording { id: Some(deleted.id.clone()), ..announcement() };
    let mut ports = ports();
    let there = deleted.clone();
    ports
        .records
        .expect_look_up()
        .with(eq(owner()), eq(deleted.id.clone()))
        .returning(move |_, _| Ok(Some(Entry::Deleted(there.clone()))));

    let stored = store(ports, new, unread_body()).await;

    assert!(matches!(&stored, Err(UploadError::Deleted(refused)) if *refused == deleted), "{stored:?}");
}

#[tokio::test]
async fn a_deleted_id_is_taken_again_if_the_client_says_so() {
    let deleted = tombstone();
    let new = NewRecording { id: Some(deleted.id.clone()), again: true, ..announcement() };
    let mut ports = ports();
    let there = deleted.clone();
    ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Deleted(there.clone()))));
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports
        .records
        .expect_insert()
        .with(always(), eq(Terms { quota: LIMITS.quota, again: true }))
        .times(1)
        .returning(|recording, _| Ok(Recording { changed: ChangeNumber(8), ..recording }));
    keep_blobs(&mut ports);

    let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

    let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
    assert_eq!((recording.id, recording.sha256), (deleted.id, Sha256::of(AUDIO)));
    assert_eq!(recording.changed, ChangeNumber(8), "it is answered as it is kept");
}

#[tokio::test]
async fn what_is_deleted_while_it_is_sent_leaves_nothing() {
    let deleted = tombstone();
    let new = NewRecording { id: Some(deleted.id.clone()), ..announcement() };
    let mut ports = ports();
    ports.records.expect_look_up().returning(|_, _| Ok(None));
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    let there = deleted.clone();
    ports
        .records
        .expect_insert()
        .with(always(), eq(Terms { quota: LIMITS.quota, again: false }))
        .returning(move |_, _| Err(InsertError::Deleted(there.clone())));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().withf(|blob| blob.as_str() == "new").times(1).returning(|_| Ok(()));

    let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

    assert!(matches!(&stored, Err(UploadError::Deleted(refused)) if *refused == deleted), "{stored:?}");
}

#[tokio::test]
async fn uploads_at_once_cannot_exceed_the_quota_together() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports
        .records
        .expect_insert()
        .with(always(), eq(Terms { quota: LIMITS.quota, again: false }))
        .returning(|_, _| Err(InsertError::OverQuota(Excess::Bytes)));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().times(1).returning(|_| Ok(()));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::Body(BodyError::OverQuota))), "{stored:?}");
}

#[tokio::test]
async fn whoever_has_as_many_recordings_as_there_may_be_is_refused_before_the_body_is_read() {
    let mut ports = ports();
    let full = Counters { recordings: 93, uploads: 7, ..Counters::default() };
    ports.records.expect_counters().returning(move |_| Ok(full));

    let stored = store(ports, announcement(), unread_body()).await;

    assert!(matches!(stored, Err(UploadError::TooManyRecordings { limit: 100 })), "{stored:?}");
}

#[tokio::test]
async fn uploads_at_once_cannot_be_too_many_together() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|_, _| Err(InsertError::OverQuota(Excess::Recordings)));
    keep_blobs(&mut ports);
    ports.blobs.expect_delete().times(1).returning(|_| Ok(()));

    let stored = store(ports, announcement(), body(vec![Ok(AUDIO)])).await;

    assert!(matches!(stored, Err(UploadError::TooManyRecordings { limit: 100 })), "{stored:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_recording() {
    let broken = vec![Ok(AUDIO), Err(BodyError::Incomplete)];
    let short = vec![Ok(AUDIO)];
    for (pieces, size) in [(broken, None), (short, Some(AUDIO.len() as u64 + 1))] {
        let mut ports = ports();
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        keep_blobs(&mut ports);

        let stored = store(ports, NewRecording { size, ..announcement() }, body(pieces)).await;

        assert!(matches!(stored, Err(UploadError::Body(BodyError::Incomplete))), "{stored:?}");
    }
}

#[tokio::test]
async fn what_is_no_recording_is_refused_before_anything_else() {
    let media_type = MediaType::parse("text/html").expect("a type");

    let details = NewDetails { media_type, ..announcement().details };
    let stored = store(ports(), NewRecording { details, ..announcement() }, unread_body()).await;

    assert!(matches!(stored, Err(UploadError::UnsupportedType(_))), "{stored:?}");
}

#[tokio::test]
async fn what_is_recognised_as_something_else_is_refused_before_it_is_stored() {
    let details = || NewDetails::of_type(MediaType::parse("audio/mp4").expect("a type"));
    let page = || body(vec![Ok(b"<ht"), Ok(b"ml>"), Ok(b" 502 Bad Gateway")]);
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));

    let stored = store(ports, NewRecording { details: details(), ..announcement() }, page()).await;

    assert!(matches!(stored, Err(UploadError::Foreign("an HTML page"))), "{stored:?}");

    let mut ports = self::ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|recording, _| Ok(recording));
    keep_blobs(&mut ports);

    let stored = store(ports, NewRecording { details: details(), anything: true, ..announcement() }, page()).await;

    assert!(matches!(stored, Ok(Stored::Created(_))), "{stored:?}");
}

#[tokio::test]
async fn more_of_the_audio_is_looked_at_if_its_head_does_not_tell() {
    let head = [b"\0\0\0\x10ftyp3gp4\0\0\0\0\0\0\x13\x78mdat".as_slice(), &[0; 4_976]].concat();
    let movie = b"\0\0\0\x54moov\0\0\0\x4Ctrak\0\0\0\x44mdia\0\0\0\x3Chdlr\0\0\0\0\0\0\0\0soun";
    let movie = Bytes::from([movie.as_slice(), &[0; 40]].concat());
    let (start, length) = (head.len() as u64, movie.len() as u64);
    for (answers, expected) in [(true, "audio/3gpp"), (false, "video/3gpp")] {
        let mut ports = ports();
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.records.expect_insert().returning(|recording, _| Ok(recording));
        keep_blobs(&mut ports);
        let shown = movie.clone();
        ports.blobs.expect_open().times(1).returning(move |_, range| {
            assert_eq!(range, ByteRange { start, length });
            if answers { Ok(Some(blob::once(shown.clone()))) } else { Err(BlobError::Unavailable("down".into())) }
        });
        let pieces: Vec<_> = head.chunks(1_000).map(Bytes::copy_from_slice).chain([movie.clone()]).map(Ok).collect();
        let details = NewDetails::of_type(MediaType::parse("video/3gpp").expect("a type"));

        let limits = Limits { recording_bytes: 10_000, quota: Quota { bytes: 16_384, ..LIMITS.quota } };
        let ports = ports.build();
        let damage = Damage::new(&ports, Waiters::default());
        let upload = Upload::new(&ports, Waiters::default(), damage, limits, TimeDelta::hours(12));
        let new = NewRecording { details, ..announcement() };
        let stored = upload.store(owner(), new, Box::pin(stream::iter(pieces))).await;

        let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
        assert_eq!(recording.media_type.as_str(), expected);
    }
}

#[tokio::test]
async fn the_clients_clock_is_never_wrong() {
    let cases = [
        ("1970-01-01T00:00:00+09:00", "1970-01-01T00:00:00+09:00"),
        ("2099-12-31T23:59:59.123456789-03:30", "2099-12-31T23:59:59.123456-03:30"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    ];
    for (recorded_at, kept) in cases {
        let recorded_at = DateTime::parse_from_rfc3339(recorded_at).expect("RFC 3339");
        let mut ports = ports();
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.records.expect_insert().returning(|recording, _| Ok(recording));
        keep_blobs(&mut ports);

        let details = NewDetails { recorded_at: Some(recorded_at), ..announcement().details };
        let new = NewRecording { details, ..announcement() };
        let stored = store(ports, new, body(vec![Ok(AUDIO)])).await;

        let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
        assert_eq!(recording.details.recorded_at.to_rfc3339(), kept);
    }
}
