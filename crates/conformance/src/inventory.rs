//! What an [`Inventory`] promises.

use std::{collections::BTreeSet, sync::Arc};

use tapebase_domain::{
    history::Counters,
    id::{RecordingId, UserId},
    ports::{Inventory, RecordStore, UploadStore},
    recording::Recording,
};

use crate::samples::{AMPLE, assert_same, noon, plan, recording, stranger};

/// A store that looks after recordings and plans.
pub trait Rows: RecordStore + UploadStore + Inventory {}

impl<S: RecordStore + UploadStore + Inventory> Rows for S {}

/// Walked until it is empty, the list MUST have every recording of every user exactly once.
pub async fn a_walk_has_every_recording_of_every_user_exactly_once(store: Arc<dyn Rows>) {
    let mut kept = Vec::new();
    for owner in [stranger(), stranger(), stranger()] {
        for _ in 0..150 {
            kept.push(store.insert(recording(owner), AMPLE).await.expect("inserted"));
        }
    }
    kept.sort_by(|a, b| (a.owner, &a.id).cmp(&(b.owner, &b.id)));

    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store.recordings(after).await.expect("listed").recordings;
        let Some(last) = page.last() else { break };
        after = Some((last.owner, last.id.clone()));
        walked.extend(page);
    }

    walked.sort_by(|a, b| (a.owner, &a.id).cmp(&(b.owner, &b.id)));
    assert_eq!(walked.len(), kept.len());
    for (found, expected) in walked.iter().zip(&kept) {
        assert_same(Some(found), expected);
    }
}

/// Damaged MUST list none whose audio is not, or is no more.
pub async fn what_is_damaged_is_listed_as_long_as_it_is(store: Arc<dyn Rows>) {
    let mut kept = Vec::new();
    for owner in [stranger(), stranger(), stranger()] {
        kept.push(store.insert(recording(owner), AMPLE).await.expect("inserted"));
    }
    let mark = async |recording: &Recording, since| {
        assert!(store.mark_damaged(recording.owner, &recording.id, &recording.blob, since).await.expect("marked"));
    };
    assert_eq!(store.damaged(10).await.expect("listed"), []);

    mark(&kept[0], Some(noon())).await;
    mark(&kept[1], Some(noon())).await;

    let key = |recording: &Recording| (recording.owner, recording.id.clone());
    let listed: BTreeSet<_> = store.damaged(10).await.expect("listed").into_iter().collect();
    assert_eq!(listed, BTreeSet::from([key(&kept[0]), key(&kept[1])]));
    assert_eq!(store.damaged(1).await.expect("listed").len(), 1);

    mark(&kept[0], None).await;
    store.remove(kept[1].owner, &kept[1].id, None, noon(), 100).await.expect("removed");
    assert_eq!(store.damaged(10).await.expect("listed"), []);
}

/// Faults MUST find nothing wrong with rows that were only ever written, no damaged row MUST be named, and to make the
/// indexes anew MUST change nothing.
pub async fn rows_that_were_only_written_have_no_faults_and_stay_as_they_are(store: Arc<dyn Rows>) {
    let owner = stranger();
    let kept = store.insert(recording(owner), AMPLE).await.expect("inserted");
    let gone = store.insert(recording(owner), AMPLE).await.expect("inserted");
    store.remove(owner, &gone.id, None, noon(), 100).await.expect("removed");
    store.reserve(plan(owner), AMPLE.quota).await.expect("reserved");

    for _ in 0..2 {
        assert_eq!(store.unreadable().await.expect("looked for"), Vec::<String>::new());
        assert_eq!(store.faults().await.expect("looked for"), Vec::<String>::new());
        assert_same(store.find(owner, &kept.id).await.expect("read").as_ref(), &kept);
        store.rebuild_indexes().await.expect("made anew");
    }
}

/// While others come and go, the list MUST have every recording that stays.
pub async fn a_walk_has_what_stays_while_others_come_and_go(store: Arc<dyn Rows>) {
    let owner = stranger();
    let mut stays = BTreeSet::new();
    let mut goes = Vec::new();
    for number in 0..600 {
        let recording = recording(owner);
        store.insert(recording.clone(), AMPLE).await.expect("inserted");
        if number % 2 == 0 {
            stays.insert(recording.id)
        } else {
            goes.push(recording.id);
            true
        };
    }

    let mut walked: Vec<RecordingId> = Vec::new();
    let mut after: Option<(UserId, RecordingId)> = None;
    loop {
        let page = store.recordings(after).await.expect("listed").recordings;
        let Some(last) = page.last() else { break };
        after = Some((last.owner, last.id.clone()));
        walked.extend(page.into_iter().map(|recording| recording.id));
        for id in goes.drain(..goes.len().min(50)) {
            store.remove(owner, &id, None, noon(), 100).await.expect("removed");
            store.insert(recording(owner), AMPLE).await.expect("inserted");
        }
    }

    let once: BTreeSet<_> = walked.iter().cloned().collect();
    assert_eq!(once.len(), walked.len(), "some were listed twice");
    assert!(stays.is_subset(&once), "some were left out");
}

/// The list MUST name nobody whose recordings and plans merely come and go.
pub async fn nobody_is_miscounted_whose_recordings_and_plans_come_and_go(store: Arc<dyn Rows>) {
    let (owner, other) = (stranger(), stranger());
    for owner in [owner, other] {
        let (stays, goes) = (recording(owner), recording(owner));
        store.insert(stays, AMPLE).await.expect("inserted");
        store.insert(goes.clone(), AMPLE).await.expect("inserted");
        store.remove(owner, &goes.id, None, noon(), 100).await.expect("removed");
        store.reserve(plan(owner), AMPLE.quota).await.expect("reserved");
        let released = plan(owner);
        store.reserve(released.clone(), AMPLE.quota).await.expect("reserved");
        assert!(store.release(&released, None).await.expect("released"));

        assert_eq!(store.miscounted().await.expect("counted"), []);
    }
}

/// What is counted anew MUST be what there is.
pub async fn what_is_counted_anew_is_what_there_is(store: Arc<dyn Rows>) {
    let owner = stranger();
    let (recording, plan) = (recording(owner), plan(owner));
    store.insert(recording.clone(), AMPLE).await.expect("inserted");
    store.reserve(plan.clone(), AMPLE.quota).await.expect("reserved");

    let counted = store.recount(owner).await.expect("counted");
    assert_eq!((counted.bytes, counted.reserved_bytes), (recording.size, plan.size));
    assert_eq!((counted.recordings, counted.uploads), (1, 1));

    let nobody = stranger();
    assert_eq!(store.recount(nobody).await.expect("counted"), Counters::default());
    assert_eq!(store.miscounted().await.expect("counted"), []);
}

/// Forget MUST leave no tombstone, and return `false` if there is no such recording.
pub async fn what_is_forgotten_leaves_no_tombstone(store: Arc<dyn Rows>) {
    let (first, other) = (recording(stranger()), recording(stranger()));
    for recording in [&first, &other] {
        store.insert(recording.clone(), AMPLE).await.expect("inserted");
    }

    assert!(!store.forget(other.owner, &first.id).await.expect("an answer"));
    assert!(store.forget(first.owner, &first.id).await.expect("forgotten"));
    assert!(!store.forget(first.owner, &first.id).await.expect("an answer"));

    assert_eq!(store.look_up(first.owner, &first.id).await.expect("an answer"), None);
    let counters = store.counters(first.owner).await.expect("counted");
    assert_eq!((counters.bytes, counters.recordings, counters.tombstones), (0, 0, 0));
    assert_eq!(store.miscounted().await.expect("counted"), []);
}
