//! What a [`ChangeFeed`] and a [`DeletedStore`] promise.

mod storm;

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use tapebase_domain::{
    blob::BlobRef,
    history::{ChangeNumber, DueAudio, Entry},
    id::{RecordingId, UserId},
    ports::{ChangeFeed, Changes, ChangesRequest, DeletedStore, RecordStore, Terms, UploadStore},
    recording::Recording,
};

pub use self::storm::{Storm, storm};
use crate::samples::{AMPLE, assert_same, noon, plan, recording, recording_of, renaming, stranger, terms};

/// A store of recordings that tells how they change.
pub trait Rows: RecordStore + ChangeFeed + DeletedStore + UploadStore {}

impl<S: RecordStore + ChangeFeed + DeletedStore + UploadStore> Rows for S {}

/// The list MUST have the latest state of every recording and every tombstone, in the order of their numbers.
pub async fn changes_have_the_latest_state_in_order(store: Arc<dyn Rows>) {
    let owner = stranger();
    let first = insert(&*store, recording(owner)).await;
    let second = insert(&*store, recording(owner)).await;
    let gone = insert(&*store, recording(owner)).await;
    let renamed = store.edit(owner, &first.id, renaming("renamed"), None).await.expect("renamed").expect("there");
    store.remove(owner, &gone.id, None, noon(), 100).await.expect("removed");

    let changes = changes(&*store, owner, 0, 0, 100).await;

    let numbers: Vec<u64> = changes.entries.iter().map(|entry| entry.changed().0).collect();
    assert_eq!(numbers, [2, 4, 5]);
    let [Entry::Recording(one), Entry::Recording(other), Entry::Deleted(deleted)] = &changes.entries[..] else {
        panic!("{changes:?}")
    };
    assert_same(Some(one), &second);
    assert_same(Some(other), &renamed);
    assert_eq!((&deleted.id, deleted.deleted_at), (&gone.id, noon()));
    assert_eq!((changes.reached, changes.latest, changes.has_more), (ChangeNumber(5), ChangeNumber(5), false));
    assert_eq!(changes.forgotten, ChangeNumber(0));
}

/// The list MUST have only what is of the owner, and of that only what has changed since.
pub async fn changes_are_the_owners_and_later_than_asked_for(store: Arc<dyn Rows>) {
    let (owner, other) = (stranger(), stranger());
    for owner in [owner, other, owner, other] {
        insert(&*store, recording(owner)).await;
    }

    let all = changes(&*store, owner, 0, 0, 100).await;
    assert_eq!(all.entries.len(), 2);
    assert!(all.entries.iter().all(|entry| matches!(entry, Entry::Recording(it) if it.owner == owner)));
    let later = changes(&*store, owner, 1, 0, 100).await;
    assert_eq!(later.entries, all.entries[1..]);
    let none = changes(&*store, owner, 2, 0, 100).await;
    assert_eq!((none.entries, none.reached, none.has_more), (Vec::new(), ChangeNumber(2), false));
    let nobody = changes(&*store, stranger(), 0, 0, 100).await;
    assert_eq!((nobody.entries, nobody.latest), (Vec::new(), ChangeNumber(0)));
}

/// Walked until there is no more, the lists have everything, whatever the limit, and no tombstones up to a number.
pub async fn changes_are_walked_in_pages_without_early_tombstones(store: Arc<dyn Rows>) {
    let owner = stranger();
    let mut kept = BTreeMap::new();
    for number in 0..23 {
        let there = insert(&*store, recording(owner)).await;
        if number % 3 == 0 {
            store.remove(owner, &there.id, None, noon(), 100).await.expect("removed");
        } else {
            kept.insert(there.id.clone(), there);
        }
    }
    let latest = store.latest_change(owner).await.expect("an answer").0;
    let late = insert(&*store, recording(owner)).await;
    store.remove(owner, &late.id, None, noon(), 100).await.expect("removed");

    for limit in [1, 2, 7, 100] {
        let (mut walked, mut tombstones, mut after) = (BTreeMap::new(), Vec::new(), 0);
        loop {
            let page = changes(&*store, owner, after, latest, limit).await;
            assert!(page.entries.len() <= limit, "{limit}");
            for entry in page.entries {
                match entry {
                    Entry::Recording(there) => drop(walked.insert(there.id.clone(), *there)),
                    Entry::Deleted(deleted) => tombstones.push(deleted.id),
                }
            }
            assert!(page.reached.0 > after || !page.has_more, "it goes on");
            after = page.reached.0;
            if !page.has_more {
                break;
            }
        }
        assert_eq!(walked, kept, "{limit}");
        assert_eq!(tombstones, std::slice::from_ref(&late.id), "{limit}");
    }
}

