//! What a [`RecordStore`] promises about renaming and removing.

use std::sync::Arc;

use tapebase_domain::{
    blob::BlobRef,
    history::{ChangeNumber, Entry},
    page::PageRequest,
    ports::{InsertError, RecordStore, RevisionError, Terms},
    recording::{Recording, Revision},
};
use tokio::task::JoinSet;

use super::{find, insert, used_bytes};
use crate::samples::{AMPLE, assert_same, noon, quota, recording, renaming, stranger};

/// Edit MUST return the recording as it is now, its revision counted up.
pub async fn edit_answers_the_recording_as_it_is_now(store: Arc<dyn RecordStore>) {
    let mut expected = insert(&store, recording(stranger())).await;
    let bystander = insert(&store, recording(expected.owner)).await;

    for (text, seen) in [("interview.m4a", None), ("100%_\\'\"🎙️", Some(Revision(2))), ("100%_\\'\"🎙️", None)]
    {
        expected = renaming(text).apply(Recording { changed: last_change(&store, &expected).await, ..expected });
        expected.changed = expected.changed.next();
        let renamed = store.edit(expected.owner, &expected.id, renaming(text), seen).await.expect("renamed");

        assert_same(renamed.as_ref(), &expected);
        assert_same(find(&store, &expected).await.as_ref(), &expected);
    }
    assert_same(find(&store, &bystander).await.as_ref(), &bystander);
}

/// Edit MUST return `None` for another user's recording.
pub async fn edit_finds_nothing_of_another_user(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;

    for expected in [None, Some(hers.revision), Some(Revision(9))] {
        let renamed = store.edit(his.owner, &hers.id, renaming("mine.m4a"), expected).await;

        assert_eq!(renamed.expect("an answer"), None);
    }
    assert_same(find(&store, &hers).await.as_ref(), &hers);
}

/// Edit MUST return `Stale` and change nothing if `expected` is not the recording's revision.
pub async fn edit_conflicts_at_another_revision_and_changes_nothing(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let renamed = store.edit(first.owner, &first.id, renaming("renamed.m4a"), None).await.expect("renamed");
    let renamed = renamed.expect("it is there");

    for stale in [Revision(0), first.revision, Revision(3)] {
        let refused = store.edit(first.owner, &first.id, renaming("late.m4a"), Some(stale)).await;

        assert!(matches!(refused, Err(RevisionError::Stale)), "{refused:?}");
    }
    assert_same(find(&store, &first).await.as_ref(), &renamed);
}

/// Edit MUST return `Stale` if `expected` is not the recording's revision, however many rename at once.
pub async fn edit_gives_a_revision_to_one_of_many_at_once(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;

    let outcomes = rename_at_once(&store, &first, Some(first.revision)).await;

    let (renamed, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(RevisionError::Stale))), "{refused:?}");
    let [Ok(Some(renamed))] = &renamed[..] else { panic!("{renamed:?}") };
    assert_same(find(&store, &first).await.as_ref(), renamed);
}

/// Edit counts up the revision, however many rename at once.
pub async fn edit_counts_every_change_of_many_at_once(store: Arc<dyn RecordStore>) {
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

        let removed = store.remove(owner, &there.id, expected, noon(), 100).await.expect("removed");

        assert_same(removed.as_ref(), &there);
        assert_eq!(find(&store, &there).await, None);
        assert_eq!(store.remove(owner, &there.id, expected, noon(), 100).await.expect("an answer"), None);
    }
    assert_eq!(store.list(owner, PageRequest::default()).await.expect("listed"), [bystander]);
}

/// Remove MUST return `None` for another user's recording, and leave it.
pub async fn remove_leaves_what_is_of_another_user(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;

    for expected in [None, Some(hers.revision), Some(Revision(9))] {
        assert_eq!(store.remove(his.owner, &hers.id, expected, noon(), 100).await.expect("an answer"), None);
    }

    assert_same(find(&store, &hers).await.as_ref(), &hers);
    assert_eq!([used_bytes(&store, hers.owner).await, used_bytes(&store, his.owner).await], [hers.size, his.size]);
}

/// Remove MUST return `Stale` and leave the recording if `expected` is not its revision.
pub async fn remove_conflicts_at_another_revision_and_leaves_it(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let renamed = store.edit(first.owner, &first.id, renaming("renamed.m4a"), None).await.expect("renamed");
    let renamed = renamed.expect("it is there");

    for stale in [Revision(0), first.revision, Revision(3)] {
        let refused = store.remove(first.owner, &first.id, Some(stale), noon(), 100).await;

        assert!(matches!(refused, Err(RevisionError::Stale)), "{refused:?}");
    }
    assert_same(find(&store, &first).await.as_ref(), &renamed);
    assert_eq!(used_bytes(&store, first.owner).await, first.size);
}

