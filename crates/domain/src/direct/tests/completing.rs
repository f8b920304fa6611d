use std::sync::atomic::{AtomicBool, Ordering};

use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    blob,
    ports::MockClock,
    testing::{recording, stored_blob},
};

async fn complete(ports: TestPorts) -> Result<Stored, DirectError> {
    direct(&ports.build()).complete(owner(), &plan().id).await
}

/// A plan that is there, whose parts make this blob.
fn assemble(ports: &mut TestPorts, plan: &PendingUpload, blob: StoredBlob) {
    find_plan(ports, plan);
    ports
        .staged
        .expect_assemble()
        .with(eq(plan.staged.clone()), eq(plan.parts()), eq(Provenance::from(plan)))
        .times(1)
        .returning(move |_, _, _| Ok(Assembled::Whole(blob.clone())));
}

/// What a client says that tells no type.
fn undeclared() -> Details {
    Details { media_type: MediaType::octet_stream(), ..plan().details }
}

/// A blob store that shows what was put together.
fn show_audio(ports: &mut TestPorts) {
    ports.blobs.expect_open().returning(|_, _| Ok(Some(blob::once(AUDIO.into()))));
}

/// A plan that is there, whose parts make what was announced.
fn assemble_audio(ports: &mut TestPorts) {
    show_audio(ports);
    assemble(ports, &plan(), stored_blob("new", AUDIO));
}

/// A plan that is there, and a clock by which it has expired when its parts are put together.
fn assemble_until_it_expires(ports: &mut TestPorts) -> Arc<dyn Clock> {
    let (now, is_late) = (ports.now(), Arc::new(AtomicBool::new(false)));
    find_plan(ports, &plan());
    show_audio(ports);
    let assembled = is_late.clone();
    ports.staged.expect_assemble().times(1).returning(move |_, _, _| {
        assembled.store(true, Ordering::Relaxed);
        Ok(Assembled::Whole(stored_blob("new", AUDIO)))
    });
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || if is_late.load(Ordering::Relaxed) { plan().expires_at } else { now });
    Arc::new(clock)
}

/// A record store that has, or lacks, the recording the plan becomes.
fn find_recording(ports: &mut TestPorts, found: Option<Recording>) {
    ports.records.expect_find().with(eq(owner()), eq(plan().id)).returning(move |_, _| Ok(found.clone()));
}

/// The recording under the plan's id, in this blob.
fn existing(audio: &[u8], blob: &str) -> Recording {
    Recording { id: plan().id, blob: BlobRef::new(blob.into()), ..recording(owner(), audio) }
}

fn expect_discarded(ports: &mut TestPorts) {
    ports.blobs.expect_delete().withf(|blob| blob.as_str() == "new").times(1).returning(|_| Ok(()));
}

#[tokio::test]
async fn the_recording_is_what_was_planned_and_made_of_what_was_sent() {
    let mut ports = ports();
    let now = ports.now();
    let expected = Recording {
        id: plan().id,
        owner: owner(),
        details: plan().details,
        media_type: plan().details.media_type,
        size: plan().size,
        sha256: plan().sha256,
        digest: DigestOrigin::Computed,
        received_at: now,
        revision: Revision(1),
        changed: ChangeNumber(0),
        verified_at: None,
        damaged_at: None,
        blob: BlobRef::new("new".into()),
    };
    let mut order = Sequence::new();
    assemble_audio(&mut ports);
    let settled = expected.clone();
    ports
        .uploads
        .expect_settle()
        .withf(move |of, recording| (of, recording) == (&plan(), &settled))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, recording| Ok(Recording { changed: ChangeNumber(8), ..recording }));
    ports.staged.expect_clear().with(eq(plan().staged)).times(1).in_sequence(&mut order).returning(|_| Ok(()));

    let stored = complete(ports).await;

    let kept = Recording { changed: ChangeNumber(8), ..expected };
    assert!(matches!(&stored, Ok(Stored::Created(recording)) if *recording == kept), "{stored:?}");
}

#[tokio::test]
async fn a_recording_counts_even_if_its_parts_resist() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, recording| Ok(recording));
    ports.staged.expect_clear().returning(|_| Err(BlobError::Unavailable("it resists".into())));

    let stored = complete(ports).await;

    assert!(matches!(stored, Ok(Stored::Created(_))), "{stored:?}");
}

