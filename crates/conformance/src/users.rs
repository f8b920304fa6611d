//! What a [`UserStore`] promises, apart from surviving a power cut, which no test in a process can show.

mod identities;
mod passwords;
mod sessions;

use std::sync::Arc;

use tapebase_domain::{
    ports::{CreateError, UserStore},
    session::{Session, TokenHash},
    user::{Account, Identity, PasswordHash, User},
};
use tokio::task::JoinSet;

pub use self::{identities::*, passwords::*, sessions::*};
use crate::samples::{account, email, local, oidc, social, stranger, token};

/// Find MUST find the account that was created, equal in every field.
pub async fn finds_the_account_that_was_created_equal_in_every_field(store: Arc<dyn UserStore>) {
    let hash = PasswordHash::new(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${}", "aGFzaA".repeat(50)));
    let identities = [
        email("ann@example.com"),
        email("o'brien+100%_\"x\"@sub.example.com"),
        email("한글@예시.한국"),
        email(&format!("{}@example.com", "a".repeat(240))),
        social("google", "1"),
        social("🎙️ X's", "  1_2 %_\\' "),
        social(&"가".repeat(85), &"x".repeat(255)),
    ];
    for (identity, password) in identities.into_iter().zip([Some(hash), None].into_iter().cycle()) {
        let user = User { created_at: local("2001-02-03T04:05:06.000007Z").to_utc(), ..account(identity).user };
        let created = create(&store, Account { user, password }).await;

        let found = store.find(&created.user.identities[0].identity).await.expect("an answer").expect("it is there");

        let hash = |account: &Account| account.password.as_ref().map(|password| password.expose().to_owned());
        assert_eq!(found.user, created.user);
        assert_eq!(hash(&found), hash(&created));
    }
}

/// Find answers `None` for an identity nobody has.
pub async fn finds_nobody_under_an_identity_nobody_has(store: Arc<dyn UserStore>) {
    create(&store, account(email("ann@example.com"))).await;

    for identity in [
        email("an@example.com"),
        email("_nn@example.com"),
        social("google", "ann@example.com"),
        oidc("https://id.example.com", "ann@example.com"),
    ] {
        assert_eq!(store.find(&identity).await.expect("an answer"), None);
    }
}

/// Create MUST return `Taken` if a user has this identity.
pub async fn create_conflicts_if_a_user_has_this_identity(store: Arc<dyn UserStore>) {
    for identity in [email("ann@example.com"), social("google", "1"), oidc("google", "1")] {
        let first = create(&store, account(identity.clone())).await;

        let refused = store.create(Account { password: None, ..account(identity.clone()) }).await;

        assert!(matches!(refused, Err(CreateError::Taken)), "{refused:?}");
        assert_eq!(store.find(&identity).await.expect("an answer"), Some(first));
    }
}

/// Create MUST return `Taken` if a user has this identity, however many are created at once.
pub async fn create_gives_an_identity_to_one_of_many_at_once(store: Arc<dyn UserStore>) {
    for identity in [email("ann@example.com"), social("google", "1"), oidc("google", "1")] {
        let rivals = (0..16).map(|_| {
            let (store, rival) = (store.clone(), account(identity.clone()));
            async move { (rival.clone(), store.create(rival).await) }
        });
        let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

        let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        let [(winner, _)] = &winners[..] else { panic!("{} were created", winners.len()) };
        assert!(losers.iter().all(|(_, refused)| matches!(refused, Err(CreateError::Taken))), "{losers:?}");
        assert_eq!(store.find(&identity).await.expect("an answer").as_ref(), Some(winner));
    }
}

/// An email address and a social id are two identities, even if they read the same.
pub async fn an_email_and_a_social_id_of_the_same_text_are_two_users(store: Arc<dyn UserStore>) {
    let text = "ann@example.com";
    let joined = [social("email", text), social(text, text), social("email:ann", "example.com"), email("email:ann@x")];

    all_are_different_users(&store, joined.into_iter().chain([email(text)])).await;
}

/// Social ids are two identities if their networks differ, even if network and id join to the same text.
pub async fn social_ids_that_join_to_the_same_text_are_two_users(store: Arc<dyn UserStore>) {
    let joined = [("X", "1_2"), ("X1", "_2"), ("X", "12"), ("X1", "2"), ("X:1", ":2"), ("X", "1::2"), ("X 1", "2")];

    all_are_different_users(&store, joined.map(|(network, id)| social(network, id))).await;
}

/// Social ids are kept as they are: letter case, white space and composition make another identity.
pub async fn social_ids_that_only_look_alike_are_two_users(store: Arc<dyn UserStore>) {
    let alike =
        [("x", "a"), ("X", "a"), ("x", "A"), ("x", "a "), ("x", " a"), ("x", "\u{e9}"), ("x", "e\u{301}"), ("x", "e")];

    all_are_different_users(&store, alike.map(|(network, id)| social(network, id))).await;
}

/// A ping fails when the store cannot serve, and only then.
pub async fn a_user_store_that_serves_answers_pings(store: Arc<dyn UserStore>) {
    let answer = store.ping().await;

    assert!(answer.is_ok(), "{answer:?}");
}

async fn create(store: &Arc<dyn UserStore>, account: Account) -> Account {
    store.create(account.clone()).await.expect("created");
    account
}

/// More sessions than anybody begins here.
const MOST: u64 = 1_000;

/// Creates a user with an identity nobody else has.
async fn sign_up(store: &Arc<dyn UserStore>) -> User {
    create(store, account(social("google", &stranger().to_string()))).await.user
}

async fn open(store: &Arc<dyn UserStore>, session: &Session) -> TokenHash {
    let token = token();
    store.open_session(session.clone(), token, MOST).await.expect("opened");
    token
}

async fn find_session(store: &Arc<dyn UserStore>, token: TokenHash) -> Option<Session> {
    store.session(token).await.expect("an answer")
}

async fn all_are_different_users(store: &Arc<dyn UserStore>, identities: impl IntoIterator<Item = Identity>) {
    let mut created = Vec::new();
    for identity in identities {
        created.push(create(store, account(identity)).await);
    }

    for account in created {
        assert_eq!(store.find(&account.user.identities[0].identity).await.expect("an answer"), Some(account));
    }
}
