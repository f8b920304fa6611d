use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    blob::BlobDescription,
    id::{RecordingId, UserId},
    lineage::{Generation, LastStep, Step},
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{BlobEntry, InventoryPage, MockInventory},
    recording::Recording,
    testing::{TestPorts, recording, timestamp},
};

const NOW: &str = "2026-11-23T12:00:00Z";

#[tokio::test]
async fn only_old_blobs_without_a_recording_are_removed() {
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    let blob = |name: &str| BlobRef::new(name.to_owned());
    let entry = move |name: &str, hours| BlobEntry { blob: blob(name), modified_at: now - TimeDelta::hours(hours) };
    ports.uploads.expect_expired_uploads().with(eq(now)).returning(|_| Ok(Vec::new()));
    ports.staged.expect_abort_begun_before().with(eq(now - TimeDelta::hours(24))).returning(|_| Ok(2));
    ports.users.expect_remove_expired_sessions().with(eq(now)).returning(|_| Ok(3));
    nothing_deleted(&mut ports);
    ports
        .blobs
        .expect_list()
        .with(eq(None))
        .returning(move |_| Ok(vec![entry("kept", 30), entry("stuck", 30), entry("orphan", 30)]));
    ports.blobs.expect_list().with(eq(Some(blob("orphan")))).returning(move |_| Ok(vec![entry("young", 1)]));
    ports.blobs.expect_list().with(eq(Some(blob("young")))).returning(|_| Ok(Vec::new()));
    ports.blobs.expect_provenance().returning(|_| Ok(None));
    ports.records.expect_orphans().returning(move |blobs| {
        assert!(!blobs.contains(&blob("young")), "it may still be uploading");
        Ok(blobs.into_iter().filter(|found| *found != blob("kept")).collect())
    });
    ports.blobs.expect_delete().times(2).returning(move |found| {
        if *found == blob("stuck") { Err(BlobError::Unavailable("it resists".into())) } else { Ok(()) }
    });

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(
        swept.expect("stores answer"),
        Swept { blobs: 1, failed: 1, staged: 2, sessions: 3, ..Swept::default() }
    );
}

#[tokio::test]
async fn an_expired_plan_goes_before_its_parts_and_nothing_else_with_it() {
    let mut ports = nothing_else_to_sweep();
    let mut order = Sequence::new();
    expect_expired(&mut ports, &mut order, vec![plan("first"), plan("stuck")]);
    for (name, cleared) in [("first", Ok(())), ("stuck", Err(BlobError::Unavailable("it resists".into())))] {
        ports.uploads.expect_release().with(eq(plan(name))).times(1).in_sequence(&mut order).returning(|_| Ok(true));
        let staged = plan(name).staged;
        ports.staged.expect_clear().with(eq(staged)).times(1).in_sequence(&mut order).return_once(|_| cleared);
    }
    // As many as suit the store, until there are none.
    expect_expired(&mut ports, &mut order, vec![plan("last")]);
    ports.uploads.expect_release().with(eq(plan("last"))).times(1).in_sequence(&mut order).returning(|_| Ok(true));
    ports.staged.expect_clear().times(1).in_sequence(&mut order).returning(|_| Ok(()));
    expect_expired(&mut ports, &mut order, Vec::new());

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(swept.expect("stores answer"), Swept { uploads: 3, ..Swept::default() });
}

#[tokio::test]
async fn a_plan_that_is_completed_meanwhile_keeps_its_blob() {
    let mut ports = nothing_else_to_sweep();
    let mut order = Sequence::new();
    expect_expired(&mut ports, &mut order, vec![plan("completed")]);
    ports.uploads.expect_release().times(1).returning(|_| Ok(false));
    ports.staged.expect_clear().never();

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(swept.expect("stores answer"), Swept::default());
}

#[tokio::test]
async fn what_was_sent_stays_when_the_fate_of_its_plan_is_unknown() {
    let mut ports = nothing_else_to_sweep();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(vec![plan("expired")]));
    ports.uploads.expect_release().returning(|_| Err(StoreError::Unavailable("timed out".into())));
    ports.staged.expect_clear().never();

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert!(matches!(swept, Err(SweepError::Rows(_))), "{swept:?}");
}

