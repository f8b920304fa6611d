//! What a [`RecordStore`] promises about renaming and removing.

use std::sync::Arc;

use tapebase_domain::{
    page::PageRequest,
    ports::{RecordStore, StoreError},
    recording::{Recording, Revision},
};
use tokio::task::JoinSet;

use super::{find, insert, used_bytes};
use crate::samples::{assert_same, name, recording, stranger};

/// Rename MUST return the recording as it is now, its revision counted up.
pub async fn rename_answers_the_recording_as_it_is_now(store: Arc<dyn RecordStore>) {
    let mut expected = insert(&store, recording(stranger())).await;
    let bystander = insert(&store, recording(expected.owner)).await;

    for (text, seen) in [("interview.m4a", None), ("100%_\\'\"🎙️", Some(Revision(2))), ("100%_\\'\"🎙️", None)]
    {
        expected = Recording { name: name(text), revision: Revision(expected.revision.0 + 1), ..expected };
        let renamed = store.rename(expected.owner, &expected.id, name(text), seen).await.expect("renamed");

        assert_same(renamed.as_ref(), &expected);
        assert_same(find(&store, &expected).await.as_ref(), &expected);
    }
    assert_same(find(&store, &bystander).await.as_ref(), &bystander);
}

/// Rename MUST return `None` for another user's recording.
pub async fn rename_finds_nothing_of_another_user(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;

    for expected in [None, Some(hers.revision), Some(Revision(9))] {
        let renamed = store.rename(his.owner, &hers.id, name("mine.m4a"), expected).await;

        assert_eq!(renamed.expect("an answer"), None);
    }
    assert_same(find(&store, &hers).await.as_ref(), &hers);
}

/// Rename MUST return `Conflict` and change nothing if `expected` is not the recording's revision.
pub async fn rename_conflicts_at_another_revision_and_changes_nothing(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let renamed = store.rename(first.owner, &first.id, name("renamed.m4a"), None).await.expect("renamed");
    let renamed = renamed.expect("it is there");

    for stale in [Revision(0), first.revision, Revision(3)] {
        let refused = store.rename(first.owner, &first.id, name("late.m4a"), Some(stale)).await;

        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    assert_same(find(&store, &first).await.as_ref(), &renamed);
}

/// Rename MUST return `Conflict` if `expected` is not the recording's revision, however many rename at once.
pub async fn rename_gives_a_revision_to_one_of_many_at_once(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;

    let outcomes = rename_at_once(&store, &first, Some(first.revision)).await;

    let (renamed, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(StoreError::Conflict))), "{refused:?}");
    let [Ok(Some(renamed))] = &renamed[..] else { panic!("{renamed:?}") };
    assert_same(find(&store, &first).await.as_ref(), renamed);
}

/// Rename counts up the revision, however many rename at once.
pub async fn rename_counts_every_change_of_many_at_once(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;

    let outcomes = rename_at_once(&store, &first, None).await;

    let renamed = outcomes.into_iter().map(|outcome| outcome.expect("renamed").expect("it is there"));
    let mut revisions: Vec<u64> = renamed.map(|recording| recording.revision.0).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=17).collect::<Vec<_>>());
}

/// Remove MUST return the recording that was there.
pub async fn remove_answers_the_recording_that_was_there(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let bystander = insert(&store, recording(owner)).await;
    for expected in [None, Some(Revision(1))] {
        let there = insert(&store, recording(owner)).await;

        let removed = store.remove(owner, &there.id, expected).await.expect("removed");

        assert_same(removed.as_ref(), &there);
        assert_eq!(find(&store, &there).await, None);
        assert_eq!(store.remove(owner, &there.id, expected).await.expect("an answer"), None);
    }
    assert_eq!(store.list(owner, PageRequest::default()).await.expect("listed"), [bystander]);
}

/// Remove MUST return `None` for another user's recording, and leave it.
pub async fn remove_leaves_what_is_of_another_user(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;

    for expected in [None, Some(hers.revision), Some(Revision(9))] {
        assert_eq!(store.remove(his.owner, &hers.id, expected).await.expect("an answer"), None);
    }

    assert_same(find(&store, &hers).await.as_ref(), &hers);
    assert_eq!([used_bytes(&store, hers.owner).await, used_bytes(&store, his.owner).await], [hers.size, his.size]);
}

/// Remove MUST return `Conflict` and leave the recording if `expected` is not its revision.
pub async fn remove_conflicts_at_another_revision_and_leaves_it(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let renamed = store.rename(first.owner, &first.id, name("renamed.m4a"), None).await.expect("renamed");
    let renamed = renamed.expect("it is there");

    for stale in [Revision(0), first.revision, Revision(3)] {
        let refused = store.remove(first.owner, &first.id, Some(stale)).await;

        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    assert_same(find(&store, &first).await.as_ref(), &renamed);
    assert_eq!(used_bytes(&store, first.owner).await, first.size);
}

/// Remove gives the recording's bytes back to the owner's quota, and its id.
pub async fn remove_gives_back_the_bytes_and_the_id(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let other = insert(&store, Recording { size: 17, ..recording(first.owner) }).await;
    store.remove(first.owner, &first.id, None).await.expect("removed");
    assert_eq!(used_bytes(&store, first.owner).await, other.size);

    let accepted = store.insert(first.clone(), first.size + other.size).await;

    assert!(accepted.is_ok(), "{accepted:?}");
    assert_same(find(&store, &first).await.as_ref(), &first);
}

/// Remove MUST return the recording to one alone of many at once, and give its bytes back once.
pub async fn remove_gives_back_the_bytes_once_of_many_at_once(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let other = insert(&store, Recording { size: 5_000, ..recording(first.owner) }).await;

    let removals = (0..16).map(|_| {
        let (store, first) = (store.clone(), first.clone());
        async move { store.remove(first.owner, &first.id, None).await.expect("an answer") }
    });
    let outcomes = removals.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(outcomes.into_iter().flatten().collect::<Vec<_>>(), [first]);
    assert_eq!(used_bytes(&store, other.owner).await, other.size);
}

async fn rename_at_once(
    store: &Arc<dyn RecordStore>,
    recording: &Recording,
    expected: Option<Revision>,
) -> Vec<Result<Option<Recording>, StoreError>> {
    let renames = (0..16).map(|number| {
        let (store, recording) = (store.clone(), recording.clone());
        let name = name(&format!("take {number}.m4a"));
        async move { store.rename(recording.owner, &recording.id, name, expected).await }
    });
    renames.collect::<JoinSet<_>>().join_all().await
}
