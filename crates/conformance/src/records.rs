//! What a [`RecordStore`] promises, apart from surviving a power cut, which no test in a process can show.

mod changes;
mod list;

use std::sync::Arc;

use futures_util::future::join;
use tapebase_domain::{
    blob::BlobRef,
    details::Details,
    id::{RecordingId, StoreId, UserId},
    lineage::{Generation, LastStep, Step},
    media_type::MediaType,
    ports::{InsertError, RecordStore, Terms},
    quota::{Excess, Quota},
    recording::Recording,
};
use tokio::task::JoinSet;

pub use self::{changes::*, list::*};
use crate::samples::{AMPLE, assert_same, details, local, named, noon, recorded_at, recording, stranger, terms};

/// Insert MUST return `Taken` with the recording that is there if its owner has one of this id.
pub async fn insert_answers_taken_with_the_recording_that_is_there(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let second = Recording { id: first.id.clone(), size: 7_000, ..named(first.owner, "other.m4a") };

    let refused = store.insert(second, AMPLE).await;

    let Err(InsertError::Taken(there)) = refused else { panic!("{refused:?}") };
    assert_same(Some(&there), &first);
    assert_same(find(&store, &first).await.as_ref(), &first);
    assert_eq!(used_bytes(&store, first.owner).await, first.size);
}

/// A repeated upload is no new use of the quota: insert answers `Taken` even where no quota is left.
pub async fn insert_answers_taken_even_when_the_quota_is_used_up(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;

    for quota in [first.size, 0] {
        let refused = store.insert(first.clone(), terms(quota)).await;

        assert!(matches!(refused, Err(InsertError::Taken(_))), "{refused:?}");
    }
}

/// Insert MUST return `Taken` with the recording that is there, however many insert at once.
pub async fn insert_gives_an_id_to_one_of_many_at_once(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let id = recording(owner).id;

    let rivals = (0..16).map(|_| {
        let (store, rival) = (store.clone(), Recording { id: id.clone(), ..recording(owner) });
        async move { store.insert(rival, AMPLE).await }
    });
    let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

    let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let [Ok(winner)] = &winners[..] else { panic!("{} inserts succeeded", winners.len()) };
    for refused in losers {
        let Err(InsertError::Taken(there)) = refused else { panic!("{refused:?}") };
        assert_same(Some(&there), winner);
    }
    assert_eq!(used_bytes(&store, owner).await, winner.size);
}

/// Insert MUST return `OverQuota` if the owner would use more bytes than the quota has.
pub async fn insert_fills_the_quota_to_the_last_byte_and_no_further(store: Arc<dyn RecordStore>) {
    let first = insert(&store, Recording { size: 60_000, ..recording(stranger()) }).await;
    let too_large = Recording { size: 40_001, ..recording(first.owner) };
    let fitting = Recording { size: 40_000, ..recording(first.owner) };

    for quota in [100_000, 59_999, 0] {
        let refused = store.insert(too_large.clone(), terms(quota)).await;
        assert!(matches!(refused, Err(InsertError::OverQuota(Excess::Bytes))), "{refused:?}");
    }
    let accepted = store.insert(fitting, terms(100_000)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
    assert_eq!(find(&store, &too_large).await, None);
    assert_eq!(used_bytes(&store, first.owner).await, 100_000);
}

/// Insert MUST return `OverQuota` if the owner would use more bytes than the quota has, however many insert at once.
pub async fn insert_keeps_the_quota_however_many_insert_at_once(store: Arc<dyn RecordStore>) {
    let owner = stranger();

    let inserts = (0..20).map(|_| {
        let store = store.clone();
        async move { store.insert(recording(owner), terms(100_000)).await }
    });
    let outcomes = inserts.collect::<JoinSet<_>>().join_all().await;

    let (inserted, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(inserted.len(), 10);
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(InsertError::OverQuota(Excess::Bytes)))), "{refused:?}");
    assert_eq!(used_bytes(&store, owner).await, 100_000);
}