#[tokio::test]
async fn bytes_of_no_told_type_are_looked_at() {
    for (audio, looked_at, sniffed) in
        [(AUDIO, 16, "audio/ogg"), (b"OggS", 4, "audio/ogg"), (b"speech", 6, "application/octet-stream")]
    {
        let plan =
            PendingUpload { details: undeclared(), size: audio.len() as u64, sha256: Sha256::of(audio), ..plan() };
        let mut ports = ports();
        assemble(&mut ports, &plan, stored_blob("new", audio));
        ports
            .blobs
            .expect_open()
            .withf(move |blob, range| blob.as_str() == "new" && *range == blob::ByteRange::whole(looked_at))
            .returning(move |_, range| {
                let end = usize::try_from(range.length).expect("short");
                Ok(Some(blob::once(audio[..end].into())))
            });
        ports.uploads.expect_settle().returning(|_, recording| Ok(recording));
        ports.staged.expect_clear().returning(|_| Ok(()));

        let stored = complete(ports).await;

        let Ok(Stored::Created(recording)) = stored else { panic!("{stored:?}") };
        assert_eq!(recording.media_type.as_str(), sniffed);
    }
}

#[tokio::test]
async fn what_is_recognised_as_something_else_is_no_recording_and_its_upload_over() {
    const PAGE: &[u8] = b"<!DOCTYPE html>";
    let plan = PendingUpload { size: PAGE.len() as u64, sha256: Sha256::of(PAGE), ..plan() };
    let mut ports = ports();
    assemble(&mut ports, &plan, stored_blob("new", PAGE));
    ports.blobs.expect_open().returning(|_, _| Ok(Some(blob::once(PAGE.into()))));
    expect_given_up(&mut ports, &plan);
    find_recording(&mut ports, None);
    expect_discarded(&mut ports);

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::Upload(UploadError::Foreign("an HTML page")))), "{stored:?}");
}

#[tokio::test]
async fn the_plan_stays_when_its_bytes_cannot_be_looked_at() {
    let mut ports = ports();
    let plan = PendingUpload { details: undeclared(), ..plan() };
    assemble(&mut ports, &plan, stored_blob("new", AUDIO));
    ports.blobs.expect_open().returning(|_, _| Err(BlobError::Unavailable("down".into())));

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::Upload(UploadError::Unavailable(_)))), "{stored:?}");
}

#[tokio::test]
async fn a_missing_part_is_named_and_the_plan_stays() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    ports.staged.expect_assemble().returning(|_, _, _| Ok(Assembled::MissingPart(1)));

    let stored = complete(ports).await;

    let Err(error @ DirectError::MissingPart { number: 1, count: 1 }) = stored else { panic!("{stored:?}") };
    assert_eq!(error.to_string(), "part 1 of 1 is missing");
}

#[tokio::test]
async fn parts_that_somebody_else_cleared_away_meanwhile_are_not_missing() {
    let announced_anew = PendingUpload { staged: StagedRef::new("anew".into()), ..plan() };
    for (there_now, recording) in [
        (None, Some(existing(AUDIO, "there"))),
        (Some(announced_anew.clone()), Some(existing(AUDIO, "there"))),
        (None, None),
        (Some(announced_anew), None),
    ] {
        let mut ports = ports();
        ports.uploads.expect_upload().times(1).returning(|_, _| Ok(Some(plan())));
        ports.staged.expect_assemble().returning(|_, _, _| Ok(Assembled::MissingPart(1)));
        ports.uploads.expect_upload().times(1).returning(move |_, _| Ok(there_now.clone()));
        find_recording(&mut ports, recording.clone());

        let stored = complete(ports).await;

        match stored {
            Ok(Stored::Existing(found)) => assert_eq!(Some(found), recording),
            Err(DirectError::NotFound) => assert_eq!(recording, None),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_plan_stays_when_its_parts_cannot_be_put_together() {
    for is_full in [true, false] {
        let mut ports = ports();
        find_plan(&mut ports, &plan());
        ports.staged.expect_assemble().returning(move |_, _, _| {
            Err(if is_full { BlobError::Full("no space left".into()) } else { BlobError::Unavailable("down".into()) })
        });

        let stored = complete(ports).await;

        match stored {
            Err(DirectError::Upload(UploadError::Full(_))) => assert!(is_full),
            Err(DirectError::Upload(UploadError::Unavailable(_))) => assert!(!is_full),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn other_bytes_than_announced_end_the_plan_and_leave_nothing() {
    for arrived in [b"OggS some speecH".as_slice(), b"OggS", b"OggS some speech and more"] {
        let mut ports = ports();
        assemble(&mut ports, &plan(), stored_blob("new", arrived));
        expect_given_up(&mut ports, &plan());
        find_recording(&mut ports, None);
        expect_discarded(&mut ports);

        let stored = complete(ports).await;

        let Err(DirectError::Upload(UploadError::DigestMismatch { received })) = stored else { panic!("{stored:?}") };
        assert_eq!(received, Sha256::of(arrived));
    }
}

#[tokio::test]
async fn repeating_it_answers_the_same_recording() {
    let mut ports = ports();
    ports.uploads.expect_upload().returning(|_, _| Ok(None));
    find_recording(&mut ports, Some(existing(AUDIO, "there")));

    let stored = complete(ports).await;

    assert!(matches!(&stored, Ok(Stored::Existing(recording)) if *recording == existing(AUDIO, "there")), "{stored:?}");
}

#[tokio::test]
async fn what_was_never_planned_is_not_found() {
    let mut ports = ports();
    ports.uploads.expect_upload().returning(|_, _| Ok(None));
    find_recording(&mut ports, None);

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::NotFound)), "{stored:?}");
}

#[tokio::test]
async fn what_is_aborted_meanwhile_leaves_nothing() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, _| Err(SettleError::Gone));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    find_recording(&mut ports, None);
    expect_discarded(&mut ports);

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::NotFound)), "{stored:?}");
}

