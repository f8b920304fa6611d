//! What a [`TokenStore`] promises.

use std::sync::Arc;

use chrono::TimeDelta;
use tapebase_domain::{
    api_token::{ApiToken, Scope, Scopes},
    id::{ApiTokenId, RecordingId, UserId},
    ports::{TokenStore, UserStore},
    session::TokenHash,
};
use tokio::task::JoinSet;

use crate::samples::{account, noon, social, stranger, token};

/// A store of users and their tokens.
pub trait Rows: UserStore + TokenStore {}

impl<S: UserStore + TokenStore> Rows for S {}

/// Token MUST find the token that was added, equal in every field, and nothing under another hash.
pub async fn finds_the_token_that_was_added_equal_in_every_field(store: Arc<dyn Rows>) {
    let user = sign_up(&*store).await;
    let plain = api_token(user);
    let of_one = ApiToken {
        id: ApiTokenId::generate(noon()),
        name: "백업 \u{1f399}".to_owned(),
        scopes: Scopes::of([Scope::Read, Scope::Upload]).expect("two"),
        recording: Some(RecordingId::generate(noon())),
        last_used_at: Some(noon() + TimeDelta::microseconds(3)),
        ..plain.clone()
    };
    for added in [plain, of_one] {
        let hash = add(&*store, &added).await;

        assert_eq!(store.token(hash).await.expect("an answer"), Some(added));
        assert_eq!(store.token(token()).await.expect("an answer"), None);
    }
}

/// Tokens MUST list only tokens of that user: those that have not expired, newest first.
pub async fn lists_the_tokens_of_a_user_that_have_not_expired(store: Arc<dyn Rows>) {
    let (user, other) = (sign_up(&*store).await, sign_up(&*store).await);
    let mut tokens = Vec::new();
    for hours in 0..3 {
        let at = noon() + TimeDelta::hours(hours);
        let made = ApiToken { id: ApiTokenId::generate(at), created_at: at, ..api_token(user) };
        add(&*store, &made).await;
        tokens.insert(0, made);
    }
    let short = ApiToken { expires_at: noon() + TimeDelta::hours(4), ..api_token(user) };
    add(&*store, &short).await;
    add(&*store, &api_token(other)).await;

    let listed = store.tokens(user, noon() + TimeDelta::hours(4)).await.expect("listed");

    assert_eq!(listed, tokens);
}

/// Touch MUST change `last_used_at`, and nothing else; and MUST NOT bring back a token that was revoked.
pub async fn touch_changes_when_a_token_was_last_used_and_nothing_else(store: Arc<dyn Rows>) {
    let user = sign_up(&*store).await;
    let (touched, revoked) = (api_token(user), api_token(user));
    let (hash, gone) = (add(&*store, &touched).await, add(&*store, &revoked).await);
    let later = noon() + TimeDelta::hours(2);
    assert!(store.revoke_token(user, revoked.id).await.expect("revoked"));

    for id in [touched.id, revoked.id] {
        store.touch_token(user, id, later).await.expect("touched");
        store.touch_token(stranger(), id, later + TimeDelta::hours(1)).await.expect("nothing to touch");
    }

    let touched = ApiToken { last_used_at: Some(later), ..touched };
    assert_eq!(store.token(hash).await.expect("an answer").as_ref(), Some(&touched));
    assert_eq!(store.tokens(user, later).await.expect("listed"), [touched]);
    assert_eq!(store.token(gone).await.expect("an answer"), None);
}

/// After revoke returns, the token MUST find nothing; it MUST NOT end another user's.
pub async fn revoke_ends_a_token_of_its_user(store: Arc<dyn Rows>) {
    let (user, other) = (sign_up(&*store).await, sign_up(&*store).await);
    let token = api_token(user);
    let hash = add(&*store, &token).await;

    assert!(!store.revoke_token(other, token.id).await.expect("an answer"));
    assert_eq!(store.token(hash).await.expect("an answer").as_ref(), Some(&token));
    assert!(store.revoke_token(user, token.id).await.expect("revoked"));

    assert_eq!(store.token(hash).await.expect("an answer"), None);
    assert!(!store.revoke_token(user, token.id).await.expect("an answer"));
}

