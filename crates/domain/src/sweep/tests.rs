use std::sync::Mutex;

use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    blob::{BlobDescription, BlobRef, Provenance},
    history::{ChangeNumber, Deleted, Entry},
    id::{RecordingId, UserId},
    lineage::{Generation, LastStep, Step},
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{BatchRef, BlobEntry},
    recording::Recording,
    testing::{TestPorts, recording, timestamp},
};

const NOW: &str = "2026-11-23T12:00:00Z";

#[tokio::test]
async fn only_old_blobs_of_open_batches_that_have_no_recording_are_noted() {
    let mut ports = nothing_due();
    let now = ports.now();
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let of = Provenance::from(&memo);
    open(&mut ports, &[("one", 30, &["kept", "orphan"]), ("two", 1, &["young"])]);
    ports.staged.expect_abort_begun_before().with(eq(now - TimeDelta::hours(24))).returning(|_| Ok(2));
    ports.users.expect_remove_expired_sessions().with(eq(now)).returning(|_| Ok(3));
    let orphan = DueAudio::new(&of, blob("orphan"));
    ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
    ports.records.expect_find().returning(|_, _| Ok(None));
    ports.records.expect_orphans().returning(move |blobs| {
        assert!(!blobs.contains(&blob("young")), "it may still be uploading");
        Ok(blobs.into_iter().filter(|found| *found != blob("kept")).collect())
    });
    ports.blobs.expect_delete().never();
    let week = now + TimeDelta::days(7);
    ports.deleted.expect_note_audio().with(eq(orphan), eq(week)).times(1).returning(|_, _| Ok(()));
    // The other one is looked at again.
    ports.batches.expect_close_batch().withf(|batch| batch.as_str() == "one").times(1).returning(|_| Ok(()));

    let swept = sweep(ports).run().await;

    assert_eq!(swept.expect("stores answer"), Swept { orphans: 1, staged: 2, sessions: 3, ..Swept::default() });
}

#[tokio::test]
async fn a_batch_stays_open_while_what_is_in_it_cannot_be_noted() {
    let mut ports = nothing_else_but_batches();
    let of = Provenance::from(&recording(UserId::generate(timestamp(NOW)), b"speech"));
    open(&mut ports, &[("one", 30, &["orphan"])]);
    ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
    ports.records.expect_find().returning(|_, _| Ok(None));
    ports.records.expect_orphans().returning(Ok);
    ports.deleted.expect_note_audio().returning(|_, _| Err(StoreError::Full("no space".into())));
    ports.batches.expect_close_batch().never();

    let swept = sweep(ports).run().await;

    assert!(matches!(swept, Err(SweepError::Rows(_))), "{swept:?}");
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
    let left = (DueAudio { owner, id, blob: blob("the object") }, ports.now() + TimeDelta::days(7));
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
    let unreadable = audio("its row cannot be read");
    ports
        .records
        .expect_look_up()
        .with(eq(unreadable.owner), eq(unreadable.id.clone()))
        .returning(|_, _| Err(StoreError::Unavailable("damaged".into())));
    for due in [&first, &stuck, &anonymous, &referred_to, &another_says, &silent] {
        // Of the first there was a recording, which its owner has deleted.
        let deleted = (due == &first).then(|| {
            let (changed, deleted_at) = (ChangeNumber(2), now);
            Entry::Deleted(Deleted { id: due.id.clone(), owner: due.owner, changed, deleted_at })
        });
        let look_up = ports.records.expect_look_up().with(eq(due.owner), eq(due.id.clone()));
        look_up.returning(move |_, _| Ok(deleted.clone()));
    }
    let listed: Vec<_> =
        [&unreadable, &first, &stuck, &referred_to, &another_says, &silent, &anonymous].map(Clone::clone).into();
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
    for (due, forget_at) in [(&first, now + TimeDelta::days(180)), (&anonymous, now), (&referred_to, now)] {
        let removed = ports.deleted.expect_audio_removed().with(eq(due.clone()), eq(forget_at));
        removed.times(1).returning(|_, _| Ok(()));
    }
    for due in [&unreadable, &stuck, &another_says, &silent] {
        let put_off = ports.deleted.expect_put_off_audio().with(eq(due.clone()), eq(now + TimeDelta::hours(1)));
        put_off.times(1).returning(|_, _| Ok(()));
    }
    ports.deleted.expect_forget_deleted().times(1).returning(|_| Ok(7));
    ports.deleted.expect_forget_deleted().times(1).returning(|_| Ok(0));

    let swept = sweep(ports).run().await;

    let expected = Swept { deleted: 2, failed: 1, doubtful: 3, tombstones: 7, ..Swept::default() };
    assert_eq!(swept.expect("stores answer"), expected);
}