#[tokio::test]
async fn audio_of_what_was_deleted_is_removed_and_noted() {
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.blobs.expect_list().returning(|_| Ok(Vec::new()));
    ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
    let mut order = Sequence::new();
    let audio = |blob: &str| {
        let Recording { owner, id, .. } = recording(UserId::generate(timestamp(NOW)), b"speech");
        DeletedAudio { owner, id, blob: BlobRef::new(blob.to_owned()) }
    };
    let (first, stuck, referred_to) = (audio("first"), audio("stuck"), audio("referred to"));
    let (another_says, silent) = (audio("it says it is another's"), audio("it cannot be read"));
    let listed = vec![first.clone(), stuck.clone(), referred_to.clone(), another_says.clone(), silent.clone()];
    for due in [&first, &stuck] {
        let DeletedAudio { owner, id, blob } = due.clone();
        let of = Provenance { owner, recording: id.clone() };
        ports.blobs.expect_provenance().with(eq(blob)).returning(move |_| Ok(Some(of.clone())));
        ports.records.expect_find().with(eq(owner), eq(id)).returning(|_, _| Ok(None));
    }
    let of_another = Provenance { owner: another_says.owner, recording: first.id.clone() };
    ports
        .blobs
        .expect_provenance()
        .with(eq(another_says.blob.clone()))
        .returning(move |_| Ok(Some(of_another.clone())));
    ports
        .blobs
        .expect_provenance()
        .with(eq(silent.blob.clone()))
        .returning(|_| Err(BlobError::Unavailable("it cannot be read".into())));
    let then = now - TimeDelta::minutes(5);
    ports.deleted.expect_audio_to_remove().with(eq(then)).times(1).in_sequence(&mut order).return_once(|_| Ok(listed));
    let orphans = [first.blob.clone(), stuck.blob.clone(), another_says.blob.clone(), silent.blob.clone()];
    ports.records.expect_orphans().returning(move |_| Ok(orphans.to_vec()));
    ports
        .deleted
        .expect_audio_removed()
        .with(eq(referred_to.clone()), eq(now + TimeDelta::days(180)))
        .times(1)
        .returning(|_, _| Ok(()));
    ports.blobs.expect_delete().with(eq(first.blob.clone())).times(1).returning(|_| Ok(()));
    let resists = |_: &BlobRef| Err(BlobError::Unavailable("it resists".into()));
    ports.blobs.expect_delete().with(eq(stuck.blob)).times(1).returning(resists);
    ports
        .deleted
        .expect_audio_removed()
        .with(eq(first), eq(now + TimeDelta::days(180)))
        .times(1)
        .returning(|_, _| Ok(()));
    ports.deleted.expect_forget_deleted().times(1).in_sequence(&mut order).returning(|_| Ok(7));
    ports.deleted.expect_forget_deleted().times(1).in_sequence(&mut order).returning(|_| Ok(0));

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    let expected = Swept { deleted: 1, failed: 3, tombstones: 7, ..Swept::default() };
    assert_eq!(swept.expect("stores answer"), expected);
}

