//! What an [`ErasureStore`] promises.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    history::{Counters, DueAudio, Retention},
    id::UserId,
    ports::{
        AttemptStore, Clock as _, DeletedStore, ErasureStore, RecordStore, SystemClock, TokenStore, UploadStore,
        UserStore,
    },
    quota::Quota,
    session::TokenHash,
    time::Timestamp,
    user::{Account, Identity},
};

use crate::samples::{AMPLE, account, noon, plan, recording, session, social, stranger, token};
use crate::tokens::{add as add_token, api_token};

/// A store of rows that forgets users.
pub trait Rows:
    RecordStore + DeletedStore + UploadStore + UserStore + TokenStore + AttemptStore + ErasureStore
{
}

impl<S: RecordStore + DeletedStore + UploadStore + UserStore + TokenStore + AttemptStore + ErasureStore> Rows for S {}

/// To erase MUST list a user from the `erase_at` of their account on, and nobody who has none; put off MUST move that.
pub async fn lists_those_who_have_left_once_it_is_time(store: Arc<dyn Rows>) {
    let (staying, leaving) = (sign_up(&*store).await, sign_up(&*store).await);
    let erase_at = noon();
    let left = leave(&*store, &leaving, erase_at).await;
    let is_listed = async |user: UserId, now| store.to_erase(now).await.expect("listed").contains(&user);
    let user = leaving.user.id;

    assert!(!is_listed(user, erase_at).await);
    assert!(is_listed(user, later(erase_at)).await);
    assert!(!is_listed(staying.user.id, later(erase_at)).await);
    let put_off = erase_at + TimeDelta::days(1);
    for user in [user, staying.user.id] {
        store.put_off(user, put_off).await.expect("put off");
    }
    assert!(!is_listed(user, put_off).await);
    assert!(is_listed(user, later(put_off)).await);
    assert!(!is_listed(staying.user.id, later(put_off)).await);

    // Another change of the account leaves it where it is, and taking it back ends it.
    let mut disabled = left.clone();
    disabled.user.disabled_at = Some(noon());
    store.update(left, disabled.clone()).await.expect("updated");
    assert!(!is_listed(user, put_off).await && is_listed(user, later(put_off)).await);
    let mut back = disabled.clone();
    back.user.erase_at = None;
    store.update(disabled, back).await.expect("updated");
    store.put_off(user, erase_at).await.expect("nothing to put off");
    assert!(!is_listed(user, later(put_off)).await);
}

/// An account of somebody who has left MUST be found as it was updated, also without identities and password.
pub async fn an_account_may_have_nothing_to_sign_in_with_once_it_is_left(store: Arc<dyn Rows>) {
    let left = leave(&*store, &sign_up(&*store).await, noon()).await;
    let mut nameless = Account { password: None, ..left.clone() };
    let identity = nameless.user.identities.remove(0).identity;

    store.update(left, nameless.clone()).await.expect("updated");

    assert_eq!(UserStore::account(&*store, nameless.user.id).await.expect("an answer"), Some(nameless));
    assert_eq!(UserStore::find(&*store, &identity).await.expect("an answer"), None);
    store.create(account(identity)).await.expect("anybody may have it");
}

/// After forget tries, nothing MUST be remembered of them, and others' MUST stay.
pub async fn forgets_the_tries_of_an_account(store: Arc<dyn Rows>) {
    let [key, other] = [(); 2].map(|()| AttemptKey::of_user(stranger()));
    for key in [key, other] {
        let tried = Attempts::default().with_try(key, None, SystemClock.now()).expect("it is time");
        assert!(store.change_attempts(key, None, tried).await.expect("an answer"));
    }

    for _ in 0..2 {
        store.forget_tries(key).await.expect("forgotten");
    }

    assert_eq!(store.attempts(key).await.expect("an answer"), None);
    assert!(store.attempts(other).await.expect("an answer").is_some());
}

