use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    blob::{BlobDescription, BlobRef, Provenance},
    id::{RecordingId, UserId},
    lineage::{Generation, LastStep, Step},
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{BatchRef, BlobEntry},
    recording::Recording,
    testing::{TestPorts, recording, timestamp},
};

const NOW: &str = "2026-11-23T12:00:00Z";

#[tokio::test]
async fn only_old_blobs_of_open_batches_that_have_no_recording_are_removed() {
    let mut ports = nothing_due();
    let now = ports.now();
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let of = Provenance::from(&memo);
    open(&mut ports, &[("one", 30, &["kept", "stuck", "orphan"]), ("two", 1, &["young"])]);
    ports.staged.expect_abort_begun_before().with(eq(now - TimeDelta::hours(24))).returning(|_| Ok(2));
    ports.users.expect_remove_expired_sessions().with(eq(now)).returning(|_| Ok(3));
    ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
    ports.records.expect_find().returning(|_, _| Ok(None));
    ports.records.expect_orphans().returning(move |blobs| {
        assert!(!blobs.contains(&blob("young")), "it may still be uploading");
        Ok(blobs.into_iter().filter(|found| *found != blob("kept")).collect())
    });
    ports.blobs.expect_delete().times(2).returning(move |found| {
        if *found == blob("stuck") { Err(BlobError::Unavailable("it resists".into())) } else { Ok(()) }
    });
    // Both are looked at again.
    ports.batches.expect_close_batch().never();

    let swept = sweep(ports).run().await;

    assert_eq!(
        swept.expect("stores answer"),
        Swept { blobs: 1, failed: 1, staged: 2, sessions: 3, ..Swept::default() }
    );
}

#[tokio::test]
async fn a_batch_that_fails_keeps_no_other_from_being_closed() {
    let mut ports = nothing_else_but_batches();
    ports
        .batches
        .expect_blobs_in()
        .withf(|batch, _| batch.as_str() == "bad")
        .returning(|_, _| Err(BlobError::Unavailable("it cannot be read".into())));
    open(&mut ports, &[("bad", 30, &[]), ("good", 30, &["kept"])]);
    ports.records.expect_orphans().returning(|_| Ok(Vec::new()));
    ports.batches.expect_close_batch().withf(|batch| batch.as_str() == "good").times(1).returning(|_| Ok(()));

    let swept = sweep(ports).run().await;

    assert!(matches!(swept, Err(SweepError::Blobs(_))), "{swept:?}");
}

#[tokio::test]
async fn an_expired_plan_goes_before_its_parts_and_nothing_else_with_it() {
    let mut ports = nothing_else_to_sweep();
    let mut order = Sequence::new();
    expect_expired(&mut ports, &mut order, vec![plan("first"), plan("stuck")]);
    for (name, cleared) in [("first", Ok(())), ("stuck", Err(BlobError::Unavailable("it resists".into())))] {
        ports
            .uploads
            .expect_release()
            .with(eq(plan(name)), eq(None))
            .times(1)
            .in_sequence(&mut order)
            .returning(|_, _| Ok(true));
        let staged = plan(name).staged;
        ports.staged.expect_clear().with(eq(staged)).times(1).in_sequence(&mut order).return_once(|_| cleared);
    }
    // As many as suit the store, until there are none.
    expect_expired(&mut ports, &mut order, vec![plan("last")]);
    ports
        .uploads
        .expect_release()
        .with(eq(plan("last")), eq(None))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Ok(true));
    ports.staged.expect_clear().times(1).in_sequence(&mut order).returning(|_| Ok(()));
    expect_expired(&mut ports, &mut order, Vec::new());

    let swept = sweep(ports).run().await;

    assert_eq!(swept.expect("stores answer"), Swept { uploads: 3, ..Swept::default() });
}

#[tokio::test]
async fn a_plan_that_is_completed_meanwhile_keeps_its_blob() {
    let mut ports = nothing_else_to_sweep();
    let mut order = Sequence::new();
    expect_expired(&mut ports, &mut order, vec![plan("completed")]);
    ports.uploads.expect_release().times(1).returning(|_, _| Ok(false));
    ports.staged.expect_clear().never();

    let swept = sweep(ports).run().await;

    assert_eq!(swept.expect("stores answer"), Swept::default());
}

#[tokio::test]
async fn what_was_sent_stays_when_the_fate_of_its_plan_is_unknown() {
    let mut ports = nothing_else_to_sweep();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(vec![plan("expired")]));
    ports.uploads.expect_release().returning(|_, _| Err(StoreError::Unavailable("timed out".into())));
    ports.staged.expect_clear().never();

    let swept = sweep(ports).run().await;

    assert!(matches!(swept, Err(SweepError::Rows(_))), "{swept:?}");
}

