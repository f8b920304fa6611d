//! What a [`UploadStore`] promises, apart from surviving a power cut, which no test in a process can show.

mod settle;

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;
use tapebase_domain::{
    details::Details,
    id::{RecordingId, UserId},
    media_type::MediaType,
    page::PageRequest,
    pending::{PendingUpload, StagedRef},
    ports::{InsertError, RecordStore, ReserveError, Timestamp, UploadStore},
    recording::Recording,
};
use tokio::task::JoinSet;

pub use self::settle::*;
use self::settle::{release, settle};
use crate::samples::{AMPLE, assert_same_plan, local, name, noon, plan, recording, stranger, terms};

/// A store of recordings and of plans, which count towards one quota.
pub trait Rows: RecordStore + UploadStore {}

impl<S: RecordStore + UploadStore> Rows for S {}

/// Reserve MUST return `Begun` with the plan that is there if its owner has one of this id.
pub async fn reserve_answers_planned_with_the_plan_that_is_there(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;
    let second = PendingUpload { id: first.id.clone(), size: 7, ..plan(first.owner) };

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
        let refused = store.reserve(first.clone(), quota).await;

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

/// Reserve MUST return `OverQuota` if the owner would use more than `quota` bytes.
pub async fn reserve_fills_the_quota_to_the_last_byte_and_no_further(store: Arc<dyn Rows>) {
    let first = reserve(&store, PendingUpload { size: 600, ..plan(stranger()) }).await;
    let too_large = PendingUpload { size: 401, ..plan(first.owner) };
    let fitting = PendingUpload { size: 400, ..plan(first.owner) };

    for quota in [1_000, 599, 0] {
        let refused = store.reserve(too_large.clone(), quota).await;
        assert!(matches!(refused, Err(ReserveError::OverQuota)), "{refused:?}");
    }
    let accepted = store.reserve(fitting, 1_000).await;

    assert!(accepted.is_ok(), "{accepted:?}");
    assert_eq!(find(&store, &too_large).await, None);
    assert_eq!(used_bytes(&store, first.owner).await, 1_000);
}

/// Recordings and plans count towards one quota: what the ones use is not left for the others.
pub async fn recordings_and_plans_fill_one_quota(store: Arc<dyn Rows>) {
    let owner = stranger();
    reserve(&store, PendingUpload { size: 600, ..plan(owner) }).await;

    let refused = store.insert(Recording { size: 401, ..recording(owner) }, terms(1_000)).await;
    assert!(matches!(refused, Err(InsertError::OverQuota)), "{refused:?}");
    let accepted = store.insert(Recording { size: 399, ..recording(owner) }, terms(1_000)).await;
    assert!(accepted.is_ok(), "{accepted:?}");
    let refused = store.reserve(PendingUpload { size: 2, ..plan(owner) }, 1_000).await;
    assert!(matches!(refused, Err(ReserveError::OverQuota)), "{refused:?}");
    let accepted = store.reserve(PendingUpload { size: 1, ..plan(owner) }, 1_000).await;
    assert!(accepted.is_ok(), "{accepted:?}");

    assert_eq!(used_bytes(&store, owner).await, 1_000);
}

/// Reserve and insert MUST return `OverQuota` if the owner would use more, however many do either at once.
pub async fn reserve_and_insert_keep_one_quota_however_many_at_once(store: Arc<dyn Rows>) {
    let owner = stranger();

    let writes = (0..20).map(|number| {
        let store = store.clone();
        async move {
            if number % 2 == 0 {
                match store.reserve(plan(owner), 1_000).await {
                    Err(ReserveError::OverQuota) => false,
                    outcome => outcome.map(|()| true).expect("reserved or refused"),
                }
            } else {
                match store.insert(recording(owner), terms(1_000)).await {
                    Err(InsertError::OverQuota) => false,
                    outcome => outcome.map(|_| true).expect("inserted or refused"),
                }
            }
        }
    });
    let outcomes = writes.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(outcomes.into_iter().filter(|is_written| *is_written).count(), 10);
    assert_eq!(used_bytes(&store, owner).await, 1_000);
}

/// What others planned MUST NOT count towards the quota of the owner.
pub async fn reserve_counts_only_the_owners_bytes_towards_the_quota(store: Arc<dyn Rows>) {
    reserve(&store, PendingUpload { size: 1_000, ..plan(stranger()) }).await;

    let accepted = store.reserve(PendingUpload { size: 1_000, ..plan(stranger()) }, 1_000).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// Any number is a quota for plans too, also one that means there is none.
pub async fn reserve_takes_the_largest_quota(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;

    let accepted = store.reserve(plan(first.owner), u64::MAX).await;

    assert!(accepted.is_ok(), "{accepted:?}");
}

/// A plan of an id is not in the way of a recording of this id, nor the other way round.
pub async fn a_plan_and_a_recording_can_have_the_same_id(store: Arc<dyn Rows>) {
    let owner = stranger();
    let planned_first = reserve(&store, plan(owner)).await;
    insert(&store, Recording { id: planned_first.id.clone(), ..recording(owner) }).await;
    let inserted_first = insert(&store, recording(owner)).await;
    reserve(&store, PendingUpload { id: inserted_first.id, ..plan(owner) }).await;

    assert_eq!(used_bytes(&store, owner).await, 400);
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

/// What an owner uses is the sum of the sizes of their recordings, and of their uploads.
pub async fn used_bytes_is_the_sum_of_recordings_and_plans(store: Arc<dyn Rows>) {
    let (owner, sizes) = (stranger(), [0, 1, 1 << 33, 1 << 40]);
    reserve(&store, plan(stranger())).await;
    insert(&store, Recording { size: 5, ..recording(owner) }).await;

    for size in sizes {
        reserve(&store, PendingUpload { size, ..plan(owner) }).await;
    }

    assert_eq!(used_bytes(&store, owner).await, 5 + sizes.iter().sum::<u64>());
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
            assert!(store.release(&plan).await.expect("an answer"), "{} is listed and not there", plan.id);
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