/// Audio that is due may have a recording by then that is missing it.
#[tokio::test]
async fn audio_that_is_due_stays_while_its_recording_may_be_missing_it() {
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let moved = Recording { blob: blob("elsewhere"), ..memo.clone() };
    let damaged = Recording { damaged_at: Some(timestamp(NOW)), ..moved.clone() };
    for (row, is_there) in [(memo.clone(), true), (moved.clone(), false), (moved, true), (damaged, true)] {
        let mut ports = TestPorts::at(NOW);
        let due = DueAudio { owner: memo.owner, id: memo.id.clone(), blob: memo.blob.clone() };
        ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
        ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
        ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
        ports.deleted.expect_forget_deleted().returning(|_| Ok(0));
        ports.deleted.expect_audio_to_remove().times(1).return_once(|_| Ok(vec![due]));
        ports.deleted.expect_audio_to_remove().returning(|_| Ok(Vec::new()));
        let (of, is_referred, size) = (Provenance::from(&memo), row.blob == memo.blob, memo.size);
        let is_there = is_there && row.damaged_at.is_none();
        ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
        ports.records.expect_orphans().returning(Ok);
        ports.records.expect_look_up().return_once(|_, _| Ok(Some(Entry::Recording(row.into()))));
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

#[tokio::test]
async fn of_all_that_ask_in_one_period_the_first_sweeps() {
    let every = Duration::from_hours(1);
    let mut turns = Vec::new();
    for now in ["2026-11-23T12:00:00Z", "2026-11-23T12:59:59Z", "2026-11-23T13:00:00Z"] {
        let mut ports = TestPorts::at(now);
        let (asked, later) = (Arc::new(Mutex::new(None)), timestamp(now) + 2 * every);
        let seen = asked.clone();
        ports.single_use.expect_use_up().withf(move |_, expires_at| *expires_at == later).return_once(
            move |turn, _| {
                *seen.lock().expect("not poisoned") = Some(turn);
                Ok(false)
            },
        );
        assert!(!sweep(ports).is_first(every).await.expect("an answer"), "another was");
        turns.push(asked.lock().expect("not poisoned").take().expect("asked"));
    }
    assert!(turns[0] == turns[1] && turns[1] != turns[2], "{turns:?}");
}

/// What becomes of a blob in a batch that an index says nobody refers to, and that says it is of `memo`; its row is then
/// `row`, and the audio that this refers to `other`. Whether it is noted, and the batch closed.
async fn sweep_suspect(
    memo: &Recording,
    row: Result<Option<Recording>, StoreError>,
    other: Result<Option<BlobDescription>, BlobError>,
    (is_noted, is_closed): (bool, bool),
) -> Swept {
    let mut ports = nothing_else_but_batches();
    open(&mut ports, &[("one", 30, &[memo.blob.as_str()])]);
    ports.records.expect_orphans().returning(Ok);
    let (noted, week) = (DueAudio::from(memo), ports.now() + TimeDelta::days(7));
    let note = ports.deleted.expect_note_audio().with(eq(noted), eq(week)).times(usize::from(is_noted));
    note.returning(|_, _| Ok(()));
    ports.batches.expect_close_batch().times(usize::from(is_closed)).returning(|_| Ok(()));
    let of = Provenance::from(memo);
    ports.blobs.expect_provenance().returning(move |_| Ok(Some(of.clone())));
    ports.records.expect_find().with(eq(memo.owner), eq(memo.id.clone())).return_once(|_, _| row);
    ports.blobs.expect_describe().return_once(|_| other);

    sweep(ports).run().await.expect("the stores answer")
}

#[tokio::test]
async fn audio_is_noted_only_once_its_recording_was_asked_for_and_does_not_refer_to_it() {
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let moved = Recording { blob: blob("elsewhere"), ..memo.clone() };
    let damaged = Recording { damaged_at: Some(timestamp(NOW)), ..moved.clone() };
    let whole = BlobDescription { provenance: None, size: memo.size, sha256: None, written_at: timestamp(NOW) };
    let short = BlobDescription { size: 1, ..whole.clone() };
    let fails = || BlobError::Unavailable("the disk fails".into());
    let (orphan, doubtful) = (Swept { orphans: 1, ..Swept::default() }, Swept { doubtful: 1, ..Swept::default() });
    let (noted, known, open) = ((true, true), (false, true), (false, false));

    for (row, other, fate, expected) in [
        (Ok(None), Err(fails()), noted, orphan),
        (Ok(Some(moved.clone())), Ok(Some(whole.clone())), noted, orphan),
        // The index is wrong.
        (Ok(Some(memo.clone())), Ok(Some(whole.clone())), known, doubtful),
        // It may be what the recording is missing.
        (Ok(Some(moved.clone())), Ok(None), noted, doubtful),
        (Ok(Some(moved.clone())), Ok(Some(short)), noted, doubtful),
        (Ok(Some(damaged)), Ok(Some(whole)), noted, doubtful),
        (Ok(Some(moved)), Err(fails()), open, doubtful),
        (Err(StoreError::Unavailable("timed out".into())), Err(fails()), open, doubtful),
    ] {
        assert_eq!(sweep_suspect(&memo, row, other, fate).await, expected);
    }
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
