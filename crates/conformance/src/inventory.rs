//! What an [`Inventory`] promises.

use std::{collections::BTreeSet, sync::Arc};

use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Inventory, RecordStore},
};

use crate::samples::{assert_same, recording, stranger};

/// Walked until it is empty, the list MUST have every recording of every user exactly once.
pub async fn a_walk_has_every_recording_of_every_user_exactly_once<S>(store: Arc<S>)
where
    S: RecordStore + Inventory + ?Sized,
{
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
pub async fn a_walk_has_what_stays_while_others_come_and_go<S>(store: Arc<S>)
where
    S: RecordStore + Inventory + ?Sized,
{
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