/// What a plan leaves behind, or is sent yet, is noted with its release.
#[tokio::test]
async fn what_an_expired_plan_may_leave_behind_is_noted() {
    let mut ports = nothing_else_to_sweep();
    let mut order = Sequence::new();
    expect_expired(&mut ports, &mut order, vec![plan("expired")]);
    let PendingUpload { owner, id, .. } = plan("expired");
    let left = (DueAudio { owner, id, blob: blob("the object") }, ports.now() + TimeDelta::hours(1));
    ports.staged.expect_destination().with(eq(plan("expired").staged)).returning(|_| Some(blob("the object")));
    ports.uploads.expect_release().with(eq(plan("expired")), eq(Some(left))).times(1).returning(|_, _| Ok(true));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    expect_expired(&mut ports, &mut order, Vec::new());

    let swept = sweep(ports).run().await;

    assert_eq!(swept.expect("stores answer"), Swept { uploads: 1, ..Swept::default() });
}

#[tokio::test]
async fn audio_that_is_due_is_removed_and_noted_and_what_resists_is_put_off() {
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
    let mut order = Sequence::new();
    let audio = |name: &str| {
        let Recording { owner, id, .. } = recording(UserId::generate(timestamp(NOW)), b"speech");
        DueAudio { owner, id, blob: blob(name) }
    };
    let (first, anonymous, referred_to) = (audio("first"), audio("anonymous"), audio("referred to"));
    let (stuck, another_says, silent) = (audio("stuck"), audio("it says it is another's"), audio("it cannot be read"));
    let provenance = |audio: &DueAudio| Provenance { owner: audio.owner, recording: audio.id.clone() };
    for (due, of) in [
        (&first, Ok(Some(provenance(&first)))),
        (&stuck, Ok(Some(provenance(&stuck)))),
        (&anonymous, Ok(None)),
        (&another_says, Ok(Some(provenance(&first)))),
        (&silent, Err(BlobError::Unavailable("it cannot be read".into()))),
    ] {
        ports.blobs.expect_provenance().with(eq(due.blob.clone())).return_once(|_| of);
    }
    for due in [&first, &stuck, &anonymous] {
        ports.records.expect_find().with(eq(due.owner), eq(due.id.clone())).returning(|_, _| Ok(None));
    }
    let listed: Vec<_> = [&first, &stuck, &referred_to, &another_says, &silent, &anonymous].map(Clone::clone).into();
    let then = now - TimeDelta::minutes(5);
    ports.deleted.expect_audio_to_remove().with(eq(then)).times(1).in_sequence(&mut order).return_once(|_| Ok(listed));
    ports
        .deleted
        .expect_audio_to_remove()
        .with(eq(then))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(Vec::new()));
    let is_referred = referred_to.blob.clone();
    ports
        .records
        .expect_orphans()
        .returning(move |blobs| Ok(blobs.into_iter().filter(|found| *found != is_referred).collect()));
    for due in [&first, &anonymous] {
        ports.blobs.expect_delete().with(eq(due.blob.clone())).times(1).returning(|_| Ok(()));
    }
    let resists = |_: &BlobRef| Err(BlobError::Unavailable("it resists".into()));
    ports.blobs.expect_delete().with(eq(stuck.blob.clone())).times(1).returning(resists);
    for due in [&first, &anonymous, &referred_to] {
        let removed = ports.deleted.expect_audio_removed().with(eq(due.clone()), eq(now + TimeDelta::days(180)));
        removed.times(1).returning(|_, _| Ok(()));
    }
    for due in [&stuck, &another_says, &silent] {
        let put_off = ports.deleted.expect_put_off_audio().with(eq(due.clone()), eq(now + TimeDelta::hours(1)));
        put_off.times(1).returning(|_, _| Ok(()));
    }
    ports.deleted.expect_forget_deleted().times(1).returning(|_| Ok(7));
    ports.deleted.expect_forget_deleted().times(1).returning(|_| Ok(0));

    let swept = sweep(ports).run().await;

    let expected = Swept { deleted: 2, failed: 1, doubtful: 2, tombstones: 7, ..Swept::default() };
    assert_eq!(swept.expect("stores answer"), expected);
}