/// What becomes of a blob that an index says nobody refers to, and that says it is of `memo`; its row is then `row`, and
/// the audio that this refers to `other`.
async fn sweep_suspect(
    memo: &Recording,
    row: Result<Option<Recording>, StoreError>,
    other: Result<Option<BlobDescription>, BlobError>,
) -> Swept {
    let mut ports = nothing_else_but_audio();
    list_suspects(&mut ports, vec![memo.blob.clone()]);
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

#[tokio::test]
async fn audio_that_cannot_say_whose_it_is_stays() {
    let mut ports = nothing_else_but_audio();
    list_suspects(&mut ports, vec![BlobRef::new("torn".into())]);
    ports.blobs.expect_provenance().returning(|_| Err(BlobError::Damaged("torn".into())));
    ports.blobs.expect_delete().never();

    let swept = sweep(ports).run().await.expect("the stores answer");

    assert_eq!(swept, Swept { doubtful: 1, ..Swept::default() });
}

#[tokio::test]
async fn of_audio_that_does_not_say_whose_it_is_all_rows_are_asked() {
    let mut ports = nothing_else_but_audio();
    let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
    let orphan = BlobRef::new("nobody's".into());
    list_suspects(&mut ports, vec![memo.blob.clone(), orphan.clone()]);
    ports.blobs.expect_provenance().returning(|_| Ok(None));
    ports.blobs.expect_delete().with(eq(orphan)).times(1).returning(|_| Ok(()));
    let mut inventory = MockInventory::new();
    let place = Some((memo.owner, memo.id.clone()));
    inventory
        .expect_recordings()
        .with(eq(None))
        .return_once(move |_| Ok(InventoryPage { recordings: vec![memo], ..InventoryPage::default() }));
    inventory.expect_recordings().with(eq(place)).returning(|_| Ok(InventoryPage::default()));
    let ports = Ports { inventory: Some(Arc::new(inventory)), ..ports.build() };

    let swept = Sweep::new(&ports, TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(swept.expect("the stores answer"), Swept { blobs: 1, doubtful: 1, ..Swept::default() });
}

#[tokio::test]
async fn a_row_that_cannot_be_read_may_refer_to_any_audio() {
    let mut ports = nothing_else_but_audio();
    list_suspects(&mut ports, vec![BlobRef::new("perhaps".into())]);
    ports.blobs.expect_provenance().returning(|_| Ok(None));
    ports.blobs.expect_delete().never();
    let mut inventory = MockInventory::new();
    let damaged = InventoryPage { unreadable: vec!["a bit turned over".into()], ..InventoryPage::default() };
    inventory.expect_recordings().with(eq(None)).return_once(move |_| Ok(damaged));
    let ports = Ports { inventory: Some(Arc::new(inventory)), ..ports.build() };

    let swept = Sweep::new(&ports, TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(swept.expect("the stores answer"), Swept { doubtful: 1, ..Swept::default() });
}

#[tokio::test]
async fn suspiciously_much_audio_stays_unless_somebody_has_looked_at_it() {
    for (found, has_brake, is_removed) in [(100, true, true), (101, true, false), (101, false, true)] {
        let mut ports = nothing_else_but_audio();
        list_suspects(&mut ports, (0..found).map(|number| BlobRef::new(format!("{number}"))).collect());
        ports.blobs.expect_provenance().returning(|_| Ok(None));
        ports.blobs.expect_delete().times(if is_removed { found } else { 0 }).returning(|_| Ok(()));
        let sweep = sweep(ports);
        let sweep = if has_brake { sweep } else { sweep.without_brake() };

        let swept = sweep.run().await;

        assert_eq!(matches!(swept, Err(SweepError::TooMany { .. })), !is_removed, "{found}: {swept:?}");
    }
}

#[test]
fn of_much_audio_one_in_a_thousand_may_go() {
    assert!(!are_too_many(500, 500_000));
    assert!(are_too_many(501, 500_999));
}

/// Stores with no leftovers but audio.
fn nothing_else_but_audio() -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().returning(|_| Ok(0));
    nothing_deleted(&mut ports);
    ports
}

/// Blobs that are old, and that an index says nobody refers to.
fn list_suspects(ports: &mut TestPorts, suspects: Vec<BlobRef>) {
    let modified_at = ports.now() - TimeDelta::hours(30);
    let last = suspects.last().cloned();
    let entries = suspects.into_iter().map(|blob| BlobEntry { blob, modified_at }).collect();
    ports.blobs.expect_list().with(eq(None)).return_once(|_| Ok(entries));
    ports.blobs.expect_list().with(eq(last)).returning(|_| Ok(Vec::new()));
    ports.records.expect_orphans().returning(Ok);
}

fn sweep(ports: TestPorts) -> Sweep {
    Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default())
}

/// Stores with no leftovers but plans.
fn nothing_else_to_sweep() -> TestPorts {
    let mut ports = TestPorts::at(NOW);
    ports.staged.expect_abort_begun_before().returning(|_| Ok(0));
    ports.blobs.expect_list().returning(|_| Ok(Vec::new()));
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
    ports.uploads.expect_release().times(1).returning(|_| Ok(true));
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.staged.expect_clear().times(1).returning(|_| Ok(()));
    ports.staged.expect_abort_begun_before().times(1).returning(|_| Ok(0));
    ports.users.expect_remove_expired_sessions().times(1).returning(|_| Ok(1));
    // Whatever else is asked of a port fails the test.
    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert!(matches!(swept, Err(SweepError::Lineage(LineageError::Parted))), "{swept:?}");
}

#[tokio::test]
async fn a_generation_that_cannot_be_noted_keeps_nothing_from_being_swept() {
    let mut ports = nothing_else_to_sweep();
    ports.uploads.expect_expired_uploads().returning(|_| Ok(Vec::new()));
    ports.blobs.expect_step().returning(|_| Err(BlobError::Full("no room".into())));

    let swept = Sweep::new(&ports.build(), TimeDelta::hours(24), Retention::default()).run().await;

    assert_eq!(swept.expect("swept"), Swept::default());
}