#[tokio::test]
async fn what_somebody_else_completes_of_the_same_blob_keeps_it() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, _| Err(SettleError::Gone));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    find_recording(&mut ports, Some(existing(AUDIO, "new")));
    ports.blobs.expect_delete().never();

    let stored = complete(ports).await;

    assert!(matches!(&stored, Ok(Stored::Existing(recording)) if *recording == existing(AUDIO, "new")), "{stored:?}");
}

#[tokio::test]
async fn what_somebody_else_completes_of_another_blob_makes_this_one_superfluous() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, _| Err(SettleError::Gone));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    find_recording(&mut ports, Some(existing(AUDIO, "there")));
    expect_discarded(&mut ports);

    let stored = complete(ports).await;

    assert!(matches!(&stored, Ok(Stored::Existing(recording)) if *recording == existing(AUDIO, "there")), "{stored:?}");
}

#[tokio::test]
async fn an_id_that_is_taken_meanwhile_ends_the_plan() {
    for (audio, is_same) in [(AUDIO, true), (b"other".as_slice(), false)] {
        let mut ports = ports();
        let taken = existing(audio, "there");
        assemble_audio(&mut ports);
        find_recording(&mut ports, Some(taken.clone()));
        let there = taken.clone();
        ports.uploads.expect_settle().returning(move |_, _| Err(SettleError::Taken(Box::new(there.clone()))));
        expect_given_up(&mut ports, &plan());
        expect_discarded(&mut ports);

        let stored = complete(ports).await;

        match stored {
            Ok(Stored::Existing(recording)) => assert!(is_same && recording == taken),
            Err(DirectError::Upload(UploadError::Conflict(id))) => assert!(!is_same && id == taken.id),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_id_that_is_deleted_meanwhile_ends_the_plan_and_leaves_nothing() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, _| Err(SettleError::Deleted(tombstone())));
    expect_given_up(&mut ports, &plan());
    find_recording(&mut ports, None);
    expect_discarded(&mut ports);

    let stored = complete(ports).await;

    let Err(DirectError::Upload(UploadError::Deleted(refused))) = stored else { panic!("{stored:?}") };
    assert_eq!(refused, tombstone());
}

#[tokio::test]
async fn a_store_that_repeats_the_write_and_finds_its_own_recording_keeps_its_blob() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, recording| Err(SettleError::Taken(Box::new(recording))));
    ports.uploads.expect_release().returning(|_, _| Ok(false));
    find_recording(&mut ports, Some(existing(AUDIO, "new")));
    ports.staged.expect_abort().never();
    ports.blobs.expect_delete().never();

    let stored = complete(ports).await;

    assert!(matches!(stored, Ok(Stored::Existing(_))), "{stored:?}");
}

#[tokio::test]
async fn a_blob_is_taken_apart_when_its_recording_is_known_not_to_be_written() {
    for refusal in [|| StoreError::NotWritten("locked".into()), || StoreError::Full("database full".into())] {
        let mut ports = ports();
        assemble_audio(&mut ports);
        ports.uploads.expect_settle().returning(move |_, _| Err(refusal().into()));
        ports.uploads.expect_release().never();
        ports.staged.expect_abort().never();
        ports.staged.expect_take_apart().times(1).returning(|_, _| Ok(()));

        let stored = complete(ports).await;

        assert!(matches!(stored, Err(DirectError::Upload(_))), "{stored:?}");
    }
}

