use mockall::predicate::eq;

use super::*;
use crate::{
    blob::{BlobRef, Provenance},
    id::UserId,
    ports::BlobEntry,
    testing::{TestPorts, recording, timestamp},
    witnesses::Doubt,
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn blob(name: &str) -> BlobRef {
    BlobRef::new(name.to_owned())
}

/// Blobs that are old and have no recording, as an index has it: `nobodys` of somebody, and others that do not say whose they
/// are.
fn ports(nobodys: u64) -> (TestPorts, Provenance) {
    let mut ports = TestPorts::at(NOW);
    let modified_at = ports.now() - TimeDelta::hours(30);
    let of = Provenance::from(&recording(UserId::generate(timestamp(NOW)), b"speech"));
    let names = (0..nobodys).map(|number| blob(&format!("{number}"))).chain([blob("kept"), blob("silent")]);
    let mut entries: Vec<_> = names.map(|blob| BlobEntry { blob, modified_at }).collect();
    entries.push(BlobEntry { blob: blob("young"), modified_at: ports.now() });
    ports.blobs.expect_list().with(eq(None)).return_once(|_| Ok(entries));
    ports.blobs.expect_list().with(eq(Some(blob("young")))).returning(|_| Ok(Vec::new()));
    ports.records.expect_orphans().returning(|blobs| {
        assert!(!blobs.contains(&blob("young")), "it may still be uploading");
        Ok(blobs.into_iter().filter(|found| *found != blob("kept")).collect())
    });
    ports.records.expect_find().with(eq(of.owner), eq(of.recording.clone())).returning(|_, _| Ok(None));
    let says = of.clone();
    ports.blobs.expect_provenance().returning(move |found| Ok((*found != blob("silent")).then(|| says.clone())));
    (ports, of)
}

fn audit(ports: TestPorts) -> Audit {
    Audit::new(&ports.build(), TimeDelta::hours(24))
}

#[tokio::test]
async fn what_has_no_recording_is_noted_for_a_week_later_and_nothing_is_removed() {
    let (mut ports, of) = ports(2);
    ports.blobs.expect_delete().never();
    let week = ports.now() + TimeDelta::days(7);
    for name in ["0", "1"] {
        let audio = DueAudio { owner: of.owner, id: of.recording.clone(), blob: blob(name) };
        ports.deleted.expect_note_audio().with(eq(audio), eq(week)).times(1).returning(|_, _| Ok(()));
    }
    let audit = audit(ports);

    let orphans = audit.orphans().await.expect("the stores answer");
    audit.note(&orphans).await.expect("noted");

    assert_eq!(orphans.looked_at, 5);
    let [Kept { blob: kept, of: None, doubt: Doubt::Anonymous }] = &orphans.kept[..] else {
        panic!("{:?}", orphans.kept)
    };
    assert_eq!(*kept, blob("silent"));
}

#[tokio::test]
async fn what_has_no_recording_is_dropped_where_that_is_wanted() {
    let (mut ports, _) = ports(2);
    ports.blobs.expect_delete().with(eq(blob("0"))).times(1).returning(|_| Ok(()));
    let resists = |_: &BlobRef| Err(BlobError::Unavailable("it resists".into()));
    ports.blobs.expect_delete().with(eq(blob("1"))).times(1).returning(resists);
    let audit = audit(ports);

    let orphans = audit.orphans().await.expect("the stores answer");

    assert_eq!(audit.drop_now(&orphans).await.expect("few"), (1, 1));
}

#[tokio::test]
async fn suspiciously_much_stays_as_it_is_unless_somebody_has_looked_at_it() {
    for (found, has_brake, is_admitted) in [(100, true, true), (101, true, false), (101, false, true)] {
        let (mut ports, _) = ports(found);
        let count = usize::try_from(found).expect("few");
        ports.blobs.expect_delete().times(if is_admitted { count } else { 0 }).returning(|_| Ok(()));
        ports.deleted.expect_note_audio().times(if is_admitted { count } else { 0 }).returning(|_, _| Ok(()));
        let audit = if has_brake { audit(ports) } else { audit(ports).without_brake() };

        let orphans = audit.orphans().await.expect("the stores answer");

        for outcome in [audit.note(&orphans).await, audit.drop_now(&orphans).await.map(drop)] {
            assert_eq!(matches!(outcome, Err(AuditError::TooMany { .. })), !is_admitted, "{found}: {outcome:?}");
        }
    }
    assert!(!are_too_many(500, 500_000));
    assert!(are_too_many(501, 500_999));
}