/// The number MUST count up by one with every change of a recording, and with nothing else.
pub async fn every_change_takes_the_next_number(store: Arc<dyn Rows>) {
    let owner = stranger();
    let number = async || store.latest_change(owner).await.expect("an answer").0;
    assert_eq!(number().await, 0);

    let first = insert(&*store, recording(owner)).await;
    assert_eq!((first.changed, number().await), (ChangeNumber(1), 1));
    store.insert(first.clone(), AMPLE).await.expect_err("taken");
    store.insert(recording(owner), terms(0)).await.expect_err("over quota");
    store.edit(owner, &recording(owner).id, renaming("nothing"), None).await.expect("an answer");
    assert_eq!(number().await, 1);
    let edited = store.edit(owner, &first.id, renaming("renamed"), None).await.expect("renamed").expect("there");
    assert_eq!((edited.changed, number().await), (ChangeNumber(2), 2));
    let elsewhere = BlobRef::new("elsewhere".into());
    assert!(store.move_blob(owner, &first.id, &first.blob, elsewhere, None).await.expect("moved"));
    assert_eq!(number().await, 3);
    let upload = plan(owner);
    store.reserve(upload.clone(), AMPLE.quota).await.expect("reserved");
    assert_eq!(number().await, 3);
    let settled = store.settle(&upload, recording_of(&upload)).await.expect("settled");
    assert_eq!((settled.changed, number().await), (ChangeNumber(4), 4));
    store.remove(owner, &first.id, None, noon(), 100).await.expect("removed");
    assert_eq!(number().await, 5);
}

/// History MUST stay the same until it is renewed, and then be another.
pub async fn history_stays_until_it_is_renewed(store: Arc<dyn Rows>) {
    let owner = stranger();
    let first = store.history().await.expect("an answer");
    insert(&*store, recording(owner)).await;
    assert_eq!(store.history().await.expect("an answer"), first);
    assert_eq!(changes(&*store, owner, 0, 0, 1).await.history, first);

    let second = store.renew_history().await.expect("renewed");

    assert_ne!(second, first);
    assert_eq!(store.history().await.expect("an answer"), second);
    assert_eq!(changes(&*store, owner, 0, 0, 1).await.history, second);
}

/// Audio to remove MUST be listed until it is noted as removed, though the id has another recording by now.
pub async fn deleted_audio_is_listed_until_it_is_noted_as_removed(store: Arc<dyn Rows>) {
    let owner = stranger();
    let there = insert(&*store, recording(owner)).await;
    store.remove(owner, &there.id, None, noon(), 100).await.expect("removed");
    let again = Recording { id: there.id.clone(), ..recording(owner) };
    store.insert(again.clone(), Terms { again: true, ..AMPLE }).await.expect("inserted");
    let audio = DueAudio { owner, id: there.id.clone(), blob: there.blob.clone() };

    assert_eq!(listed(&*store, owner, TimeDelta::zero()).await, []);
    for _ in 0..2 {
        assert_eq!(listed(&*store, owner, TimeDelta::seconds(1)).await, std::slice::from_ref(&audio));
    }
    for _ in 0..2 {
        store.audio_removed(&audio, noon() + TimeDelta::days(1)).await.expect("noted");
        assert_eq!(listed(&*store, owner, TimeDelta::days(9)).await, []);
    }
    let found = store.find(owner, &there.id).await.expect("an answer").expect("it is there");
    assert_eq!(found.blob, again.blob);
}

