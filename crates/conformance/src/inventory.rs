//! What an [`Inventory`] promises.

use std::{collections::BTreeSet, sync::Arc};

use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    ports::{Inventory, RecordStore, UploadStore},
    recording::Recording,
};

use crate::samples::{assert_same, plan, recording, stranger};

/// A store that looks after recordings and plans.
pub trait Rows: RecordStore + UploadStore + Inventory {}

impl<S: RecordStore + UploadStore + Inventory> Rows for S {}

/// Walked until it is empty, the list MUST have every recording of every user exactly once.
pub async fn a_walk_has_every_recording_of_every_user_exactly_once(store: Arc<dyn Rows>) {
    let mut kept = Vec::new();
    for owner in [stranger(), stranger(), stranger()] {
        for _ in 0..150 {
            let recording = recording(owner);
            store.insert(recording.clone(), u64::MAX).await.expect("inserted");
            kept.push(recording);
        }
    }
    kept.sort_by(|a, b| (a.owner, &a.id).cmp(&(b.owner, &b.id)));

    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store.recordings(after).await.expect("listed");
        let Some(last) = page.last() else { break };
        after = Some((last.owner, last.id.clone()));
        walked.extend(page);
    }

    assert_eq!(walked.len(), kept.len());
    for (found, expected) in walked.iter().zip(&kept) {
        assert_same(Some(found), expected);
    }
}

/// While others come and go, the list MUST have every recording that stays.
pub async fn a_walk_has_what_stays_while_others_come_and_go(store: Arc<dyn Rows>) {
    let owner = stranger();
    let mut stays = BTreeSet::new();
    let mut goes = Vec::new();
    for number in 0..600 {
        let recording = recording(owner);
        store.insert(recording.clone(), u64::MAX).await.expect("inserted");
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
        let page = store.recordings(after).await.expect("listed");
        let Some(last) = page.last() else { break };
        after = Some((last.owner, last.id.clone()));
        walked.extend(page.into_iter().map(|recording| recording.id));
        for id in goes.drain(..goes.len().min(50)) {
            store.remove(owner, &id, None).await.expect("removed");
            store.insert(recording(owner), u64::MAX).await.expect("inserted");
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
        store.insert(stays, u64::MAX).await.expect("inserted");
        store.insert(goes.clone(), u64::MAX).await.expect("inserted");
        store.remove(owner, &goes.id, None).await.expect("removed");
        store.reserve(plan(owner), u64::MAX).await.expect("reserved");
        let released = plan(owner);
        store.reserve(released.clone(), u64::MAX).await.expect("reserved");
        assert!(store.release(&released).await.expect("released"));

        assert_eq!(store.miscounted().await.expect("counted"), []);
    }
}

/// What somebody uses MUST be the sum of the sizes of their recordings and plans, once it is counted anew.
pub async fn what_is_counted_anew_is_the_sum_of_recordings_and_plans(store: Arc<dyn Rows>) {
    let owner = stranger();
    let (recording, plan) = (recording(owner), plan(owner));
    store.insert(recording.clone(), u64::MAX).await.expect("inserted");
    store.reserve(plan.clone(), u64::MAX).await.expect("reserved");

    store.recount(owner).await.expect("counted");
    assert_eq!(store.used_bytes(owner).await.expect("read"), recording.size + plan.size);

    let nobody = stranger();
    store.recount(nobody).await.expect("counted");
    assert_eq!(store.used_bytes(nobody).await.expect("read"), 0);
    assert_eq!(store.miscounted().await.expect("counted"), []);
}

/// Relocate MUST change where the audio is, and nothing else of the recording.
pub async fn move_blob_changes_where_the_audio_is_and_nothing_else(store: Arc<dyn Rows>) {
    let (recording, other) = (recording(stranger()), recording(stranger()));
    for recording in [&recording, &other] {
        store.insert(recording.clone(), u64::MAX).await.expect("inserted");
    }
    let moved = Recording { blob: BlobRef::new("elsewhere".into()), ..recording.clone() };

    let is_moved = store.move_blob(moved.owner, &moved.id, &recording.blob, moved.blob.clone()).await;

    assert!(is_moved.expect("moved"));
    assert_same(store.find(moved.owner, &moved.id).await.expect("found").as_ref(), &moved);
    assert_same(store.find(other.owner, &other.id).await.expect("found").as_ref(), &other);
    let nobodys = store.orphans(vec![recording.blob.clone(), moved.blob]).await;
    assert_eq!(nobodys.expect("asked"), [recording.blob]);
}

/// Relocate MUST return `false` and change nothing unless the recording is there and its audio is where it is said to be.
pub async fn move_blob_moves_only_what_is_where_it_is_said_to_be(store: Arc<dyn Rows>) {
    let recording = recording(stranger());
    store.insert(recording.clone(), u64::MAX).await.expect("inserted");
    let elsewhere = BlobRef::new("elsewhere".into());

    for (owner, from) in [(recording.owner, &elsewhere), (stranger(), &recording.blob)] {
        let is_moved = store.move_blob(owner, &recording.id, from, elsewhere.clone()).await;
        assert!(!is_moved.expect("asked"));
    }

    assert_same(store.find(recording.owner, &recording.id).await.expect("found").as_ref(), &recording);
}