#[tokio::test]
async fn everything_stays_when_the_fate_of_the_recording_is_unknown() {
    let mut ports = ports();
    assemble_audio(&mut ports);
    ports.uploads.expect_settle().returning(|_, _| Err(StoreError::Unavailable("timed out".into()).into()));
    ports.uploads.expect_release().never();
    ports.staged.expect_clear().never();
    ports.staged.expect_abort().never();
    ports.blobs.expect_delete().never();

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::Upload(UploadError::Unavailable(_)))), "{stored:?}");
}

#[tokio::test]
async fn a_plan_that_has_expired_is_not_found_and_cleared_away() {
    let expired = PendingUpload { expires_at: ports().now(), ..plan() };
    let mut ports = ports();
    find_plan(&mut ports, &expired);
    expect_expired(&mut ports, &expired);
    find_recording(&mut ports, None);
    ports.staged.expect_assemble().never();

    let stored = complete(ports).await;

    assert!(matches!(stored, Err(DirectError::NotFound)), "{stored:?}");
}

#[tokio::test]
async fn a_plan_that_has_expired_is_what_came_under_its_id_by_other_means() {
    for (audio, is_same) in [(AUDIO, true), (b"other".as_slice(), false)] {
        let expired = PendingUpload { expires_at: ports().now(), ..plan() };
        let mut ports = ports();
        find_plan(&mut ports, &expired);
        expect_expired(&mut ports, &expired);
        find_recording(&mut ports, Some(existing(audio, "new")));

        match complete(ports).await {
            Ok(Stored::Existing(recording)) => assert!(is_same && recording == existing(audio, "new")),
            Err(DirectError::Upload(UploadError::Conflict(id))) => assert!(!is_same && id == plan().id),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_plan_that_expires_while_its_parts_are_put_together_leaves_nothing() {
    let mut ports = ports();
    let clock = assemble_until_it_expires(&mut ports);
    expect_expired(&mut ports, &plan());
    find_recording(&mut ports, None);
    expect_discarded(&mut ports);

    let stored = direct(&Ports { clock, ..ports.build() }).complete(owner(), &plan().id).await;

    assert!(matches!(stored, Err(DirectError::NotFound)), "{stored:?}");
}

#[tokio::test]
async fn a_plan_that_somebody_else_completed_before_it_expired_is_their_recording() {
    let mut ports = ports();
    let clock = assemble_until_it_expires(&mut ports);
    ports.uploads.expect_release().times(1).returning(|_, _| Ok(false));
    find_recording(&mut ports, Some(existing(AUDIO, "new")));
    ports.staged.expect_abort().never();
    ports.blobs.expect_delete().never();

    let stored = direct(&Ports { clock, ..ports.build() }).complete(owner(), &plan().id).await;

    assert!(matches!(&stored, Ok(Stored::Existing(recording)) if *recording == existing(AUDIO, "new")), "{stored:?}");
}

#[tokio::test]
async fn aborting_ends_the_plan_and_removes_what_was_sent() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    expect_given_up(&mut ports, &plan());

    let aborted = direct(&ports.build()).abort(owner(), &plan().id).await;

    assert!(aborted.is_ok(), "{aborted:?}");
}

#[tokio::test]
async fn what_is_not_under_way_cannot_be_aborted() {
    let mut ports = ports();
    ports.uploads.expect_upload().with(eq(owner()), eq(plan().id)).returning(|_, _| Ok(None));

    let aborted = direct(&ports.build()).abort(owner(), &plan().id).await;

    assert!(matches!(aborted, Err(DirectError::NotFound)), "{aborted:?}");
}

#[tokio::test]
async fn what_somebody_else_completed_or_aborted_first_is_left_alone() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    ports.uploads.expect_release().times(1).returning(|_, _| Ok(false));
    ports.staged.expect_abort().never();

    let aborted = direct(&ports.build()).abort(owner(), &plan().id).await;

    assert!(matches!(aborted, Err(DirectError::NotFound)), "{aborted:?}");
}

#[tokio::test]
async fn what_was_sent_stays_when_the_fate_of_the_plan_is_unknown() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    ports.uploads.expect_release().returning(|_, _| Err(StoreError::Unavailable("timed out".into())));
    ports.staged.expect_abort().never();

    let aborted = direct(&ports.build()).abort(owner(), &plan().id).await;

    assert!(matches!(aborted, Err(DirectError::Upload(UploadError::Unavailable(_)))), "{aborted:?}");
}