/// Audio that is due may have a recording by then that is missing it.
#[tokio::test]
async fn audio_that_is_due_stays_while_its_recording_may_be_missing_it() {
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let moved = Recording { blob: blob("elsewhere"), ..memo.clone() };
    for (row, is_there) in [(memo.clone(), true), (moved.clone(), false), (moved, true)] {
        let mut ports = TestPorts::at(NOW);
        let due = DueAudio { owner: memo.owner, id: memo.id.clone(), blob: memo.blob.clone() };
        ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
        ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
        ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
        ports.deleted.expect_forget_deleted().returning(|_| Ok(0));
        ports.deleted.expect_audio_to_remove().times(1).return_once(|_| Ok(vec![due]));
        ports.deleted.expect_audio_to_remove().returning(|_| Ok(Vec::new()));
        let (of, is_referred, size) = (Provenance::from(&memo), row.blob == memo.blob, memo.size);
        ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
        ports.records.expect_orphans().returning(Ok);
        ports.records.expect_find().return_once(|_, _| Ok(Some(row)));
        let whole = BlobDescription { provenance: None, size, sha256: None, written_at: timestamp(NOW) };
        ports.blobs.expect_describe().returning(move |_| Ok(is_there.then(|| whole.clone())));
        let goes = is_there && !is_referred;
        ports.blobs.expect_delete().times(usize::from(goes)).returning(|_| Ok(()));
        ports.deleted.expect_audio_removed().times(usize::from(is_there)).returning(|_, _| Ok(()));
        ports.deleted.expect_put_off_audio().times(usize::from(!is_there)).returning(|_, _| Ok(()));

        let swept = sweep(ports).run().await.expect("stores answer");

        let expected = Swept { deleted: goes.into(), doubtful: (!is_there).into(), ..Swept::default() };
        assert_eq!(swept, expected);
    }
}

/// What becomes of a blob that an index says nobody refers to, and that says it is of `memo`; its row is then `row`, and
/// the audio that this refers to `other`.
async fn sweep_suspect(
    memo: &Recording,
    row: Result<Option<Recording>, StoreError>,
    other: Result<Option<BlobDescription>, BlobError>,
) -> Swept {
    let mut ports = nothing_else_but_batches();
    open(&mut ports, &[("one", 30, &[memo.blob.as_str()])]);
    ports.records.expect_orphans().returning(Ok);
    // It may be needed, and nobody looks into the batch again.
    let (noted, week) = (memo.blob.clone(), ports.now() + TimeDelta::days(7));
    ports
        .deleted
        .expect_note_audio()
        .withf(move |audio, due_at| audio.blob == noted && *due_at == week)
        .times(usize::from(matches!(&row, Ok(Some(row)) if row.blob != memo.blob) && is_missing(&other, memo)))
        .returning(|_, _| Ok(()));
    let is_known = matches!(&row, Ok(row) if row.as_ref().is_none_or(|row| row.blob == memo.blob) || other.is_ok());
    ports.batches.expect_close_batch().times(usize::from(is_known)).returning(|_| Ok(()));
    let of = Provenance::from(memo);
    ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
    ports.records.expect_find().with(eq(memo.owner), eq(memo.id.clone())).return_once(|_, _| row);
    ports.blobs.expect_describe().return_once(|_| other);
    ports.blobs.expect_delete().returning(|_| Ok(()));

    sweep(ports).run().await.expect("the stores answer")
}

#[tokio::test]
async fn audio_goes_only_once_its_recording_was_asked_for_and_cannot_be_missing_it() {
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let moved = Recording { blob: BlobRef::new("elsewhere".into()), ..memo.clone() };
    let whole = BlobDescription { provenance: None, size: memo.size, sha256: None, written_at: timestamp(NOW) };
    let short = BlobDescription { size: 1, ..whole.clone() };
    let fails = || BlobError::Unavailable("the disk fails".into());
    let (goes, stays) = (Swept { blobs: 1, ..Swept::default() }, Swept { doubtful: 1, ..Swept::default() });

    assert_eq!(sweep_suspect(&memo, Ok(None), Err(fails())).await, goes);
    assert_eq!(sweep_suspect(&memo, Ok(Some(moved.clone())), Ok(Some(whole.clone()))).await, goes);
    assert_eq!(sweep_suspect(&memo, Ok(Some(memo.clone())), Ok(Some(whole))).await, stays, "the index is wrong");
    for other in [Ok(None), Ok(Some(short)), Err(fails())] {
        assert_eq!(sweep_suspect(&memo, Ok(Some(moved.clone())), other).await, stays);
    }
    let no_answer = Err(StoreError::Unavailable("timed out".into()));
    assert_eq!(sweep_suspect(&memo, no_answer, Err(fails())).await, stays);
}

fn is_missing(other: &Result<Option<BlobDescription>, BlobError>, memo: &Recording) -> bool {
    matches!(other, Ok(other) if other.as_ref().is_none_or(|described| described.size != memo.size))
}

