use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chrono::TimeDelta;
use mockall::predicate::{always, eq};

use super::*;
use crate::{
    blob::{BlobDescription, StoredBlob},
    changes::Waiters,
    damage::Damage,
    details::NewDetails,
    history::DueAudio,
    id::UserId,
    media_type::MediaType,
    quota::Quota,
    testing::{TestPorts, body, recording, stored_blob, timestamp},
    upload::Limits,
};

const SMALL: &[u8] = b"OggS some speech";
/// More than is kept.
const LARGE: &[u8] = &[b'a'; 300_000];

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

fn ports() -> TestPorts {
    TestPorts::at("2026-11-23T12:00:00Z")
}

/// Repeats the upload of a recording.
async fn repeat(ports: TestPorts, existing: &Recording, audio: &'static [u8]) -> Result<Stored, UploadError> {
    let (ports, waiters) = (ports.build(), Waiters::default());
    let damage = Damage::new(&ports, waiters.clone());
    let limits = Limits { recording_bytes: 1_000_000, quota: Quota { bytes: 1, ..Quota::UNLIMITED } };
    let upload = Upload::new(&ports, waiters, damage, limits, TimeDelta::hours(12));
    let details = NewDetails::of_type(MediaType::octet_stream());
    let new = NewRecording { id: Some(existing.id.clone()), ..NewRecording::of(details) };
    upload.store(owner(), new, body(vec![Ok(audio)])).await
}

/// A store that says this of what is there.
fn describe(ports: &mut TestPorts, size: Option<u64>) {
    let written_at = timestamp("2026-11-23T09:00:00Z");
    let described = size.map(|size| BlobDescription { provenance: None, size, sha256: None, written_at });
    ports.blobs.expect_describe().returning(move |_| Ok(described.clone()));
    ports.blobs.expect_ping().returning(|| Ok(()));
}

/// A row store that has a recording, and moves it to new audio.
fn expect_mended(ports: &mut TestPorts, existing: &Recording, audio: &'static [u8]) {
    let is_moved = Arc::new(AtomicBool::new(false));
    let (moved, there) = (is_moved.clone(), existing.clone());
    ports.records.expect_look_up().returning(move |_, _| {
        let blob = if moved.load(Ordering::Relaxed) { BlobRef::new("new".into()) } else { there.blob.clone() };
        Ok(Some(Entry::Recording(Recording { blob, ..there.clone() }.into())))
    });
    ports.blobs.expect_put().times(1).returning(move |_, _| Ok(stored_blob("new", audio)));
    ports
        .records
        .expect_move_blob()
        .withf({
            let existing = existing.clone();
            move |of, id, from, to, due_at| {
                let moved = (*of, id, from, to.as_str()) == (owner(), &existing.id, &existing.blob, "new");
                moved && due_at.is_some()
            }
        })
        .times(1)
        .returning(move |_, _, _, _, _| {
            is_moved.store(true, Ordering::Relaxed);
            Ok(true)
        });
    ports.blobs.expect_delete().with(eq(existing.blob.clone())).times(1).returning(|_| Ok(()));
    let replaced = DueAudio::from(existing);
    ports.deleted.expect_audio_removed().withf(move |audio, _| *audio == replaced).times(1).returning(|_, _| Ok(()));
}

fn expect_noted(ports: &mut TestPorts, existing: &Recording) {
    let (id, blob) = (existing.id.clone(), existing.blob.clone());
    ports
        .records
        .expect_mark_damaged()
        .withf(move |by, of, at, since| (*by, of, at) == (owner(), &id, &blob) && since.is_some())
        .times(1)
        .returning(|_, _, _, _| Ok(true));
}

fn assert_repaired(stored: &Result<Stored, UploadError>) {
    assert!(matches!(stored, Ok(Stored::Repaired(now)) if now.blob.as_str() == "new"), "{stored:?}");
}

#[tokio::test]
async fn audio_that_is_missing_or_short_is_stored_anew() {
    for size in [None, Some(3)] {
        let existing = recording(owner(), LARGE);
        let mut ports = ports();
        describe(&mut ports, size);
        expect_noted(&mut ports, &existing);
        expect_mended(&mut ports, &existing, LARGE);

        assert_repaired(&repeat(ports, &existing, LARGE).await);
    }
}

#[tokio::test]
async fn small_damaged_audio_is_mended_at_once() {
    let existing = recording(owner(), SMALL);
    let mut ports = ports();
    describe(&mut ports, Some(existing.size));
    ports.blobs.expect_is_intact().returning(|_| Ok(false));
    expect_noted(&mut ports, &existing);
    expect_mended(&mut ports, &existing, SMALL);

    assert_repaired(&repeat(ports, &existing, SMALL).await);
}

#[tokio::test]
async fn large_damaged_audio_is_noted_and_asked_for_once_more() {
    let existing = recording(owner(), LARGE);
    let mut ports = ports();
    describe(&mut ports, Some(existing.size));
    ports.blobs.expect_is_intact().returning(|_| Ok(false));
    expect_noted(&mut ports, &existing);
    let there = existing.clone();
    ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Recording(there.clone().into()))));

    let stored = repeat(ports, &existing, LARGE).await;

    assert!(matches!(&stored, Err(UploadError::SendAgain(id)) if *id == existing.id), "{stored:?}");
}

#[tokio::test]
async fn audio_that_is_known_to_be_damaged_is_stored_anew_without_a_look() {
    let since = Some(timestamp("2026-11-23T10:00:00Z"));
    let existing = Recording { damaged_at: since, ..recording(owner(), LARGE) };
    let mut ports = ports();
    ports.records.expect_mark_damaged().with(always(), always(), always(), always()).returning(|_, _, _, _| Ok(false));
    expect_mended(&mut ports, &existing, LARGE);

    assert_repaired(&repeat(ports, &existing, LARGE).await);
}

#[tokio::test]
async fn other_audio_mends_nothing() {
    let existing = recording(owner(), SMALL);
    let mut ports = ports();
    describe(&mut ports, None);
    expect_noted(&mut ports, &existing);
    let there = existing.clone();
    ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Recording(there.clone().into()))));
    ports.blobs.expect_put().returning(|_, _| Ok::<StoredBlob, _>(stored_blob("new", b"OggS other words")));
    ports.blobs.expect_delete().with(eq(BlobRef::new("new".into()))).times(1).returning(|_| Ok(()));

    let stored = repeat(ports, &existing, b"OggS other words").await;

    assert!(matches!(stored, Err(UploadError::Conflict(_))), "{stored:?}");
}

#[tokio::test]
async fn a_store_that_is_away_has_lost_nothing() {
    let existing = recording(owner(), SMALL);
    let mut ports = ports();
    let there = existing.clone();
    ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Recording(there.clone().into()))));
    ports.blobs.expect_describe().returning(|_| Ok(None));
    ports.blobs.expect_ping().returning(|| Err(BlobError::Unavailable("the folder is away".into())));
    ports.records.expect_mark_damaged().never();

    let stored = repeat(ports, &existing, SMALL).await;

    assert!(matches!(stored, Err(UploadError::Unavailable(_))), "{stored:?}");
}