/// Noted audio MUST be listed once it is due, and what is noted already MUST stay as it is.
pub async fn noted_audio_is_listed_in_its_time_and_stays_as_it_was_noted_first(store: Arc<dyn Rows>) {
    let (owner, days) = (stranger(), |days| noon() + TimeDelta::days(days));
    let audio = audio_of(&recording(owner));

    for due_at in [days(7), days(14), days(1)] {
        store.note_audio(&audio, due_at).await.expect("noted");
        assert_eq!(listed(&*store, owner, TimeDelta::days(7)).await, []);
        assert_eq!(listed(&*store, owner, TimeDelta::days(8)).await, std::slice::from_ref(&audio));
    }
    store.audio_removed(&audio, days(8)).await.expect("noted");
    assert_eq!(listed(&*store, owner, TimeDelta::days(30)).await, []);
    // A power cut brings back what was deleted.
    store.note_audio(&audio, days(7)).await.expect("noted");
    assert_eq!(listed(&*store, owner, TimeDelta::days(8)).await, std::slice::from_ref(&audio));
    store.audio_removed(&audio, days(8)).await.expect("noted");
    while store.forget_deleted(days(9)).await.expect("forgotten") > 0 {}
    assert_eq!(store.look_up(owner, &audio.id).await.expect("an answer"), None);
}

/// Audio that is put off MUST be listed then and not before; what is not to be removed MUST NOT be noted by that.
pub async fn audio_that_is_put_off_is_listed_later(store: Arc<dyn Rows>) {
    let owner = stranger();
    let [audio, removed, unknown] = [0; 3].map(|_| audio_of(&recording(owner)));
    for audio in [&audio, &removed] {
        store.note_audio(audio, noon()).await.expect("noted");
    }
    store.audio_removed(&removed, noon() + TimeDelta::days(30)).await.expect("noted");

    for audio in [&audio, &removed, &unknown] {
        store.put_off_audio(audio, noon() + TimeDelta::hours(1)).await.expect("put off");
    }

    assert_eq!(listed(&*store, owner, TimeDelta::minutes(59)).await, []);
    assert_eq!(listed(&*store, owner, TimeDelta::minutes(61)).await, [audio]);
}

/// The list MUST have the owner's audio that is to be removed, and nobody else's.
pub async fn audio_of_a_user_is_listed_whenever_it_is_due(store: Arc<dyn Rows>) {
    let owner = stranger();
    let [later, removed] = [0; 2].map(|_| audio_of(&recording(owner)));
    store.note_audio(&later, noon() + TimeDelta::days(7)).await.expect("noted");
    store.note_audio(&removed, noon()).await.expect("noted");
    store.audio_removed(&removed, noon()).await.expect("noted");
    store.note_audio(&audio_of(&recording(stranger())), noon()).await.expect("noted");

    assert_eq!(store.audio_of(owner).await.expect("listed"), [later]);
    assert_eq!(store.audio_of(stranger()).await.expect("listed"), []);
}

/// Moving a recording to other audio notes what it leaves, if that is wanted and it is moved.
pub async fn what_a_recording_leaves_behind_is_noted_where_that_is_wanted(store: Arc<dyn Rows>) {
    let owner = stranger();
    let [kept, left] = [insert(&*store, recording(owner)).await, insert(&*store, recording(owner)).await];
    let to = |there: &Recording| BlobRef::new(format!("{} moved", there.blob));

    for (there, due_at) in [(&kept, None), (&left, Some(noon())), (&left, Some(noon()))] {
        store.move_blob(owner, &there.id, &there.blob, to(there), due_at).await.expect("an answer");
    }
    let nothing = recording(owner);
    assert!(!store.move_blob(owner, &nothing.id, &nothing.blob, to(&nothing), Some(noon())).await.expect("an answer"));

    assert_eq!(listed(&*store, owner, TimeDelta::seconds(1)).await, [audio_of(&left)]);
}