/// A recording MUST count as a block of 4 KiB at least, however many insert at once: also one without any bytes.
pub async fn insert_counts_a_block_at_least_however_many_insert_at_once(store: Arc<dyn RecordStore>) {
    let owner = stranger();

    let inserts = (0..20).map(|size| {
        let (store, tiny) = (store.clone(), Recording { size, ..recording(owner) });
        async move { store.insert(tiny, terms(10 * 4_096 + 4_095)).await }
    });
    let outcomes = inserts.collect::<JoinSet<_>>().join_all().await;

    let (inserted, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(inserted.len(), 10);
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(InsertError::OverQuota(Excess::Bytes)))), "{refused:?}");
    for Recording { id, .. } in inserted.into_iter().flatten() {
        store.remove(owner, &id, None, noon(), 100).await.expect("removed");
    }
    assert_eq!(used_bytes(&store, owner).await, 0);
}

/// Insert MUST return `OverQuota` if the owner would have more recordings than the quota has, however many insert at
/// once.
pub async fn insert_keeps_to_so_many_recordings_however_many_insert_at_once(store: Arc<dyn RecordStore>) {
    let (owner, other) = (stranger(), stranger());
    let terms = Terms { quota: Quota { recordings: 5, ..AMPLE.quota }, again: false };
    insert(&store, recording(other)).await;

    let inserts = (0..20).map(|_| {
        let store = store.clone();
        async move { store.insert(recording(owner), terms).await }
    });
    let outcomes = inserts.collect::<JoinSet<_>>().join_all().await;

    let (inserted, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(inserted.len(), 5);
    let is_full = |outcome: &_| matches!(outcome, Err(InsertError::OverQuota(Excess::Recordings)));
    assert!(refused.iter().all(is_full), "{refused:?}");
    let there = inserted.into_iter().flatten().next().expect("one of them");
    let repeated = store.insert(there.clone(), terms).await;
    assert!(matches!(repeated, Err(InsertError::Taken(_))), "{repeated:?}");
    store.remove(owner, &there.id, None, noon(), 100).await.expect("removed");
    let returned = store.insert(there, Terms { again: true, ..terms }).await;
    assert!(returned.is_ok(), "{returned:?}");
    let none = Terms { quota: Quota { recordings: 0, ..AMPLE.quota }, again: false };
    let refused = store.insert(recording(stranger()), none).await;
    assert!(is_full(&refused), "{refused:?}");
}

/// What others use MUST NOT count towards the quota of the owner.
pub async fn insert_counts_only_the_owners_bytes_towards_the_quota(store: Arc<dyn RecordStore>) {
    insert(&store, Recording { size: 100_000, ..recording(stranger()) }).await;

    let accepted = store.insert(Recording { size: 100_000, ..recording(stranger()) }, terms(100_000)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// Any number is a quota, also one that means there is none.
pub async fn insert_takes_the_largest_quota(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;

    let accepted = store.insert(recording(first.owner), terms(u64::MAX)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// Two users MUST be able to have recordings of the same id.
pub async fn two_users_can_have_recordings_of_the_same_id(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, Recording { id: hers.id.clone(), ..recording(stranger()) }).await;

    for recording in [hers, his] {
        assert_same(find(&store, &recording).await.as_ref(), &recording);
    }
}

/// Find MUST find what was inserted, equal in every field.
pub async fn finds_what_was_inserted_equal_in_every_field(store: Arc<dyn RecordStore>) {
    let uuid = "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e";
    for id in [recording(stranger()).id, RecordingId::parse(uuid).expect("a UUID")] {
        for media_type in ["audio/mp4", "video/webm", "audio/vnd.x+y"] {
            let media_type = MediaType::parse(media_type).expect("a type");
            let inserted = insert(&store, Recording { id: id.clone(), media_type, ..recording(stranger()) }).await;

            assert_same(find(&store, &inserted).await.as_ref(), &inserted);
        }
    }
}

/// Find MUST find the name byte for byte as it was inserted.
pub async fn finds_names_byte_for_byte(store: Arc<dyn RecordStore>) {
    let longest = "가".repeat(500);
    let decomposed = "\u{1112}\u{1161}\u{11ab}".repeat(500);
    let texts =
        [" ", "  a  ", "A", "100%_\\%.m4a", "'; DROP TABLE recordings; --", "\"a\" `b` $1 ?1 :c {d}", "../../x"];
    let unicode =
        ["회의", "\u{1112}\u{116c}\u{110b}\u{1174}", "\u{e9}", "e\u{301}", "🎙️👩‍👩‍👧.m4a", "\u{202e}a4m", "\u{feff}a"];
    for text in texts.into_iter().chain(unicode).chain([&*longest, &*decomposed]) {
        let inserted = insert(&store, named(stranger(), text)).await;

        let found = find(&store, &inserted).await.expect("it is there");

        assert_eq!(found.details.name.as_str(), text);
    }
}

/// Find MUST find `recorded_at` to the microsecond, on the clock of its time zone, far from today too.
pub async fn finds_times_in_every_time_zone_and_age(store: Arc<dyn RecordStore>) {
    let zones = ["2026-11-23T12:00:00.000001+09:00", "2026-11-23T12:00:00.999999-03:30", "2026-11-23T12:00:00+00:00"];
    let ages = ["1904-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z"];
    let limits = ["0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999-12:00"];
    for time in zones.into_iter().chain(ages).chain(limits).map(local) {
        let inserted = insert(&store, recorded_at(stranger(), time)).await;

        assert_same(find(&store, &inserted).await.as_ref(), &inserted);
    }
}

/// Find MUST find the size of a recording beyond four gibibytes.
pub async fn finds_sizes_beyond_32_bits(store: Arc<dyn RecordStore>) {
    for size in [0, u64::from(u32::MAX) + 1, 1 << 40] {
        let inserted = insert(&store, Recording { size, ..recording(stranger()) }).await;

        assert_same(find(&store, &inserted).await.as_ref(), &inserted);
    }
}

/// Find MUST find the length that a client told, and that none was told.
pub async fn finds_the_length_a_client_told(store: Arc<dyn RecordStore>) {
    for client_duration_ms in [None, Some(0), Some(1), Some(u32::MAX)] {
        let details = Details { client_duration_ms, ..details() };
        let inserted = insert(&store, Recording { details, ..recording(stranger()) }).await;

        assert_same(find(&store, &inserted).await.as_ref(), &inserted);
    }
}

/// Find MUST return `None` for another user's recording.
pub async fn finds_nothing_of_another_user(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;

    assert_eq!(store.find(his.owner, &hers.id).await.expect("an answer"), None);
    assert_eq!(store.find(hers.owner, &recording(hers.owner).id).await.expect("an answer"), None);
}

/// A recording MUST count as what it weighs: as a block of 4 KiB at least.
pub async fn used_bytes_is_the_sum_of_what_the_owners_recordings_weigh(store: Arc<dyn RecordStore>) {
    let (owner, sizes) = (stranger(), [0, 1, 4_095, 4_096, 4_097, 1 << 33, 1 << 40]);
    insert(&store, recording(stranger())).await;
    assert_eq!(used_bytes(&store, owner).await, 0);

    for size in sizes {
        insert(&store, Recording { size, ..recording(owner) }).await;
    }

    assert_eq!(used_bytes(&store, owner).await, sizes.iter().map(|size| size.max(&4_096)).sum::<u64>());
}

/// Orphans: it MUST return exactly those of the blobs that no recording of any user refers to.
pub async fn orphans_are_exactly_what_no_recording_of_any_user_refers_to(store: Arc<dyn RecordStore>) {
    let blob = |text: &str| BlobRef::new(text.to_owned());
    let removed = insert(&store, recording(stranger())).await;
    for kept in ["ab/kept", "ab/it's", "ab/100"] {
        insert(&store, Recording { blob: blob(kept), ..recording(stranger()) }).await;
    }
    store.remove(removed.owner, &removed.id, None, noon(), 100).await.expect("removed");
    let mut orphans = vec![removed.blob, blob("ab/KEPT"), blob("ab/kept/"), blob("kept"), blob("ab/%"), blob("ab/1_0")];
    orphans.extend((0..1_500).map(|number| blob(&format!("orphan/{number}"))));

    let asked = orphans.iter().cloned().chain(["ab/it's", "ab/kept"].map(blob)).collect();
    let mut found = store.orphans(asked).await.expect("an answer");

    orphans.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, orphans);
    assert_eq!(store.orphans(Vec::new()).await.expect("an answer"), []);
}

/// Id MUST be the same id for as long as the rows live, and no other store's.
pub async fn a_record_store_keeps_its_id(store: Arc<dyn RecordStore>) {
    let id = store.id().await.expect("an answer");
    insert(&store, recording(stranger())).await;

    assert_eq!(store.id().await.expect("an answer"), id);
}

/// Is empty MUST be `false` as long as any user has a recording.
pub async fn a_record_store_is_empty_until_something_is_inserted(store: Arc<dyn RecordStore>) {
    assert!(store.is_empty().await.expect("an answer"));

    insert(&store, recording(stranger())).await;

    assert!(!store.is_empty().await.expect("an answer"));
}

/// Is empty MUST be `false` as long as any user has the tombstone of a recording.
pub async fn a_record_store_with_a_tombstone_is_not_empty(store: Arc<dyn RecordStore>) {
    let deleted = insert(&store, recording(stranger())).await;

    let removed = store.remove(deleted.owner, &deleted.id, None, noon(), u64::MAX).await.expect("removed");

    assert!(removed.is_some() && !store.is_empty().await.expect("an answer"));
}

/// An adopted id MUST be the store's from then on, whatever is in it.
pub async fn a_record_store_has_the_id_it_adopted(store: Arc<dyn RecordStore>) {
    let lost = StoreId::generate(noon());
    let inserted = insert(&store, recording(stranger())).await;
    assert_ne!(store.id().await.expect("an answer"), lost);

    store.adopt(lost).await.expect("adopted");

    assert_eq!(store.id().await.expect("an answer"), lost);
    assert_same(find(&store, &inserted).await.as_ref(), &inserted);
}

/// A step MUST be noted on condition that the last one is what was seen.
pub async fn a_step_is_noted_on_condition_of_the_last(store: Arc<dyn RecordStore>) {
    let [first, second, third] = [(); 3].map(|()| Generation::generate());
    let (one, two) = (Step { from: None, to: first }, Step { from: Some(first), to: second });
    let other = Step { from: Some(first), to: third };
    assert_eq!(store.last_step().await.expect("an answer"), LastStep::None);

    assert!(!store.note_step(LastStep::Noted(other), one).await.expect("an answer"));
    assert_eq!(store.last_step().await.expect("an answer"), LastStep::None);
    assert!(store.note_step(LastStep::None, one).await.expect("an answer"));
    assert!(!store.note_step(LastStep::None, other).await.expect("an answer"));
    assert_eq!(store.last_step().await.expect("an answer"), LastStep::Noted(one));

    let noted = store.id().await.expect("an answer");
    let (two, other) =
        join(store.note_step(LastStep::Noted(one), two), store.note_step(LastStep::Noted(one), other)).await;
    assert_eq!(u8::from(two.expect("an answer")) + u8::from(other.expect("an answer")), 1, "of two at once, one");
    assert_eq!(store.id().await.expect("an answer"), noted);
}

/// A ping fails when the store cannot serve, and only then.
pub async fn a_record_store_that_serves_answers_pings(store: Arc<dyn RecordStore>) {
    let answer = store.ping().await;

    assert!(answer.is_ok(), "{answer:?}");
}

async fn insert(store: &Arc<dyn RecordStore>, recording: Recording) -> Recording {
    store.insert(recording, AMPLE).await.expect("inserted")
}

async fn find(store: &Arc<dyn RecordStore>, recording: &Recording) -> Option<Recording> {
    store.find(recording.owner, &recording.id).await.expect("an answer")
}

async fn used_bytes(store: &Arc<dyn RecordStore>, owner: UserId) -> u64 {
    store.counters(owner).await.expect("an answer").used_bytes()
}
