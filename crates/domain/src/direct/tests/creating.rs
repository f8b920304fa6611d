use chrono::DateTime;
use mockall::predicate::{always, eq};

use super::*;
use crate::{
    history::Counters,
    quota::{BLOCK_BYTES, Excess},
    testing::recording,
};

/// Says all that must be said, of `AUDIO`.
fn announcement() -> NewUpload {
    NewUpload {
        id: None,
        details: NewDetails::of_type(MediaType::parse("audio/ogg").expect("a type")),
        again: false,
        size: AUDIO.len() as u64,
        sha256: Sha256::of(AUDIO),
    }
}

/// Says it under the id of `plan()`.
fn announcement_again() -> NewUpload {
    NewUpload { id: Some(plan().id), ..announcement() }
}

/// Announcements of other content: of another size, and of another digest.
fn other_content(id: &RecordingId) -> [NewUpload; 2] {
    let same = NewUpload { id: Some(id.clone()), ..announcement() };
    [NewUpload { size: same.size + 1, ..same.clone() }, NewUpload { sha256: Sha256::of(b"other"), ..same }]
}

async fn announce(ports: TestPorts, new: NewUpload) -> Result<Begun, DirectError> {
    direct(&ports.build()).create(owner(), new).await
}

/// A blob store with a place for the parts, and nothing known of the id.
fn begin(ports: &mut TestPorts) {
    ports.records.expect_look_up().returning(|_, _| Ok(None));
    ports.uploads.expect_upload().returning(|_, _| Ok(None));
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    let begins = |parts: &Parts, of: &Provenance, sha256: &Sha256| {
        *parts == plan().parts() && of.owner == plan().owner && *sha256 == plan().sha256
    };
    ports.staged.expect_begin().withf(begins).times(1).returning(|_, _, _| Ok(begun()));
}

fn begun() -> StagedRef {
    StagedRef::new("begun".into())
}

#[tokio::test]
async fn what_is_no_recording_is_refused_before_anything_else() {
    let media_type = MediaType::parse("text/html").expect("a type");

    let details = NewDetails { media_type, ..announcement().details };
    let planned = announce(ports(), NewUpload { details, ..announcement_again() }).await;

    assert!(matches!(planned, Err(DirectError::Upload(UploadError::UnsupportedType(_)))), "{planned:?}");
}

#[tokio::test]
async fn what_the_announcement_rules_out_is_refused_before_anything_is_begun() {
    let cases = [
        (101, 0, BodyError::TooLarge { limit: 100 }),
        (60, 9_950, BodyError::OverQuota),
        (60, 6_000, BodyError::OverQuota),
        (0, 20_000, BodyError::OverQuota),
    ];
    for (size, used, expected) in cases {
        let mut ports = ports();
        ports.records.expect_counters().with(eq(owner())).returning(move |_| Ok(using(used)));

        let planned = announce(ports, NewUpload { size, ..announcement() }).await;

        let Err(DirectError::Upload(UploadError::Body(refused))) = planned else { panic!("{planned:?}") };
        assert_eq!(refused, expected);
    }
}

#[tokio::test]
async fn what_fills_the_limit_and_the_quota_is_planned() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(10_000 - BLOCK_BYTES)));
    ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
    ports.uploads.expect_reserve().returning(|_, _| Ok(()));

    let planned = announce(ports, NewUpload { size: 100, ..announcement() }).await;

    assert!(matches!(planned, Ok(Begun::Created(_))), "{planned:?}");
}

#[tokio::test]
async fn a_plan_has_an_id_a_name_and_an_end_even_if_nobody_said_so() {
    let mut ports = ports();
    let now = ports.now();
    begin(&mut ports);
    ports.uploads.expect_reserve().with(always(), eq(LIMITS.quota)).times(1).returning(|_, _| Ok(()));

    let planned = announce(ports, announcement()).await;

    let Ok(Begun::Created(plan)) = planned else { panic!("{planned:?}") };
    assert_eq!(plan.id.as_str().len(), 26, "a ULID");
    assert_eq!(plan.details.name.as_str(), "Recording 2026-11-23 12.00.00.ogg");
    assert_eq!((plan.details.recorded_at.to_utc(), plan.expires_at), (now, now + TimeDelta::hours(12)));
    assert_eq!((plan.owner, plan.details.media_type.as_str(), plan.staged), (owner(), "audio/ogg", begun()));
    assert_eq!((plan.size, plan.sha256), (AUDIO.len() as u64, Sha256::of(AUDIO)));
}

