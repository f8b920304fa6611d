//! What a [`UploadStore`] promises, apart from surviving a power cut, which no test in a process can show.

mod settle;

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;
use tapebase_domain::{
    details::Details,
    id::{RecordingId, UserId},
    media_type::MediaType,
    page::{Limit, PageRequest},
    pending::{PendingUpload, StagedRef},
    ports::{InsertError, RecordStore, ReserveError, Terms, UploadStore},
    quota::{Excess, Quota},
    recording::Recording,
    time::Timestamp,
};
use tokio::task::JoinSet;

pub use self::settle::*;
use self::settle::{release, settle};
use crate::samples::{AMPLE, assert_same_plan, local, name, noon, plan, quota, recording, stranger, terms};

/// A store of recordings and of plans, which count towards one quota.
pub trait Rows: RecordStore + UploadStore {}

impl<S: RecordStore + UploadStore> Rows for S {}

/// Reserve MUST return `Begun` with the plan that is there if its owner has one of this id.
pub async fn reserve_answers_planned_with_the_plan_that_is_there(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;
    let second = PendingUpload { id: first.id.clone(), size: 7_000, ..plan(first.owner) };

    for again in [second, first.clone()] {
        let refused = store.reserve(again, AMPLE.quota).await;

        let Err(ReserveError::Taken(there)) = refused else { panic!("{refused:?}") };
        assert_same_plan(Some(&there), &first);
    }
    assert_same_plan(find(&store, &first).await.as_ref(), &first);
    assert_eq!(used_bytes(&store, first.owner).await, first.size);
}

/// Announcing again is no new use of the quota: reserve MUST return `Begun` even when the quota is used up.
pub async fn reserve_answers_planned_even_when_the_quota_is_used_up(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;

    for quota in [first.size, 0] {
        let refused = store.reserve(first.clone(), terms(quota).quota).await;

        assert!(matches!(refused, Err(ReserveError::Taken(_))), "{refused:?}");
    }
}

/// Reserve MUST return `Begun` with the plan that is there, however many reserve at once.
pub async fn reserve_gives_an_id_to_one_of_many_at_once(store: Arc<dyn Rows>) {
    let owner = stranger();
    let id = plan(owner).id;

    let rivals = (0..16).map(|_| {
        let (store, rival) = (store.clone(), PendingUpload { id: id.clone(), ..plan(owner) });
        async move { (rival.clone(), store.reserve(rival, AMPLE.quota).await) }
    });
    let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

    let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    let [(winner, _)] = &winners[..] else { panic!("{} were reserved", winners.len()) };
    for (_, refused) in losers {
        let Err(ReserveError::Taken(there)) = refused else { panic!("{refused:?}") };
        assert_same_plan(Some(&there), winner);
    }
    assert_same_plan(find(&store, winner).await.as_ref(), winner);
    assert_eq!(used_bytes(&store, owner).await, winner.size);
}

