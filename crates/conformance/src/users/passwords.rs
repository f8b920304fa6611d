//! What a [`UserStore`] promises about changing passwords.

use std::sync::Arc;

use tapebase_domain::{
    id::SessionId,
    ports::UserStore,
    user::{Account, PasswordHash, User},
};
use tokio::task::JoinSet;

use super::{create, find_session, open};
use crate::samples::{account, email, session, social, stranger};

/// Change password MUST change it, if `from` is the user's, and nothing else of them.
pub async fn change_password_changes_it_and_nothing_else_of_a_user(store: Arc<dyn UserStore>) {
    for identity in [email(&format!("{}@example.com", stranger())), social("google", &stranger().to_string())] {
        let before = create(&store, Account { password: None, ..account(identity) }).await;
        let (first, second) = (hash("first"), hash("second'\"%"));

        assert!(change(&store, &before.user, None, &first).await);
        assert!(change(&store, &before.user, Some(&first), &second).await);

        assert_eq!(found(&store, &before.user).await, Account { password: Some(second), ..before });
    }
}

/// Change password MUST answer `false`, and change nothing, unless `from` is the user's password.
pub async fn change_password_changes_nothing_from_another_password(store: Arc<dyn UserStore>) {
    let (first, other) = (hash("first"), hash("other"));
    let ann = with_password(&store, Some(&first)).await;
    let bob = with_password(&store, None).await;
    let hers = session(ann.id);
    let token = open(&store, &hers).await;

    assert!(!change(&store, &ann, Some(&other), &other).await);
    assert!(!change(&store, &ann, None, &other).await);
    assert!(!change(&store, &bob, Some(&first), &other).await);
    let nobody = User { id: stranger(), ..ann.clone() };
    assert!(!change(&store, &nobody, None, &other).await);

    assert_eq!(found(&store, &ann).await.password, Some(first));
    assert_eq!(found(&store, &bob).await.password, None);
    assert_eq!(find_session(&store, token).await, Some(hers));
}

/// Change password MUST answer `true` to one of many that change it at once.
pub async fn change_password_is_done_by_one_of_many_at_once(store: Arc<dyn UserStore>) {
    let first = hash("first");
    let user = with_password(&store, Some(&first)).await;
    let rivals = (0..8).map(|number| {
        let (store, user, first, to) = (store.clone(), user.clone(), first.clone(), hash(&number.to_string()));
        async move { (change(&store, &user, Some(&first), &to).await, to) }
    });
    let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

    let winners: Vec<_> = outcomes.into_iter().filter_map(|(is_changed, to)| is_changed.then_some(to)).collect();
    let [winner] = &winners[..] else { panic!("{} have changed it", winners.len()) };
    assert_eq!(found(&store, &user).await.password.as_ref(), Some(winner));
}

/// After change password returns, none of the tokens of a user's other sessions MUST find anything; nobody else's end.
pub async fn change_password_ends_all_sessions_but_one(store: Arc<dyn UserStore>) {
    let (first, second) = (hash("first"), hash("second"));
    let ann = with_password(&store, Some(&first)).await;
    let bob = with_password(&store, Some(&first)).await;
    let (hers, his) = (session(ann.id), session(bob.id));
    let (kept, left) = (open(&store, &hers).await, open(&store, &his).await);
    let mut ended = Vec::new();
    for _ in 0..40 {
        ended.push(open(&store, &session(ann.id)).await);
    }

    assert!(change_and_keep(&store, &ann, Some(&first), &second, Some(hers.id)).await);

    for token in ended {
        assert_eq!(find_session(&store, token).await, None);
    }
    assert_eq!(find_session(&store, kept).await, Some(hers));
    assert!(change(&store, &ann, Some(&second), &first).await);
    assert_eq!(find_session(&store, kept).await, None);
    assert_eq!(find_session(&store, left).await, Some(his));
}

async fn with_password(store: &Arc<dyn UserStore>, password: Option<&PasswordHash>) -> User {
    let account = account(email(&format!("{}@example.com", stranger())));
    create(store, Account { password: password.cloned(), ..account }).await.user
}

async fn found(store: &Arc<dyn UserStore>, user: &User) -> Account {
    store.account(user.id).await.expect("an answer").expect("it is there")
}

async fn change(store: &Arc<dyn UserStore>, user: &User, from: Option<&PasswordHash>, to: &PasswordHash) -> bool {
    change_and_keep(store, user, from, to, None).await
}

async fn change_and_keep(
    store: &Arc<dyn UserStore>,
    user: &User,
    from: Option<&PasswordHash>,
    to: &PasswordHash,
    kept: Option<SessionId>,
) -> bool {
    store.change_password(user.id, from.cloned(), to.clone(), kept).await.expect("an answer")
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${text}"))
}