/// After revoke all returns, none of a user's tokens MUST find anything; it MUST NOT end another user's.
pub async fn revoke_tokens_ends_all_of_a_user_and_nobody_elses(store: Arc<dyn Rows>) {
    let (user, other) = (sign_up(&*store).await, sign_up(&*store).await);
    let mut hashes = Vec::new();
    for _ in 0..60 {
        hashes.push(add(&*store, &api_token(user)).await);
    }
    let others = add(&*store, &api_token(other)).await;

    store.revoke_tokens(user).await.expect("revoked");

    for hash in hashes {
        assert_eq!(store.token(hash).await.expect("an answer"), None);
    }
    assert!(store.tokens(user, noon()).await.expect("listed").is_empty());
    assert!(store.token(others).await.expect("an answer").is_some());
}

/// Add MUST leave a user no more tokens than one may have, however many are added at once; those that have expired are in
/// nobody's way.
pub async fn a_user_has_so_many_tokens_however_many_are_added_at_once(store: Arc<dyn Rows>) {
    let user = sign_up(&*store).await;
    let expired = ApiToken { created_at: noon() - TimeDelta::days(1), expires_at: noon(), ..api_token(user) };
    for _ in 0..3 {
        let expired = ApiToken { id: ApiTokenId::generate(noon()), ..expired.clone() };
        assert!(store.add_token(expired, token()).await.expect("an answer"));
    }
    for _ in 0..ApiToken::MOST - 5 {
        add(&*store, &api_token(user)).await;
    }

    let adding = (0..16).map(|_| {
        let store = store.clone();
        async move { store.add_token(api_token(user), token()).await.expect("an answer") }
    });
    let added = adding.collect::<JoinSet<_>>().join_all().await;

    assert_eq!(added.iter().filter(|is_added| **is_added).count(), 5, "{added:?}");
    assert_eq!(store.tokens(user, noon()).await.expect("listed").len(), ApiToken::MOST);
    assert!(!store.add_token(api_token(user), token()).await.expect("an answer"));
}

/// A store that does not forget by itself forgets what has expired, says how much, and MUST leave what has not.
pub async fn forgets_tokens_once_they_have_expired(store: Arc<dyn Rows>) {
    let user = sign_up(&*store).await;
    let short = ApiToken { expires_at: noon() + TimeDelta::hours(1), ..api_token(user) };
    let (short, long) = (add(&*store, &short).await, add(&*store, &api_token(user)).await);

    assert_eq!(store.forget_tokens(noon() + TimeDelta::hours(1)).await.expect("forgotten"), 0);
    assert_eq!(store.forget_tokens(noon() + TimeDelta::hours(2)).await.expect("forgotten"), 1);

    assert_eq!(store.token(short).await.expect("an answer"), None);
    assert!(store.token(long).await.expect("an answer").is_some());
}

async fn sign_up(store: &dyn Rows) -> UserId {
    let account = account(social("google", &stranger().to_string()));
    store.create(account.clone()).await.expect("created");
    account.user.id
}

pub(crate) async fn add(store: &(impl TokenStore + ?Sized), token: &ApiToken) -> TokenHash {
    let hash = crate::samples::token();
    assert!(store.add_token(token.clone(), hash).await.expect("an answer"));
    hash
}

pub(crate) fn api_token(user: UserId) -> ApiToken {
    ApiToken {
        id: ApiTokenId::generate(noon()),
        user,
        name: "laptop".to_owned(),
        scopes: Scopes::of([Scope::Full]).expect("one"),
        recording: None,
        created_at: noon(),
        last_used_at: None,
        expires_at: noon() + TimeDelta::days(365),
    }
}