#[tokio::test]
async fn a_plan_is_of_what_the_client_says() {
    let recorded_at = DateTime::parse_from_rfc3339("2026-11-23T20:59:30.1234567+09:00").expect("RFC 3339");
    let name = RecordingName::parse("회의.ogg".into()).expect("a name");
    let mut ports = ports();
    begin(&mut ports);
    let (reserved, kept) = std::sync::mpsc::channel();
    ports.uploads.expect_reserve().returning(move |plan, _| {
        reserved.send(plan).expect("the test listens");
        Ok(())
    });

    let details = NewDetails { name: Some(name.clone()), recorded_at: Some(recorded_at), ..announcement().details };
    let new = NewUpload { details, ..announcement_again() };
    let planned = announce(ports, new).await;

    let Ok(Begun::Created(plan)) = planned else { panic!("{planned:?}") };
    assert_eq!((&plan.id, &plan.details.name), (&super::plan().id, &name));
    assert_eq!(plan.details.recorded_at.to_rfc3339(), "2026-11-23T20:59:30.123456+09:00");
    assert_eq!(kept.recv(), Ok(plan), "what is answered is what was reserved");
}

#[tokio::test]
async fn every_plan_has_a_key_of_its_own() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
    ports.uploads.expect_reserve().returning(|_, _| Ok(()));
    let direct = direct(&ports.build());

    let mut keys = Vec::new();
    for _ in 0..2 {
        let planned = direct.create(owner(), announcement()).await;
        let Ok(Begun::Created(plan)) = planned else { panic!("{planned:?}") };
        keys.push(plan.key);
    }

    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn nothing_is_reserved_when_there_is_no_place_for_the_parts() {
    let mut ports = ports();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.staged.expect_begin().returning(|_, _, _| Err(BlobError::Full("no space left on device".into())));

    let planned = announce(ports, announcement()).await;

    assert!(matches!(planned, Err(DirectError::Upload(UploadError::Full(_)))), "{planned:?}");
}

#[tokio::test]
async fn plans_at_once_cannot_exceed_the_quota_together() {
    let mut ports = ports();
    begin(&mut ports);
    ports
        .uploads
        .expect_reserve()
        .with(always(), eq(LIMITS.quota))
        .returning(|_, _| Err(ReserveError::OverQuota(Excess::Bytes)));
    expect_abandoned(&mut ports, begun());

    let planned = announce(ports, announcement()).await;

    assert!(matches!(planned, Err(DirectError::Upload(UploadError::Body(BodyError::OverQuota)))), "{planned:?}");
}

