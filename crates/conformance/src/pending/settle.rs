//! What a [`UploadStore`](tapebase_domain::ports::UploadStore) promises about the end of a plan.

use std::sync::Arc;

use tapebase_domain::{
    blob::BlobRef,
    page::PageRequest,
    pending::{PendingUpload, StagedRef},
    ports::SettleError,
    recording::Recording,
};
use tokio::task::JoinSet;

use super::{Rows, find, insert, reserve, used_bytes};
use crate::samples::{
    AMPLE, assert_same, assert_same_plan, noon, plan, quota, recording, recording_of, stranger, terms,
};

/// Settle takes the plan out and adds the recording it has become.
pub async fn settle_makes_the_plan_a_recording(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;
    let bystander = reserve(&store, plan(planned.owner)).await;

    let settled = settle(&store, &planned).await;

    assert_eq!(find(&store, &planned).await, None);
    assert_same(recordings(&store, &planned).await.first(), &settled);
    assert_same(store.find(settled.owner, &settled.id).await.expect("an answer").as_ref(), &settled);
    assert_same_plan(find(&store, &bystander).await.as_ref(), &bystander);
}

/// What settle adds is a recording like any other: nobody takes its blob for an orphan, and it can be removed.
pub async fn a_settled_recording_is_like_any_other(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;
    let settled = settle(&store, &planned).await;
    let orphan = BlobRef::new("ab/orphan".to_owned());

    let orphans = store.orphans(vec![settled.blob.clone(), orphan.clone()]).await.expect("an answer");
    assert_eq!(orphans, [orphan]);
    let removed = store.remove(settled.owner, &settled.id, Some(settled.revision), noon(), 100).await.expect("removed");
    assert_same(removed.as_ref(), &settled);

    assert_eq!(used_bytes(&store, settled.owner).await, 0);
    assert_eq!(store.orphans(vec![settled.blob.clone()]).await.expect("an answer"), [settled.blob]);
    let once_more = PendingUpload { id: planned.id.clone(), ..plan(planned.owner) };
    let refused = reserve(&store, once_more.clone()).await;
    let outcome = store.settle(&refused, recording_of(&refused)).await;
    let Err(SettleError::Deleted(deleted)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(deleted.id, planned.id);
    assert_same_plan(find(&store, &refused).await.as_ref(), &refused);
    release(&store, &refused).await;
    let again = reserve(&store, PendingUpload { again: true, ..once_more }).await;
    settle(&store, &again).await;
}

/// The bytes of a plan that is settled MUST stay counted, once.
pub async fn settle_keeps_the_bytes_counted_once(store: Arc<dyn Rows>) {
    let planned = reserve(&store, PendingUpload { size: 60_000, ..plan(stranger()) }).await;
    insert(&store, Recording { size: 40_000, ..recording(planned.owner) }).await;

    settle(&store, &planned).await;

    assert_eq!(used_bytes(&store, planned.owner).await, 100_000);
    assert!(store.insert(Recording { size: 1, ..recording(planned.owner) }, terms(104_095)).await.is_err());
    assert!(store.insert(Recording { size: 1, ..recording(planned.owner) }, terms(104_096)).await.is_ok());
}

/// Settle MUST return `Gone` and add nothing if this very plan is not there.
pub async fn settle_answers_gone_and_adds_nothing_if_this_very_plan_is_not_there(store: Arc<dyn Rows>) {
    let there = reserve(&store, plan(stranger())).await;
    let released = reserve(&store, plan(there.owner)).await;
    release(&store, &released).await;
    let of_another_time = PendingUpload { staged: StagedRef::new("parts/earlier".to_owned()), ..there.clone() };
    let of_another_user = PendingUpload { owner: stranger(), ..there.clone() };

    for gone in [plan(there.owner), released, of_another_time, of_another_user] {
        let refused = store.settle(&gone, recording_of(&gone)).await;

        assert!(matches!(refused, Err(SettleError::Gone)), "{refused:?}");
        assert_eq!(recordings(&store, &gone).await, []);
    }
    assert_same_plan(find(&store, &there).await.as_ref(), &there);
    assert_eq!(used_bytes(&store, there.owner).await, there.size);
}

/// Settle MUST return `Gone` once the plan is settled, even if that was for the very same recording.
pub async fn settle_answers_gone_if_it_is_repeated(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;
    let settled = settle(&store, &planned).await;

    for again in [settled.clone(), recording_of(&planned)] {
        let refused = store.settle(&planned, again).await;

        assert!(matches!(refused, Err(SettleError::Gone)), "{refused:?}");
    }
    assert_eq!(recordings(&store, &planned).await, [settled]);
    assert_eq!(used_bytes(&store, planned.owner).await, planned.size);
}

/// Settle MUST return `Gone` and add nothing if this very plan is not there, however many settle at once.
pub async fn settle_makes_one_recording_of_many_at_once(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;

    let rivals = (0..16).map(|number| {
        let (store, planned) = (store.clone(), planned.clone());
        let rival = Recording { blob: BlobRef::new(format!("ab/{number}")), ..recording_of(&planned) };
        async move { store.settle(&planned, rival).await }
    });
    let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

    let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let [Ok(winner)] = &winners[..] else { panic!("{} were settled", winners.len()) };
    assert!(losers.iter().all(|refused| matches!(refused, Err(SettleError::Gone))), "{losers:?}");
    assert_eq!(&recordings(&store, &planned).await, std::slice::from_ref(winner));
    assert_eq!(used_bytes(&store, planned.owner).await, planned.size);
    let blobs = (0..16).map(|number| BlobRef::new(format!("ab/{number}"))).collect();
    let orphans = store.orphans(blobs).await.expect("an answer");
    assert!(orphans.len() == 15 && !orphans.contains(&winner.blob), "{orphans:?}");
}

/// Settle MUST return `Taken` and leave the plan if the owner has a recording of this id.
pub async fn settle_answers_taken_and_leaves_the_plan(store: Arc<dyn Rows>) {
    let planned = reserve(&store, plan(stranger())).await;
    let there = insert(&store, Recording { id: planned.id.clone(), size: 7_000, ..recording(planned.owner) }).await;

    let refused = store.settle(&planned, recording_of(&planned)).await;

    let Err(SettleError::Taken(existing)) = refused else { panic!("{refused:?}") };
    assert_same(Some(&existing), &there);
    assert_eq!(recordings(&store, &planned).await, [there]);
    assert_same_plan(find(&store, &planned).await.as_ref(), &planned);
    assert_eq!(used_bytes(&store, planned.owner).await, planned.size + 7_000);
}

/// Settle and insert give an id to one of both, however they meet.
pub async fn an_id_is_settled_or_inserted_and_never_both(store: Arc<dyn Rows>) {
    for _ in 0..16 {
        let planned = reserve(&store, plan(stranger())).await;
        let [settled, inserted] = [recording_of(&planned), recording_of(&planned)];

        let (settling, inserting) = (store.clone(), store.clone());
        let (as_planned, by_itself) = (planned.clone(), inserted.clone());
        let settle = tokio::spawn(async move { settling.settle(&as_planned, settled).await.is_ok() });
        let insert = tokio::spawn(async move { inserting.insert(by_itself, AMPLE).await.is_ok() });
        let (is_settled, is_inserted) = (settle.await.expect("answered"), insert.await.expect("answered"));

        assert_ne!(is_settled, is_inserted);
        assert_eq!(recordings(&store, &planned).await.len(), 1);
        assert_eq!(find(&store, &planned).await.is_some(), is_inserted);
        let plans = if is_inserted { planned.size } else { 0 };
        assert_eq!(used_bytes(&store, planned.owner).await, planned.size + plans);
    }
}

/// Settle makes a recording of the owner's plan, and leaves another user's of the same id.
pub async fn settle_leaves_another_users_plan_of_the_same_id(store: Arc<dyn Rows>) {
    let hers = reserve(&store, plan(stranger())).await;
    let his = reserve(&store, PendingUpload { id: hers.id.clone(), ..plan(stranger()) }).await;

    settle(&store, &hers).await;

    assert_same_plan(find(&store, &his).await.as_ref(), &his);
    assert_eq!([used_bytes(&store, hers.owner).await, used_bytes(&store, his.owner).await], [hers.size, his.size]);
}

/// Release takes the plan out and gives its bytes back to the owner's quota.
pub async fn release_gives_back_the_bytes_and_the_id(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;
    let other = reserve(&store, PendingUpload { size: 17_000, ..plan(first.owner) }).await;

    release(&store, &first).await;

    assert_eq!(find(&store, &first).await, None);
    assert_eq!(used_bytes(&store, first.owner).await, other.size);
    let again = PendingUpload { id: first.id.clone(), ..plan(first.owner) };
    let accepted = store.reserve(again.clone(), quota(again.size + other.size)).await;
    assert!(accepted.is_ok(), "{accepted:?}");
    assert_same_plan(find(&store, &first).await.as_ref(), &again);
}

/// Release MUST return `false` and give nothing back if this very plan is not there.
pub async fn release_answers_false_and_gives_nothing_back_if_this_very_plan_is_not_there(store: Arc<dyn Rows>) {
    let there = reserve(&store, plan(stranger())).await;
    let [released, settled] = [reserve(&store, plan(there.owner)).await, reserve(&store, plan(there.owner)).await];
    release(&store, &released).await;
    settle(&store, &settled).await;
    let of_another_time = PendingUpload { staged: StagedRef::new("parts/earlier".to_owned()), ..there.clone() };
    let of_another_user = PendingUpload { owner: stranger(), ..there.clone() };

    for gone in [plan(there.owner), released, settled.clone(), of_another_time, of_another_user] {
        assert!(!store.release(&gone, None).await.expect("an answer"), "{gone:?}");
    }

    assert_same_plan(find(&store, &there).await.as_ref(), &there);
    assert_eq!(recordings(&store, &there).await.len(), 1);
    assert_eq!(used_bytes(&store, there.owner).await, there.size + settled.size);
}

/// Release MUST return `false` and give nothing back to all but one of many at once.
pub async fn release_gives_back_the_bytes_once_of_many_at_once(store: Arc<dyn Rows>) {
    let first = reserve(&store, plan(stranger())).await;
    let other = reserve(&store, PendingUpload { size: 5_000, ..plan(first.owner) }).await;

    let releases = (0..16).map(|_| {
        let (store, first) = (store.clone(), first.clone());
        async move { store.release(&first, None).await.expect("an answer") }
    });
    let outcomes = releases.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(outcomes.into_iter().filter(|is_released| *is_released).count(), 1);
    assert_eq!(used_bytes(&store, first.owner).await, other.size);
}

/// A plan is settled or released, however both meet: its bytes are counted once or not at all.
pub async fn a_plan_is_settled_or_released_and_never_both(store: Arc<dyn Rows>) {
    for _ in 0..16 {
        let planned = reserve(&store, plan(stranger())).await;

        let (settling, releasing) = (store.clone(), store.clone());
        let (to_settle, to_release) = (planned.clone(), planned.clone());
        let settle = tokio::spawn(async move { settling.settle(&to_settle, recording_of(&to_settle)).await.is_ok() });
        let release = tokio::spawn(async move { releasing.release(&to_release, None).await.expect("an answer") });
        let (is_settled, is_released) = (settle.await.expect("answered"), release.await.expect("answered"));

        assert_ne!(is_settled, is_released);
        assert_eq!(recordings(&store, &planned).await.len(), usize::from(is_settled));
        assert_eq!(used_bytes(&store, planned.owner).await, if is_settled { planned.size } else { 0 });
    }
}

pub(super) async fn settle(store: &Arc<dyn Rows>, plan: &PendingUpload) -> Recording {
    store.settle(plan, recording_of(plan)).await.expect("settled")
}

pub(super) async fn release(store: &Arc<dyn Rows>, plan: &PendingUpload) {
    assert!(store.release(plan, None).await.expect("an answer"), "{plan:?} is not there");
}

/// The recordings of the plan's owner.
async fn recordings(store: &Arc<dyn Rows>, plan: &PendingUpload) -> Vec<Recording> {
    store.list(plan.owner, PageRequest::default()).await.expect("listed")
}