/// Forget rest MUST leave recordings, uploads under way, sessions and audio that is to be removed, and MUST forget
/// tombstones, and what is counted; it MUST answer `false` as long as there is any of the first four.
pub async fn forgets_what_is_left_once_there_is_nothing_more_to_do(store: Arc<dyn Rows>) {
    let left = leave(&*store, &sign_up(&*store).await, noon()).await;
    let owner = left.user.id;
    let [gone, kept] = [(); 2].map(|()| recording(owner));
    let upload = plan(owner);
    for recording in [&gone, &kept] {
        store.insert(recording.clone(), AMPLE).await.expect("inserted");
    }
    store.reserve(upload.clone(), Quota::UNLIMITED).await.expect("reserved");
    for (recording, is_last) in [(&gone, false), (&kept, true)] {
        assert!(!store.forget_rest(owner).await.expect("looked at"));
        assert!(RecordStore::find(&*store, owner, &kept.id).await.expect("an answer").is_some());
        assert_eq!(store.upload(owner, &upload.id).await.expect("an answer").as_ref(), Some(&upload));
        RecordStore::remove(&*store, owner, &recording.id, None, noon(), Retention::default().most)
            .await
            .expect("removed");
        assert!(!store.forget_rest(owner).await.expect("looked at"), "there is audio to remove");
        let audio = DueAudio { owner, id: recording.id.clone(), blob: recording.blob.clone() };
        assert!(store.audio_to_remove(later(noon())).await.expect("listed").contains(&audio));
        assert_eq!(store.recount(owner).await.expect("counted"), store.counters(owner).await.expect("counted"));
        store.audio_removed(&audio, later(noon())).await.expect("noted");
        assert!(!store.forget_rest(owner).await.expect("looked at"), "an upload is under way, {is_last}");
    }
    assert!(store.release(&upload, None).await.expect("released"));
    let token = token();
    store.open_session(session(owner), token, 10).await.expect("opened");
    assert!(!store.forget_rest(owner).await.expect("looked at"), "somebody is signed in");
    assert!(store.session(token).await.expect("an answer").is_some());
    store.close_sessions(owner).await.expect("closed");
    add_token(&*store, &api_token(owner)).await;
    assert!(!store.forget_rest(owner).await.expect("looked at"), "there is an API token");
    store.revoke_tokens(owner).await.expect("revoked");

    assert!(store.forget_rest(owner).await.expect("forgotten"));

    assert_eq!(store.counters(owner).await.expect("counted"), Counters::default());
    for id in [&gone.id, &kept.id] {
        assert!(store.look_up(owner, id).await.expect("an answer").is_none());
    }
    assert_eq!(UserStore::account(&*store, owner).await.expect("an answer"), Some(left));
    assert!(store.forget_rest(owner).await.expect("and again"));
}

/// After forget account, nothing MUST be found of the user; what others have MUST stay.
pub async fn forgets_an_account_and_whatever_is_left(store: Arc<dyn Rows>) {
    let (staying, leaving) = (sign_up(&*store).await, sign_up(&*store).await);
    let mut belongings = Vec::new();
    for account in [&staying, &leaving] {
        belongings.push(settle_in(&*store, account).await);
    }
    let left = leave(&*store, &leaving, noon()).await;

    for _ in 0..2 {
        store.forget_account(left.user.id).await.expect("forgotten");
    }

    let [stays, goes] = &belongings[..] else { panic!("two users") };
    assert_eq!(goes.found(&*store).await, [false; 7], "of whom has left");
    assert_eq!(stays.found(&*store).await, [true; 7], "of whom stays");
    assert!(!store.to_erase(Timestamp::MAX_UTC).await.expect("listed").contains(&left.user.id));
    assert_eq!(store.counters(left.user.id).await.expect("counted"), Counters::default());
}

/// Forget account MUST leave an account that is not to be erased.
pub async fn forgets_no_account_that_is_not_to_be_erased(store: Arc<dyn Rows>) {
    let staying = sign_up(&*store).await;
    let belongings = settle_in(&*store, &staying).await;

    store.forget_account(staying.user.id).await.expect("an answer");

    assert_eq!(belongings.found(&*store).await, [true; 7]);
}

/// What somebody has, by what it is found by.
struct Belongings {
    identity: Identity,
    user: UserId,
    token: TokenHash,
    api_token: TokenHash,
    recording: tapebase_domain::recording::Recording,
    deleted: tapebase_domain::recording::Recording,
    upload: tapebase_domain::pending::PendingUpload,
}

impl Belongings {
    /// The identity, the account, the session, the API token, the recording, the tombstone and the upload.
    async fn found(&self, store: &dyn Rows) -> [bool; 7] {
        let Self { identity, user, token, api_token, recording, deleted, upload } = self;
        [
            UserStore::find(store, identity).await.expect("an answer").is_some(),
            UserStore::account(store, *user).await.expect("an answer").is_some(),
            store.session(*token).await.expect("an answer").is_some(),
            store.token(*api_token).await.expect("an answer").is_some(),
            RecordStore::find(store, *user, &recording.id).await.expect("an answer").is_some(),
            store.look_up(*user, &deleted.id).await.expect("an answer").is_some(),
            store.upload(*user, &upload.id).await.expect("an answer").is_some(),
        ]
    }
}

async fn settle_in(store: &dyn Rows, account: &Account) -> Belongings {
    let user = account.user.id;
    let (recording, deleted) = (recording(user), recording(user));
    let (upload, token) = (plan(user), token());
    for recording in [&recording, &deleted] {
        store.insert(recording.clone(), AMPLE).await.expect("inserted");
    }
    RecordStore::remove(store, user, &deleted.id, None, noon(), Retention::default().most).await.expect("removed");
    store.reserve(upload.clone(), Quota::UNLIMITED).await.expect("reserved");
    store.open_session(session(user), token, 10).await.expect("opened");
    let api_token = add_token(store, &api_token(user)).await;
    Belongings {
        identity: account.user.identities[0].identity.clone(),
        user,
        token,
        api_token,
        recording,
        deleted,
        upload,
    }
}

async fn sign_up(store: &dyn Rows) -> Account {
    let account = account(social("google", &stranger().to_string()));
    store.create(account.clone()).await.expect("created");
    account
}

async fn leave(store: &dyn Rows, account: &Account, erase_at: Timestamp) -> Account {
    let mut to = account.clone();
    to.user.erase_at = Some(erase_at);
    store.update(account.clone(), to.clone()).await.expect("updated");
    to
}

fn later(time: Timestamp) -> Timestamp {
    time + TimeDelta::microseconds(1)
}