/// Reserve MUST return `OverQuota` if the owner would use more bytes than the quota has.
pub async fn reserve_fills_the_quota_to_the_last_byte_and_no_further(store: Arc<dyn Rows>) {
    let first = reserve(&store, PendingUpload { size: 60_000, ..plan(stranger()) }).await;
    let too_large = PendingUpload { size: 40_001, ..plan(first.owner) };
    let fitting = PendingUpload { size: 40_000, ..plan(first.owner) };

    for quota in [100_000, 59_999, 0] {
        let refused = store.reserve(too_large.clone(), terms(quota).quota).await;
        assert!(matches!(refused, Err(ReserveError::OverQuota(Excess::Bytes))), "{refused:?}");
    }
    let accepted = store.reserve(fitting, quota(100_000)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
    assert_eq!(find(&store, &too_large).await, None);
    assert_eq!(used_bytes(&store, first.owner).await, 100_000);
}

/// Recordings and plans count towards one quota: what the ones use is not left for the others.
pub async fn recordings_and_plans_fill_one_quota(store: Arc<dyn Rows>) {
    let owner = stranger();
    reserve(&store, PendingUpload { size: 60_000, ..plan(owner) }).await;

    let refused = store.insert(Recording { size: 40_001, ..recording(owner) }, terms(100_000)).await;
    assert!(matches!(refused, Err(InsertError::OverQuota(Excess::Bytes))), "{refused:?}");
    let accepted = store.insert(Recording { size: 35_904, ..recording(owner) }, terms(100_000)).await;
    assert!(accepted.is_ok(), "{accepted:?}");
    let refused = store.reserve(PendingUpload { size: 4_097, ..plan(owner) }, quota(100_000)).await;
    assert!(matches!(refused, Err(ReserveError::OverQuota(Excess::Bytes))), "{refused:?}");
    let accepted = store.reserve(PendingUpload { size: 4_096, ..plan(owner) }, quota(100_000)).await;
    assert!(accepted.is_ok(), "{accepted:?}");

    assert_eq!(used_bytes(&store, owner).await, 100_000);
}

/// Reserve and insert MUST return `OverQuota` if the owner would use more, however many do either at once.
pub async fn reserve_and_insert_keep_one_quota_however_many_at_once(store: Arc<dyn Rows>) {
    let owner = stranger();

    let writes = (0..20).map(|number| {
        let store = store.clone();
        async move {
            if number % 2 == 0 {
                match store.reserve(plan(owner), quota(100_000)).await {
                    Err(ReserveError::OverQuota(Excess::Bytes)) => false,
                    outcome => outcome.map(|()| true).expect("reserved or refused"),
                }
            } else {
                match store.insert(recording(owner), terms(100_000)).await {
                    Err(InsertError::OverQuota(Excess::Bytes)) => false,
                    outcome => outcome.map(|_| true).expect("inserted or refused"),
                }
            }
        }
    });
    let outcomes = writes.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(outcomes.into_iter().filter(|is_written| *is_written).count(), 10);
    assert_eq!(used_bytes(&store, owner).await, 100_000);
}

/// Reserve MUST return `OverQuota` if the owner would have more uploads under way than the quota has, however many
/// reserve at once.
pub async fn reserve_keeps_to_so_many_plans_however_many_reserve_at_once(store: Arc<dyn Rows>) {
    let owner = stranger();
    let quota = Quota { uploads: 3, ..AMPLE.quota };
    reserve(&store, plan(stranger())).await;

    let (reserved, refused) = reserve_at_once(&store, owner, quota).await;

    assert_eq!(reserved.len(), 3);
    let is_full = |refused: &_| matches!(refused, ReserveError::OverQuota(Excess::Uploads));
    assert!(refused.iter().all(is_full), "{refused:?}");
    let repeated = store.reserve(reserved[0].clone(), quota).await;
    assert!(matches!(repeated, Err(ReserveError::Taken(_))), "{repeated:?}");
    settle(&store, &reserved[0]).await;
    release(&store, &reserved[1]).await;
    for _ in 0..2 {
        store.reserve(plan(owner), quota).await.expect("what has ended makes room");
    }
    let refused = store.reserve(plan(owner), quota).await.expect_err("there are three");
    assert!(is_full(&refused), "{refused:?}");
    let refused = store.reserve(plan(stranger()), Quota { uploads: 0, ..quota }).await.expect_err("there may be none");
    assert!(is_full(&refused), "{refused:?}");
}

/// Reserve MUST return `OverQuota` if the owner would have more recordings than the quota has, for every plan is to be
/// one; and insert, for every plan is one already.
pub async fn recordings_and_plans_are_so_many_together_however_many_at_once(store: Arc<dyn Rows>) {
    let owner = stranger();
    let quota = Quota { recordings: 7, ..AMPLE.quota };
    insert(&store, recording(owner)).await;
    insert(&store, recording(owner)).await;

    let (reserved, refused) = reserve_at_once(&store, owner, quota).await;

    assert_eq!(reserved.len(), 5);
    let is_full = |refused: &_| matches!(refused, ReserveError::OverQuota(Excess::Recordings));
    assert!(refused.iter().all(is_full), "{refused:?}");
    let terms = Terms { quota, again: false };
    // What was promised is kept, and makes no room.
    settle(&store, &reserved[0]).await;
    let refused = store.insert(recording(owner), terms).await;
    assert!(matches!(refused, Err(InsertError::OverQuota(Excess::Recordings))), "{refused:?}");
    release(&store, &reserved[1]).await;
    let accepted = store.insert(recording(owner), terms).await;
    assert!(accepted.is_ok(), "{accepted:?}");
}

async fn reserve_at_once(
    store: &Arc<dyn Rows>,
    owner: UserId,
    quota: Quota,
) -> (Vec<PendingUpload>, Vec<ReserveError>) {
    let writes = (0..20).map(|_| {
        let (store, plan) = (store.clone(), plan(owner));
        async move { store.reserve(plan.clone(), quota).await.map(|()| plan) }
    });
    let outcomes = writes.collect::<JoinSet<_>>().join_all().await;
    let (reserved, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    (reserved.into_iter().flatten().collect(), refused.into_iter().filter_map(Result::err).collect())
}

/// What others planned MUST NOT count towards the quota of the owner.
pub async fn reserve_counts_only_the_owners_bytes_towards_the_quota(store: Arc<dyn Rows>) {
    reserve(&store, PendingUpload { size: 100_000, ..plan(stranger()) }).await;

    let accepted = store.reserve(PendingUpload { size: 100_000, ..plan(stranger()) }, quota(100_000)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// Any number is a quota for plans too, also one that means there is none.
pub async fn reserve_takes_the_largest_quota(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;

    let accepted = store.reserve(plan(first.owner), quota(u64::MAX)).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// A plan of an id is not in the way of a recording of this id, nor the other way round.
pub async fn a_plan_and_a_recording_can_have_the_same_id(store: Arc<dyn Rows>) {
    let owner = stranger();
    let planned_first = reserve(&store, plan(owner)).await;
    insert(&store, Recording { id: planned_first.id.clone(), ..recording(owner) }).await;
    let inserted_first = insert(&store, recording(owner)).await;
    reserve(&store, PendingUpload { id: inserted_first.id, ..plan(owner) }).await;

    assert_eq!(used_bytes(&store, owner).await, 40_000);
}

/// Two users can have plans of the same id.
pub async fn two_users_can_have_plans_of_the_same_id(store: Arc<dyn Rows>) {
    let hers = reserve(&store, plan(stranger())).await;
    let his = reserve(&store, PendingUpload { id: hers.id.clone(), ..plan(stranger()) }).await;

    for plan in [hers, his] {
        assert_same_plan(find(&store, &plan).await.as_ref(), &plan);
    }
}

/// Plan MUST find what was reserved, equal in every field.
pub async fn finds_what_was_reserved_equal_in_every_field(store: Arc<dyn Rows>) {
    let uuid = RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID");
    let longest = "가".repeat(500);
    for (text, media_type, recorded_at, expires_at, size) in [
        ("memo.m4a", "audio/mp4", "2026-11-23T12:00:00.000001+09:00", "2026-11-24T00:00:00.999999Z", 0),
        (" '; DROP TABLE plans; --", "video/webm", "1904-01-01T00:00:00-03:30", "2038-01-19T03:14:08Z", 1 << 32),
        ("\u{1112}\u{1161}\u{11ab}🎙️", "application/octet-stream", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 1),
        (&longest, "audio/vnd.x+y", "9999-12-31T23:59:59.999999-12:00", "9999-12-31T23:59:59.999999Z", 1 << 40),
    ] {
        for id in [plan(stranger()).id, uuid.clone()] {
            let planned = PendingUpload {
                details: Details {
                    name: name(text),
                    media_type: MediaType::parse(media_type).expect("a type"),
                    recorded_at: local(recorded_at),
                    client_duration_ms: u32::try_from(size).ok(),
                },
                again: size == 1,
                expires_at: local(expires_at).to_utc(),
                size,
                // As long as two S3 ids.
                staged: StagedRef::new(format!("{id}.'%\\\"/{}", "x".repeat(300))),
                id,
                ..plan(stranger())
            };
            let planned = reserve(&store, planned).await;

            assert_same_plan(find(&store, &planned).await.as_ref(), &planned);
        }
    }
}

/// Plan MUST find what was reserved even past its expiry.
pub async fn finds_a_plan_even_past_its_expiry(store: Arc<dyn Rows>) {
    let expires_at = local("1970-01-02T00:00:00Z").to_utc();
    let expired = reserve(&store, PendingUpload { expires_at, ..plan(stranger()) }).await;

    assert_same_plan(find(&store, &expired).await.as_ref(), &expired);
    assert_eq!(used_bytes(&store, expired.owner).await, expired.size);
}

/// Plan MUST return `None` for another user's plan.
pub async fn finds_no_plan_of_another_user(store: Arc<dyn Rows>) {
    let hers = reserve(&store, plan(stranger())).await;
    let his = reserve(&store, plan(stranger())).await;

    assert_eq!(store.upload(his.owner, &hers.id).await.expect("an answer"), None);
    assert_eq!(store.upload(hers.owner, &plan(hers.owner).id).await.expect("an answer"), None);
}

/// Uploads MUST list only uploads of the owner, those past their expiry among them.
pub async fn lists_only_plans_of_the_owner_past_their_expiry_too(store: Arc<dyn Rows>) {
    let (owner, other) = (stranger(), stranger());
    let expires_at = local("1970-01-02T00:00:00Z").to_utc();
    let hers = [PendingUpload { expires_at, ..plan(owner) }, plan(owner)];
    for plan in hers.iter().cloned().chain([plan(other)]) {
        reserve(&store, plan).await;
    }
    insert(&store, recording(owner)).await;
    for over in [reserve(&store, plan(owner)).await, reserve(&store, plan(owner)).await] {
        release(&store, &over).await;
    }

    let mut listed = store.uploads(owner, Limit::MAX, None).await.expect("listed");

    for plan in hers {
        let place = listed.iter().position(|listed| listed.id == plan.id).expect("it is listed");
        assert_same_plan(Some(&listed.remove(place)), &plan);
    }
    assert_eq!(listed, []);
    assert_eq!(store.uploads(stranger(), Limit::MAX, None).await.expect("listed"), []);
}

/// Pages of uploads joined by `after` MUST have every upload that stays exactly once, while others come and go.
pub async fn pages_have_every_plan_that_stays_exactly_once(store: Arc<dyn Rows>) {
    let owner = stranger();
    let uuid = |number: u32| RecordingId::parse(&format!("{number:08x}-7c7e-7b3a-9d55-3f1c2b4a5d6e")).expect("a UUID");
    let (mut stay, mut goes) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let id = if number % 2 == 0 { uuid(number << 28 | number) } else { plan(owner).id };
        stay.push(reserve(&store, PendingUpload { id, ..plan(owner) }).await.id);
        goes.push(reserve(&store, plan(owner)).await);
    }
    stay.sort();

    let (limit, mut after, mut walked) = (Limit::new(3).expect("a limit"), None, Vec::new());
    loop {
        let mut page = store.uploads(owner, limit, after).await.expect("listed");
        assert!(page.len() <= 4, "{} are listed", page.len());
        let has_more = page.len() > 3;
        page.truncate(3);
        after = page.last().map(|plan| plan.id.clone());
        walked.extend(page.into_iter().map(|plan| plan.id));
        if !has_more {
            break;
        }
        for gone in goes.drain(..goes.len().min(4)) {
            release(&store, &gone).await;
        }
    }

    assert!(walked.is_sorted_by(|one, next| one < next), "{walked:?}");
    walked.retain(|id| stay.contains(id));
    assert_eq!(walked, stay);
}

/// What an owner uses is the sum of what their recordings weigh, and of what their uploads will.
pub async fn used_bytes_is_the_sum_of_what_recordings_and_plans_weigh(store: Arc<dyn Rows>) {
    let (owner, sizes) = (stranger(), [0, 1, 1 << 33, 1 << 40]);
    reserve(&store, plan(stranger())).await;
    insert(&store, Recording { size: 5_000, ..recording(owner) }).await;

    for size in sizes {
        reserve(&store, PendingUpload { size, ..plan(owner) }).await;
    }

    assert_eq!(used_bytes(&store, owner).await, 5_000 + sizes.iter().map(|size| size.max(&4_096)).sum::<u64>());
}

/// A plan is no recording: it is neither found nor listed among them.
pub async fn a_plan_is_no_recording(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;
    let inserted = insert(&store, recording(planned.owner)).await;

    assert_eq!(store.find(planned.owner, &planned.id).await.expect("an answer"), None);
    assert_eq!(store.list(planned.owner, PageRequest::default()).await.expect("listed"), [inserted]);
    assert_eq!(store.remove(planned.owner, &planned.id, None, noon(), 100).await.expect("an answer"), None);
    assert_same_plan(find(&store, &planned).await.as_ref(), &planned);
}

/// Expired plans MUST list one as long as there is one, of all users.
pub async fn lists_expired_plans_of_all_users_until_all_are_released(store: Arc<dyn Rows>) {
    let mut expected = HashSet::new();
    for index in 0..150 {
        let expires_at = noon() - TimeDelta::microseconds(1 + index * 1_000_000);
        let owner = stranger();
        for expired in [PendingUpload { expires_at, ..plan(owner) }, PendingUpload { expires_at, ..plan(owner) }] {
            expected.insert(reserve(&store, expired).await.id);
        }
    }

    let mut released = HashSet::new();
    loop {
        let expired = expired(&store, noon()).await;
        if expired.is_empty() {
            break;
        }
        for plan in expired {
            assert!(store.release(&plan, None).await.expect("an answer"), "{} is listed and not there", plan.id);
            assert!(released.insert(plan.id), "listed again after it was released");
        }
    }

    assert_eq!(released, expected);
}

/// Expired plans are listed equal in every field to what was reserved, so that they can be taken back.
pub async fn lists_expired_plans_equal_in_every_field(store: Arc<dyn Rows>) {
    let expired_one = reserve(&store, PendingUpload { expires_at: noon(), ..plan(stranger()) }).await;

    let listed = expired(&store, noon() + TimeDelta::days(1)).await;

    assert_eq!(listed.len(), 1);
    assert_same_plan(listed.first(), &expired_one);
}

/// Expired plans MUST list none that has not expired.
pub async fn lists_no_plan_that_has_not_expired(store: Arc<dyn Rows>) {
    let owner = stranger();
    let expiring =
        |microseconds| PendingUpload { expires_at: noon() + TimeDelta::microseconds(microseconds), ..plan(owner) };
    let just_expired = reserve(&store, expiring(-1)).await;
    for microseconds in [1, 999_999, 86_400_000_000] {
        reserve(&store, expiring(microseconds)).await;
    }

    assert_eq!(expired(&store, noon()).await, [just_expired]);
    assert_eq!(expired(&store, noon() - TimeDelta::days(1)).await, []);
}

/// Expired plans lists none that was settled or released.
pub async fn lists_no_plan_that_is_over(store: Arc<dyn Rows>) {
    let [settled, released] = [reserve(&store, plan(stranger())).await, reserve(&store, plan(stranger())).await];
    settle(&store, &settled).await;
    release(&store, &released).await;

    assert_eq!(expired(&store, settled.expires_at + TimeDelta::days(1)).await, []);
}

async fn reserve(store: &Arc<dyn Rows>, plan: PendingUpload) -> PendingUpload {
    store.reserve(plan.clone(), AMPLE.quota).await.expect("reserved");
    plan
}

async fn insert(store: &Arc<dyn Rows>, recording: Recording) -> Recording {
    store.insert(recording, AMPLE).await.expect("inserted")
}

async fn find(store: &Arc<dyn Rows>, plan: &PendingUpload) -> Option<PendingUpload> {
    store.upload(plan.owner, &plan.id).await.expect("an answer")
}

async fn expired(store: &Arc<dyn Rows>, now: Timestamp) -> Vec<PendingUpload> {
    store.expired_uploads(now).await.expect("listed")
}

async fn used_bytes(store: &Arc<dyn Rows>, owner: UserId) -> u64 {
    store.counters(owner).await.expect("an answer").used_bytes()
}