#[tokio::test]
async fn whoever_has_as_many_as_there_may_be_is_refused_before_anything_is_begun() {
    let has = |recordings, uploads| Counters { recordings, uploads, ..Counters::default() };
    for (full, is_of_uploads) in [(has(0, 10), true), (has(95, 5), false)] {
        let mut ports = ports();
        ports.records.expect_counters().returning(move |_| Ok(full));

        let planned = announce(ports, announcement()).await;

        let Err(DirectError::Upload(refused)) = planned else { panic!("{planned:?}") };
        match refused {
            UploadError::TooManyUploads { limit: 10 } => assert!(is_of_uploads),
            UploadError::TooManyRecordings { limit: 100 } => assert!(!is_of_uploads),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn plans_at_once_cannot_be_too_many_together() {
    let mut ports = ports();
    begin(&mut ports);
    ports.uploads.expect_reserve().returning(|_, _| Err(ReserveError::OverQuota(Excess::Uploads)));
    expect_abandoned(&mut ports, begun());

    let planned = announce(ports, announcement()).await;

    let Err(DirectError::Upload(refused)) = planned else { panic!("{planned:?}") };
    assert!(matches!(refused, UploadError::TooManyUploads { limit: 10 }), "{refused:?}");
}

#[tokio::test]
async fn what_was_begun_is_removed_when_there_is_no_room_for_the_plan() {
    let mut ports = ports();
    begin(&mut ports);
    ports.uploads.expect_reserve().returning(|_, _| Err(StoreError::Full("database full".into()).into()));
    expect_abandoned(&mut ports, begun());

    let planned = announce(ports, announcement()).await;

    assert!(matches!(planned, Err(DirectError::Upload(UploadError::Full(_)))), "{planned:?}");
}

#[tokio::test]
async fn what_was_begun_stays_when_the_fate_of_the_plan_is_unknown() {
    let mut ports = ports();
    begin(&mut ports);
    ports.uploads.expect_reserve().returning(|_, _| Err(StoreError::Unavailable("timed out".into()).into()));
    ports.staged.expect_abort().never();

    let planned = announce(ports, announcement()).await;

    assert!(matches!(planned, Err(DirectError::Upload(UploadError::Unavailable(_)))), "{planned:?}");
}

#[tokio::test]
async fn a_store_that_repeats_the_write_and_finds_its_own_plan_has_made_it() {
    let mut ports = ports();
    begin(&mut ports);
    ports.uploads.expect_reserve().returning(|plan, _| Err(ReserveError::Taken(Box::new(plan))));
    ports.staged.expect_abort().never();

    let planned = announce(ports, announcement_again()).await;

    assert!(matches!(planned, Ok(Begun::Created(plan)) if plan.staged == begun()));
}

#[tokio::test]
async fn the_loser_of_a_race_for_an_id_removes_what_it_began() {
    let other = PendingUpload { sha256: Sha256::of(b"other"), ..plan() };
    for (winner, is_same) in [(plan(), true), (other, false)] {
        let mut ports = ports();
        begin(&mut ports);
        let there = winner.clone();
        ports.uploads.expect_reserve().returning(move |_, _| Err(ReserveError::Taken(Box::new(there.clone()))));
        expect_abandoned(&mut ports, begun());

        let planned = announce(ports, announcement_again()).await;

        match planned {
            Ok(Begun::Resumed(plan)) => assert!(is_same && plan == winner),
            Err(DirectError::Upload(UploadError::Conflict(id))) => assert!(!is_same && id == winner.id),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn announcing_the_same_again_answers_the_same_plan() {
    let mut ports = ports();
    ports.records.expect_look_up().returning(|_, _| Ok(None));
    find_plan(&mut ports, &plan());

    let planned = announce(ports, announcement_again()).await;

    assert!(matches!(planned, Ok(Begun::Resumed(again)) if again == plan()));
}

#[tokio::test]
async fn other_content_under_a_planned_id_conflicts_and_the_plan_stays() {
    for new in other_content(&plan().id) {
        let mut ports = ports();
        ports.records.expect_look_up().returning(|_, _| Ok(None));
        find_plan(&mut ports, &plan());

        let planned = announce(ports, new).await;

        assert!(matches!(planned, Err(DirectError::Upload(UploadError::Conflict(id))) if id == plan().id));
    }
}

#[tokio::test]
async fn what_is_stored_already_is_not_planned_again() {
    let existing = recording(owner(), AUDIO);
    let new = NewUpload { id: Some(existing.id.clone()), ..announcement() };
    let mut ports = ports();
    let found = existing.clone();
    ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Recording(Box::new(found.clone())))));

    let planned = announce(ports, new).await;

    assert!(matches!(planned, Ok(Begun::Stored(recording)) if recording == existing));
}

#[tokio::test]
async fn other_content_under_the_id_of_a_recording_conflicts() {
    let existing = recording(owner(), AUDIO);
    for new in other_content(&existing.id) {
        let mut ports = ports();
        let found = existing.clone();
        ports.records.expect_look_up().returning(move |_, _| Ok(Some(Entry::Recording(Box::new(found.clone())))));

        let planned = announce(ports, new).await;

        assert!(matches!(planned, Err(DirectError::Upload(UploadError::Conflict(id))) if id == existing.id));
    }
}

#[tokio::test]
async fn a_plan_that_has_expired_makes_way_for_another() {
    let expired = PendingUpload { expires_at: ports().now(), ..plan() };
    for new in other_content(&expired.id).into_iter().chain([announcement_again()]) {
        let mut ports = ports();
        ports.records.expect_look_up().returning(|_, _| Ok(None));
        find_plan(&mut ports, &expired);
        expect_expired(&mut ports, &expired);
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
        ports.uploads.expect_reserve().times(1).returning(|_, _| Ok(()));

        let planned = announce(ports, new).await;

        assert!(matches!(planned, Ok(Begun::Created(plan)) if plan.staged == begun() && plan.key != expired.key));
    }
}

#[tokio::test]
async fn an_expired_plan_somebody_else_took_out_is_theirs_to_clear_away() {
    let expired = PendingUpload { expires_at: ports().now(), ..plan() };
    let mut ports = ports();
    ports.records.expect_look_up().returning(|_, _| Ok(None));
    find_plan(&mut ports, &expired);
    ports.uploads.expect_release().times(1).returning(|_, _| Ok(false));
    ports.staged.expect_abort().never();
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
    ports.uploads.expect_reserve().returning(|_, _| Ok(()));

    let planned = announce(ports, announcement_again()).await;

    assert!(matches!(planned, Ok(Begun::Created(_))), "{planned:?}");
}

#[tokio::test]
async fn a_deleted_id_is_refused_before_anything_is_begun() {
    let mut ports = ports();
    ports
        .records
        .expect_look_up()
        .with(eq(owner()), eq(plan().id))
        .returning(|_, _| Ok(Some(Entry::Deleted(tombstone()))));

    let planned = announce(ports, announcement_again()).await;

    let Err(DirectError::Upload(UploadError::Deleted(refused))) = planned else { panic!("{planned:?}") };
    assert_eq!(refused, tombstone());
}

#[tokio::test]
async fn a_deleted_id_is_taken_again_if_the_client_says_so() {
    let mut ports = ports();
    ports.records.expect_look_up().returning(|_, _| Ok(Some(Entry::Deleted(tombstone()))));
    ports.uploads.expect_upload().returning(|_, _| Ok(None));
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
    ports.uploads.expect_reserve().withf(|plan, _| plan.again).times(1).returning(|_, _| Ok(()));

    let planned = announce(ports, NewUpload { again: true, ..announcement_again() }).await;

    assert!(matches!(&planned, Ok(Begun::Created(made)) if made.id == plan().id && made.again), "{planned:?}");
}

#[tokio::test]
async fn a_plan_that_may_take_a_deleted_id_is_resumed() {
    let there = PendingUpload { again: true, ..plan() };
    let mut ports = ports();
    ports.records.expect_look_up().returning(|_, _| Ok(Some(Entry::Deleted(tombstone()))));
    find_plan(&mut ports, &there);

    let planned = announce(ports, NewUpload { again: true, ..announcement_again() }).await;

    assert!(matches!(&planned, Ok(Begun::Resumed(resumed)) if *resumed == there), "{planned:?}");
}

#[tokio::test]
async fn a_plan_that_may_not_take_the_id_deleted_meanwhile_makes_way_for_one_that_may() {
    let other = PendingUpload { sha256: Sha256::of(b"other"), ..plan() };
    for doomed in [plan(), other] {
        let mut ports = ports();
        ports.records.expect_look_up().returning(|_, _| Ok(Some(Entry::Deleted(tombstone()))));
        find_plan(&mut ports, &doomed);
        expect_given_up(&mut ports, &doomed);
        ports.records.expect_counters().returning(|_| Ok(using(0)));
        ports.staged.expect_begin().returning(|_, _, _| Ok(begun()));
        ports.uploads.expect_reserve().withf(|plan, _| plan.again).times(1).returning(|_, _| Ok(()));

        let planned = announce(ports, NewUpload { again: true, ..announcement_again() }).await;

        assert!(matches!(&planned, Ok(Begun::Created(made)) if made.staged == begun()), "{planned:?}");
    }
}