#[tokio::test]
async fn audio_that_cannot_say_whose_it_is_stays() {
    for (of, is_closed) in [(Ok(None), true), (Err(BlobError::Damaged("torn".into())), false)] {
        let mut ports = nothing_else_but_batches();
        open(&mut ports, &[("one", 30, &["torn"])]);
        ports.records.expect_orphans().returning(Ok);
        ports.blobs.expect_provenance().return_once(|_| of);
        ports.blobs.expect_delete().never();
        ports.batches.expect_close_batch().times(usize::from(is_closed)).returning(|_| Ok(()));

        let swept = sweep(ports).run().await.expect("the stores answer");

        assert_eq!(swept, Swept { doubtful: 1, ..Swept::default() });
    }
}

/// Stores with no leftovers but what is in batches.
fn nothing_else_but_batches() -> TestPorts {
    let mut ports = nothing_due();
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
    ports
}

fn nothing_due() -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    nothing_deleted(&mut ports);
    ports
}

fn blob(name: &str) -> BlobRef {
    BlobRef::new(name.to_owned())
}

/// Batches that are open, by their names: how many hours old their blobs are, and what these are called.
fn open(ports: &mut TestPorts, batches: &[(&'static str, i64, &[&str])]) {
    let (now, names) = (ports.now(), batches.iter().map(|(name, ..)| BatchRef::new((*name).to_owned())));
    let names: Vec<BatchRef> = names.collect();
    let last = names.last().cloned();
    ports.batches.expect_open_batches().with(eq(now - TimeDelta::hours(24)), eq(None)).return_once(|_, _| Ok(names));
    ports.batches.expect_open_batches().with(eq(now - TimeDelta::hours(24)), eq(last)).returning(|_, _| Ok(Vec::new()));
    for (name, hours, blobs) in batches {
        let modified_at = now - TimeDelta::hours(*hours);
        let entries: Vec<_> = blobs.iter().map(|name| BlobEntry { blob: blob(name), modified_at }).collect();
        let last = entries.last().map(|entry| entry.blob.clone());
        let batch = BatchRef::new((*name).to_owned());
        ports.batches.expect_blobs_in().with(eq(batch.clone()), eq(None)).returning(move |_, _| Ok(entries.clone()));
        ports.batches.expect_blobs_in().with(eq(batch), eq(last)).returning(|_, _| Ok(Vec::new()));
    }
}

fn sweep(ports: TestPorts) -> Sweep {
    Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default())
}

/// Stores with no leftovers but plans.
fn nothing_else_to_sweep() -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
    nothing_deleted(&mut ports);
    ports
}

fn nothing_deleted(ports: &mut TestPorts) {
    ports.deleted.expect_audio_to_remove().returning(|_| Ok(Vec::new()));
    ports.deleted.expect_forget_deleted().returning(|_| Ok(0));
}

fn expect_expired(ports: &mut TestPorts, order: &mut Sequence, plans: Vec<PendingUpload>) {
    let now = ports.now();
    ports.uploads.expect_expired_uploads().with(eq(now)).times(1).in_sequence(order).return_once(|_| Ok(plans));
}

/// A plan whose parts are in a place of this name.
fn plan(staged: &str) -> PendingUpload {
    let recorded = recording(UserId::generate(timestamp(NOW)), b"speech");
    PendingUpload {
        id: RecordingId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARF").expect("a ULID"),
        owner: UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID"),
        details: recorded.details,
        size: recorded.size,
        sha256: recorded.sha256,
        again: false,
        staged: StagedRef::new(staged.to_owned()),
        key: LinkKey([7; 32]),
        expires_at: timestamp(NOW),
    }
}

/// Rows whose audio has gone on without them.
fn parted() -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    let step = Step { from: None, to: Generation::generate() };
    ports.records.expect_last_step().returning(move || Ok(LastStep::Noted(step)));
    ports.blobs.expect_generation().returning(|| Ok(Some(Generation::generate())));
    ports
}

#[tokio::test]
async fn rows_of_another_history_have_no_audio_removed_and_their_own_leftovers_go() {
    let mut ports = parted();
    ports.uploads.expect_expired_uploads().times(1).returning(|_| Ok(vec![plan("expired")]));
    ports.uploads.expect_release().times(1).returning(|_, _| Ok(true));
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    ports.staged.expect_abort_begun_before().times(1).returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().times(1).returning(|_| Ok(1));
    // Whatever else is asked of a port fails the test.
    let swept = sweep(ports).run().await;

    assert!(matches!(swept, Err(SweepError::Lineage(LineageError::Parted))), "{swept:?}");
}

#[tokio::test]
async fn a_generation_that_cannot_be_noted_keeps_nothing_from_being_swept() {
    let mut ports = nothing_else_to_sweep();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.blobs.expect_step().returning(|_| Err(BlobError::Full("no room".into())));

    let swept = sweep(ports).run().await;

    assert_eq!(swept.expect("swept"), Swept::default());
}