/// Remove gives the recording's bytes back to the owner's quota, and its id.
pub async fn remove_gives_back_the_bytes_and_the_id(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let other = insert(&store, Recording { size: 17_000, ..recording(first.owner) }).await;
    store.remove(first.owner, &first.id, None, noon(), 100).await.expect("removed");
    assert_eq!(used_bytes(&store, first.owner).await, other.size);

    let quota = quota(first.size + other.size);
    let accepted = store.insert(first.clone(), Terms { quota, again: true }).await.expect("inserted");

    assert_same(find(&store, &first).await.as_ref(), &accepted);
}

/// Remove MUST return the recording to one alone of many at once, and give its bytes back once.
pub async fn remove_gives_back_the_bytes_once_of_many_at_once(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let other = insert(&store, Recording { size: 5_000, ..recording(first.owner) }).await;

    let removals = (0..16).map(|_| {
        let (store, first) = (store.clone(), first.clone());
        async move { store.remove(first.owner, &first.id, None, noon(), 100).await.expect("an answer") }
    });
    let outcomes = removals.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(outcomes.into_iter().flatten().collect::<Vec<_>>(), [first]);
    assert_eq!(used_bytes(&store, other.owner).await, other.size);
}

/// A tombstone stays where a recording was deleted: look up MUST find it.
pub async fn look_up_finds_recordings_and_tombstones(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    let other = insert(&store, recording(stranger())).await;
    store.remove(first.owner, &first.id, None, noon(), 100).await.expect("removed");

    let found = store.look_up(first.owner, &first.id).await.expect("an answer");
    let Some(Entry::Deleted(deleted)) = found else { panic!("{found:?}") };
    assert_eq!((deleted.id, deleted.owner, deleted.deleted_at), (first.id.clone(), first.owner, noon()));
    assert_eq!(deleted.changed, first.changed.next());
    assert_eq!(store.look_up(other.owner, &first.id).await.expect("an answer"), None);
    assert_eq!(store.look_up(first.owner, &other.id).await.expect("an answer"), None);
    let found = store.look_up(other.owner, &other.id).await.expect("an answer");
    let Some(Entry::Recording(found)) = found else { panic!("{found:?}") };
    assert_same(Some(&found), &other);
}

/// Insert MUST return `Deleted` if its owner has deleted one of this id, unless `again` says that it may return.
pub async fn insert_answers_deleted_unless_it_is_again(store: Arc<dyn RecordStore>) {
    let first = insert(&store, recording(stranger())).await;
    store.remove(first.owner, &first.id, None, noon(), 100).await.expect("removed");

    for late in [first.clone(), Recording { id: first.id.clone(), ..recording(first.owner) }] {
        let refused = store.insert(late, AMPLE).await;
        let Err(InsertError::Deleted(deleted)) = refused else { panic!("{refused:?}") };
        assert_eq!((deleted.id, deleted.deleted_at), (first.id.clone(), noon()));
    }
    assert_eq!(find(&store, &first).await, None);
    let his = insert(&store, Recording { id: first.id.clone(), ..recording(stranger()) }).await;
    assert_same(find(&store, &his).await.as_ref(), &his);
    let again = store.insert(first.clone(), Terms { again: true, ..AMPLE }).await.expect("inserted again");

    assert_same(find(&store, &first).await.as_ref(), &again);
    let refused = store.insert(recording_of(&first), AMPLE).await;
    assert!(matches!(refused, Err(InsertError::Taken(_))), "{refused:?}");
    assert_eq!(store.counters(first.owner).await.expect("counted").tombstones, 0);
}

/// Remove MUST leave the owner no more tombstones than that, and forget the oldest first.
pub async fn remove_forgets_the_oldest_tombstones_past_so_many(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let mut deleted = Vec::new();
    for _ in 0..5 {
        let there = insert(&store, recording(owner)).await;
        store.remove(owner, &there.id, None, noon(), 3).await.expect("removed");
        deleted.push(there.id);
    }

    assert_eq!(store.counters(owner).await.expect("counted").tombstones, 3);
    for (number, id) in deleted.iter().enumerate() {
        let found = store.look_up(owner, id).await.expect("an answer");
        assert_eq!(found.is_some(), number >= 2, "{number}");
    }
}

/// Marking MUST change nothing else of the recording but its change number.
pub async fn mark_damaged_says_since_when_and_changes_nothing_else(store: Arc<dyn RecordStore>) {
    let there = insert(&store, recording(stranger())).await;
    let other = insert(&store, recording(stranger())).await;

    for since in [Some(noon()), None] {
        let before = find(&store, &there).await.expect("it is there");
        let is_marked = store.mark_damaged(there.owner, &there.id, &there.blob, since).await;

        assert!(is_marked.expect("marked"), "{since:?}");
        let marked = Recording { damaged_at: since, changed: before.changed.next(), ..there.clone() };
        assert_same(find(&store, &there).await.as_ref(), &marked);
    }
    assert_same(find(&store, &other).await.as_ref(), &other);
}