/// Releasing an upload notes what it leaves, unless it is not there.
pub async fn what_an_upload_leaves_behind_is_noted_with_its_release(store: Arc<dyn Rows>) {
    let upload = plan(stranger());
    let audio = audio_of(&recording_of(&upload));
    let left = || Some((audio.clone(), noon() + TimeDelta::hours(1)));
    assert!(!store.release(&upload, left()).await.expect("an answer"));
    store.reserve(upload.clone(), AMPLE.quota).await.expect("reserved");
    assert_eq!(store.audio_of(upload.owner).await.expect("listed"), []);

    assert!(store.release(&upload, left()).await.expect("released"));

    assert_eq!(listed(&*store, upload.owner, TimeDelta::hours(1)).await, []);
    assert_eq!(listed(&*store, upload.owner, TimeDelta::hours(2)).await, [audio]);
}

/// Forget MUST leave the tombstones of later deletions, and tell who knows no more than that.
pub async fn tombstones_are_forgotten_in_their_time(store: Arc<dyn Rows>) {
    let owner = stranger();
    let mut deleted = Vec::new();
    for day in 1..=3 {
        let there = insert(&*store, recording(owner)).await;
        let at = noon() + TimeDelta::days(day);
        store.remove(owner, &there.id, None, at, 100).await.expect("removed");
        let audio = DueAudio { owner, id: there.id.clone(), blob: there.blob };
        store.audio_removed(&audio, at).await.expect("noted");
        deleted.push(there.id);
    }

    while store.forget_deleted(noon() + TimeDelta::days(2) + TimeDelta::seconds(1)).await.expect("forgotten") > 0 {}

    let changes = changes(&*store, owner, 0, 0, 100).await;
    assert_eq!(changes.entries.iter().map(|entry| entry.id().clone()).collect::<Vec<_>>(), deleted[2..]);
    assert_eq!((changes.forgotten, changes.latest), (ChangeNumber(4), ChangeNumber(6)));
    let returning = Recording { id: deleted[0].clone(), ..recording(owner) };
    store.insert(returning, AMPLE).await.expect("it was never there");
}

/// A tombstone whose id was deleted again since is not forgotten in the time of the first one.
pub async fn a_later_tombstone_of_the_same_id_stays(store: Arc<dyn Rows>) {
    let owner = stranger();
    let id = recording(owner).id;
    for day in [1, 5] {
        let there = Recording { id: id.clone(), ..recording(owner) };
        let there = store.insert(there, Terms { again: true, ..AMPLE }).await.expect("inserted");
        let at = noon() + TimeDelta::days(day);
        store.remove(owner, &id, None, at, 100).await.expect("removed");
        let audio = DueAudio { owner, id: id.clone(), blob: there.blob };
        store.audio_removed(&audio, at).await.expect("noted");
    }

    while store.forget_deleted(noon() + TimeDelta::days(2)).await.expect("forgotten") > 0 {}

    let found = store.look_up(owner, &id).await.expect("an answer");
    assert!(matches!(found, Some(Entry::Deleted(_))), "{found:?}");
    while store.forget_deleted(noon() + TimeDelta::days(6)).await.expect("forgotten") > 0 {}
    assert_eq!(store.look_up(owner, &id).await.expect("an answer"), None);
}

async fn insert(store: &dyn Rows, recording: Recording) -> Recording {
    store.insert(recording, AMPLE).await.expect("inserted")
}

async fn changes(store: &dyn Rows, owner: UserId, after: u64, no_deleted_up_to: u64, limit: usize) -> Changes {
    let (after, no_deleted_up_to) = (ChangeNumber(after), ChangeNumber(no_deleted_up_to));
    store.changes(owner, ChangesRequest { after, no_deleted_up_to, limit }).await.expect("listed")
}

/// The audio of an owner that was to be removed so long after noon.
async fn listed(store: &dyn Rows, owner: UserId, later: TimeDelta) -> Vec<DueAudio> {
    let mut all = store.audio_to_remove(noon() + later).await.expect("listed");
    all.retain(|audio| audio.owner == owner);
    all
}

/// The audio of a recording.
fn audio_of(recording: &Recording) -> DueAudio {
    let Recording { owner, id, blob, .. } = recording.clone();
    DueAudio { owner, id, blob }
}

/// The ids of what there is.
pub(crate) fn ids(entries: &BTreeMap<RecordingId, Entry>) -> Vec<&RecordingId> {
    let recordings = entries.iter().filter(|(_, entry)| matches!(entry, Entry::Recording(_)));
    recordings.map(|(id, _)| id).collect()
}
