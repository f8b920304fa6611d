//! What a [`PlaybackKeyStore`] promises, and the stores beside it of what its links play.

use std::sync::Arc;

use tapebase_domain::{
    id::UserId,
    playback::LinkEpoch,
    ports::{PlaybackKeyStore, RecordStore, UserStore},
    recording::Recording,
    user::{Account, PasswordHash},
};
use tokio::task::JoinSet;

use crate::samples::{AMPLE, account, assert_same, noon, recording, renaming, session, social, stranger, token};

/// A store of recordings, of their owners, and of the keys of links.
pub trait Rows: RecordStore + UserStore + PlaybackKeyStore {}

impl<S: RecordStore + UserStore + PlaybackKeyStore> Rows for S {}

/// Find to play MUST find what was inserted, equal in every field, and `None` for another user's recording.
pub async fn finds_a_recording_to_play_for_nobody_but_its_owner(store: Arc<dyn Rows>) {
    let stored = insert(&*store, stranger()).await;
    let renamed = store.edit(stored.owner, &stored.id, renaming("renamed"), None).await.expect("edited");

    let (found, epoch) = store.find_to_play(stored.owner, &stored.id).await.expect("an answer").expect("it is there");

    assert_same(Some(&found), &renamed.expect("there"));
    assert_eq!(epoch, LinkEpoch::default());
    assert_eq!(store.find_to_play(stranger(), &stored.id).await.expect("an answer"), None);
    store.remove(stored.owner, &stored.id, None, noon(), 100).await.expect("removed");
    assert_eq!(store.find_to_play(stored.owner, &stored.id).await.expect("an answer"), None);
}

/// Close sessions, with any number of sessions and with none, and change password MUST change the epoch of that user's
/// links.
pub async fn the_epoch_of_links_is_another_whenever_their_owner_signs_out_everywhere(store: Arc<dyn Rows>) {
    let (ann, bob) = (sign_up(&*store).await, sign_up(&*store).await);
    let (stored, of_bob) = (insert(&*store, ann).await, insert(&*store, bob).await);
    let mut seen = vec![LinkEpoch::default()];
    for sessions in [1, 0, 40, 0] {
        for _ in 0..sessions {
            UserStore::open_session(&*store, session(ann), token(), u64::MAX).await.expect("opened");
        }
        if sessions == 40 {
            let to = PasswordHash::new("hers".to_owned());
            assert!(store.change_password(ann, None, to, None).await.expect("an answer"));
        } else {
            store.close_sessions(ann).await.expect("closed");
        }

        let (_, epoch) = store.find_to_play(ann, &stored.id).await.expect("an answer").expect("it is there");
        assert_eq!(store.link_epoch(ann).await.expect("an answer"), epoch);
        assert!(!seen.contains(&epoch), "{epoch:?} was there before");
        seen.push(epoch);
    }
    let (_, of_bob) = store.find_to_play(bob, &of_bob.id).await.expect("an answer").expect("it is there");
    assert_eq!(of_bob, LinkEpoch::default());
}

/// Whatever else happens, the epoch of an owner's links stays.
pub async fn the_epoch_of_links_stays_whatever_else_changes(store: Arc<dyn Rows>) {
    let ann = sign_up(&*store).await;
    store.close_sessions(ann).await.expect("closed");
    let epoch = store.link_epoch(ann).await.expect("an answer");

    let stored = insert(&*store, ann).await;
    store.edit(ann, &stored.id, renaming("renamed"), None).await.expect("edited");
    let opened = session(ann);
    UserStore::open_session(&*store, opened.clone(), token(), u64::MAX).await.expect("opened");
    store.close_session(ann, opened.id).await.expect("closed");
    store.remove(ann, &stored.id, None, noon(), 0).await.expect("removed");

    assert_eq!(store.link_epoch(ann).await.expect("an answer"), epoch);
}

/// Playback keys MUST be the same for everybody, however many ask first.
pub async fn playback_keys_are_the_same_for_all_who_ask_first(store: Arc<dyn Rows>) {
    let asking = (0..16).map(|_| {
        let store = store.clone();
        async move { store.playback_keys().await.expect("keys") }
    });
    let found = asking.collect::<JoinSet<_>>().join_all().await;

    assert!(found.iter().all(|keys| *keys == found[0]), "{found:?}");
    assert_eq!(found[0].previous, None);
    assert_eq!(store.playback_keys().await.expect("keys"), found[0]);
}

/// Rotate MUST draw another key, and keep the one before alone.
pub async fn a_key_that_is_rotated_counts_until_the_next_time(store: Arc<dyn Rows>) {
    let first = store.playback_keys().await.expect("keys");
    store.rotate_playback_keys().await.expect("rotated");
    let second = store.playback_keys().await.expect("keys");
    store.rotate_playback_keys().await.expect("rotated");
    let third = store.playback_keys().await.expect("keys");

    assert_eq!((second.previous, third.previous), (Some(first.current), Some(second.current)));
    assert!(first.current != second.current && second.current != third.current && third.current != first.current);
    assert_eq!([second.history, third.history], [first.history; 2]);
}

async fn sign_up(store: &dyn Rows) -> UserId {
    let account = Account { password: None, ..account(social("google", &stranger().to_string())) };
    let user = account.user.id;
    store.create(account).await.expect("created");
    user
}

async fn insert(store: &dyn Rows, owner: UserId) -> Recording {
    store.insert(recording(owner), AMPLE).await.expect("inserted")
}