/// Marking MUST return `false` and change nothing unless the recording is there, with this audio, and marked otherwise.
pub async fn mark_damaged_marks_only_what_is_not_marked_yet(store: Arc<dyn RecordStore>) {
    let there = insert(&store, recording(stranger())).await;
    let elsewhere = BlobRef::new("elsewhere".into());
    let since = Some(noon());

    for (owner, blob, since) in
        [(there.owner, &elsewhere, since), (stranger(), &there.blob, since), (there.owner, &there.blob, None)]
    {
        assert!(!store.mark_damaged(owner, &there.id, blob, since).await.expect("asked"));
        assert_same(find(&store, &there).await.as_ref(), &there);
    }
    assert!(store.mark_damaged(there.owner, &there.id, &there.blob, since).await.expect("marked"));
    assert!(!store.mark_damaged(there.owner, &there.id, &there.blob, since).await.expect("asked"));
}

/// Move MUST change where the audio is, and nothing else of the recording but its change number, and that it was damaged.
pub async fn move_blob_changes_where_the_audio_is_and_nothing_else(store: Arc<dyn RecordStore>) {
    let inserted = insert(&store, recording(stranger())).await;
    assert!(store.mark_damaged(inserted.owner, &inserted.id, &inserted.blob, Some(noon())).await.expect("marked"));
    let there = Recording { changed: inserted.changed.next(), ..inserted };
    let other = insert(&store, recording(stranger())).await;
    let blob = BlobRef::new("elsewhere".into());

    let is_moved = store.move_blob(there.owner, &there.id, &there.blob, blob.clone(), None).await;

    assert!(is_moved.expect("moved"));
    let moved = Recording { blob: blob.clone(), changed: there.changed.next(), ..there.clone() };
    assert_same(find(&store, &there).await.as_ref(), &moved);
    assert_same(find(&store, &other).await.as_ref(), &other);
    assert_eq!(store.orphans(vec![there.blob.clone(), blob]).await.expect("asked"), [there.blob]);
}

/// Move MUST return `false` and change nothing unless the recording is there and its audio is where it is said to be.
pub async fn move_blob_moves_only_what_is_where_it_is_said_to_be(store: Arc<dyn RecordStore>) {
    let there = insert(&store, recording(stranger())).await;
    let elsewhere = BlobRef::new("elsewhere".into());

    for (owner, from) in [(there.owner, &elsewhere), (stranger(), &there.blob)] {
        let is_moved = store.move_blob(owner, &there.id, from, elsewhere.clone(), Some(noon())).await;
        assert!(!is_moved.expect("asked"));
    }

    assert_same(find(&store, &there).await.as_ref(), &there);
}

/// Counters MUST be what recount finds, whatever was done before.
pub async fn counters_are_what_there_is(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    assert_eq!(store.counters(owner).await.expect("counted"), store.recount(owner).await.expect("counted"));
    let [first, second] = [insert(&store, recording(owner)).await, insert(&store, recording(owner)).await];
    store.edit(owner, &first.id, renaming("renamed"), None).await.expect("renamed");
    store.remove(owner, &second.id, None, noon(), 100).await.expect("removed");

    let counters = store.counters(owner).await.expect("counted");

    assert_eq!((counters.bytes, counters.recordings, counters.tombstones), (first.size, 1, 1));
    assert_eq!(counters.changed, ChangeNumber(4));
    assert_eq!(store.recount(owner).await.expect("counted"), counters);
    assert_eq!(store.counters(owner).await.expect("counted"), counters);
}

/// Another recording under the same id.
fn recording_of(other: &Recording) -> Recording {
    Recording { id: other.id.clone(), ..recording(other.owner) }
}

async fn last_change(store: &Arc<dyn RecordStore>, recording: &Recording) -> ChangeNumber {
    store.counters(recording.owner).await.expect("counted").changed
}

async fn rename_at_once(
    store: &Arc<dyn RecordStore>,
    recording: &Recording,
    expected: Option<Revision>,
) -> Vec<Result<Option<Recording>, RevisionError>> {
    let renames = (0..16).map(|number| {
        let (store, recording) = (store.clone(), recording.clone());
        let edit = renaming(&format!("take {number}.m4a"));
        async move { store.edit(recording.owner, &recording.id, edit, expected).await }
    });
    renames.collect::<JoinSet<_>>().join_all().await
}
