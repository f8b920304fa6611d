//! What a [`UserStore`] promises about accounts and their identities.

use std::{cmp::Reverse, sync::Arc};

use chrono::TimeDelta;
use tapebase_domain::{
    page::Limit,
    ports::{CreateError, UpdateError, UserStore},
    user::{Account, Email, Identity, LinkedIdentity, PasswordHash},
};
use tokio::task::JoinSet;

use super::{create, find_session, open};
use crate::samples::{account, email, linked, noon, oidc, session, social, stranger};

/// Account MUST find the account that was created, equal in every field.
pub async fn finds_a_users_account_equal_in_every_field(store: Arc<dyn UserStore>) {
    let mut many = account(email("ann@example.com"));
    many.user.identities = several();
    let created = create(&store, many).await;

    assert_eq!(store.account(created.user.id).await.expect("an answer").as_ref(), Some(&created));
    for linked in &created.user.identities {
        assert_eq!(store.find(&linked.identity).await.expect("an answer").as_ref(), Some(&created));
    }
    assert_eq!(store.account(stranger()).await.expect("an answer"), None);
}

/// Create MUST return `Taken` if a user has one of these identities.
pub async fn create_conflicts_if_a_user_has_one_of_these_identities(store: Arc<dyn UserStore>) {
    let first = create(&store, account(email("ann@example.com"))).await;
    let mut second = account(social("google", "1"));
    second.user.identities.push(linked(email("ann@example.com")));

    let refused = store.create(second.clone()).await;

    assert!(matches!(refused, Err(CreateError::Taken)), "{refused:?}");
    assert_eq!(found(&store, &first).await, first);
    assert_eq!(store.find(&social("google", "1")).await.expect("an answer"), None);
    assert_eq!(store.account(second.user.id).await.expect("an answer"), None);
}

/// Update gives an account other identities and another password, and nothing else.
pub async fn update_gives_an_account_other_identities_and_another_password(store: Arc<dyn UserStore>) {
    let mut before = create(&store, account(social("X", "1"))).await;
    let hash = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$b3RoZXI".to_owned());
    let two = with(&before, linked(email("ann@example.com")));
    let mut disabled = two.clone();
    disabled.user.disabled_at = Some(noon() + TimeDelta::microseconds(1));
    for after in [two.clone(), Account { password: Some(hash), ..two.clone() }, disabled, without_first(&two)] {
        store.update(before, after.clone()).await.expect("updated");

        assert_eq!(found(&store, &after).await, after);
        for linked in &after.user.identities {
            assert_eq!(store.find(&linked.identity).await.expect("an answer").as_ref(), Some(&after));
        }
        before = after;
    }
    assert_eq!(store.find(&social("X", "1")).await.expect("an answer"), None);
}

/// After update returns, an identity that is not in `to` MUST be anybody's to have.
pub async fn update_frees_the_identities_that_are_left_out(store: Arc<dyn UserStore>) {
    let both = create(&store, with(&account(social("X", "1")), linked(email("ann@example.com")))).await;

    store.update(both.clone(), without_first(&both)).await.expect("updated");

    let other = create(&store, account(social("X", "1"))).await;
    assert_eq!(store.find(&social("X", "1")).await.expect("an answer"), Some(other));
}

/// Update gives an account other identities: also one that is linked anew, which comes last then.
pub async fn update_links_an_identity_anew(store: Arc<dyn UserStore>) {
    let both = create(&store, with(&account(social("X", "1")), linked(oidc("https://id.example.com", "1")))).await;
    let mut to = without_first(&both);
    let anew = LinkedIdentity { linked_at: noon() + TimeDelta::hours(1), ..linked(social("X", "1")) };
    to.user.identities.push(anew);

    store.update(both, to.clone()).await.expect("updated");

    assert_eq!(found(&store, &to).await, to);
    assert_eq!(store.find(&social("X", "1")).await.expect("an answer"), Some(to));
}

/// Update gives an account other identities: also one that is verified from then on.
pub async fn update_verifies_an_address(store: Arc<dyn UserStore>) {
    let both = create(&store, with(&account(email("ann@example.com")), linked(social("X", "1")))).await;
    let mut to = both.clone();
    to.user.identities[0].verified_at = Some(noon());

    store.update(both.clone(), to.clone()).await.expect("updated");

    assert_eq!(found(&store, &to).await, to);
    assert_eq!(store.find(&email("ann@example.com")).await.expect("an answer"), Some(to.clone()));
    assert!(matches!(store.update(both.clone(), both).await, Err(UpdateError::Changed)));
}

/// It MUST find the account that was created, equal in every field: also since when an address is verified.
pub async fn create_keeps_when_an_address_was_verified(store: Arc<dyn UserStore>) {
    let mut verified = account(email("ann@example.com"));
    verified.user.identities[0].verified_at = Some(noon());

    let ann = create(&store, verified).await;

    assert_eq!(found(&store, &ann).await, ann);
}

/// It lists the last that signed up first, and pages joined by `after` MUST have every user that stays exactly once.
pub async fn pages_of_users_have_every_user_exactly_once(store: Arc<dyn UserStore>) {
    let mut users = Vec::new();
    for number in 0..7 {
        let account = account(email(&format!("ann{number}@example.com")));
        users.push(create(&store, with(&account, linked(social("X", &number.to_string())))).await.user);
        open(&store, &session(users[number].id)).await;
    }

    for limit in [1, 3, 7, 200] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.users(after, Limit::new(limit).expect("a limit")).await.expect("listed");
            assert!(page.items.len() as u64 <= limit, "{page:?}");
            listed.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        users.sort_unstable_by_key(|user| Reverse(user.id));
        assert_eq!(listed, users);
    }
}

/// Update gives an account other identities: also another one in the place of one, under the same name.
pub async fn update_puts_an_identity_in_the_place_of_another(store: Arc<dyn UserStore>) {
    let both = create(&store, with(&account(former("straße@example.com")), linked(social("X", "1")))).await;
    let mut to = both.clone();
    to.user.identities[0].identity = email("strasse@example.com");

    store.update(both, to.clone()).await.expect("updated");

    assert_eq!(found(&store, &to).await, to);
    assert_eq!(store.find(&email("strasse@example.com")).await.expect("an answer"), Some(to));
    assert_eq!(store.find(&former("straße@example.com")).await.expect("an answer"), None);
}

/// Update MUST return `Changed`, and change nothing, unless the account is `from`.
pub async fn update_changes_nothing_from_another_account(store: Arc<dyn UserStore>) {
    let account = create(&store, account(social("X", "1"))).await;
    let to = with(&account, linked(email("ann@example.com")));
    let other_password = Account { password: None, ..account.clone() };
    let other_identities = with(&account, linked(social("X", "2")));
    let mut disabled = account.clone();
    disabled.user.disabled_at = Some(noon());
    let mut nobody = account.clone();
    nobody.user.id = stranger();

    for from in [other_password, other_identities, disabled, nobody] {
        let refused = store.update(from.clone(), to.clone()).await;
        assert!(matches!(refused, Err(UpdateError::Changed)), "{refused:?} from {from:?}");
    }

    assert_eq!(found(&store, &account).await, account);
    assert_eq!(store.find(&email("ann@example.com")).await.expect("an answer"), None);
}

/// Update MUST return `Taken`, and change nothing, if another user has one of the identities of `to`.
pub async fn update_changes_nothing_to_an_identity_of_another_user(store: Arc<dyn UserStore>) {
    let ann = create(&store, account(email("ann@example.com"))).await;
    let bob = create(&store, with(&account(social("X", "1")), linked(social("X", "2")))).await;
    let both_new = with(&with(&without_first(&bob), linked(social("X", "3"))), linked(email("ann@example.com")));

    let refused = store.update(bob.clone(), both_new).await;

    assert!(matches!(refused, Err(UpdateError::Taken)), "{refused:?}");
    assert_eq!((found(&store, &ann).await, found(&store, &bob).await), (ann, bob.clone()));
    assert_eq!(store.find(&social("X", "3")).await.expect("an answer"), None);
    assert_eq!(store.find(&social("X", "1")).await.expect("an answer"), Some(bob));
}

/// Update MUST return `Changed` unless the account is `from`, however many update it at once.
pub async fn update_is_done_by_one_of_many_at_once(store: Arc<dyn UserStore>) {
    let from = create(&store, account(social("X", "0"))).await;
    let rivals = (1..=8).map(|number| {
        let (store, from) = (store.clone(), from.clone());
        let to = with(&from, linked(social("X", &number.to_string())));
        async move { (store.update(from, to.clone()).await, to) }
    });
    let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

    let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(outcome, _)| outcome.is_ok());
    let [(_, winner)] = &winners[..] else { panic!("{} have updated it", winners.len()) };
    assert!(losers.iter().all(|(outcome, _)| matches!(outcome, Err(UpdateError::Changed))), "{losers:?}");
    assert_eq!(found(&store, &from).await, *winner);
}

/// Update MUST leave the user's sessions.
pub async fn update_leaves_the_users_sessions(store: Arc<dyn UserStore>) {
    let both = create(&store, with(&account(social("X", "1")), linked(email("ann@example.com")))).await;
    let hers = session(both.user.id);
    let token = open(&store, &hers).await;

    store.update(both.clone(), without_first(&both)).await.expect("updated");

    assert_eq!(find_session(&store, token).await, Some(hers));
}

/// As many as a user may have, linked one after the other.
fn several() -> Vec<LinkedIdentity> {
    let nth = |number: usize| -> Identity {
        let text = number.to_string();
        if number.is_multiple_of(2) {
            email(&format!("{text}@example.com"))
        } else {
            social("가".repeat(85).as_str(), &text)
        }
    };
    let later = |number| TimeDelta::microseconds(i64::try_from(number).expect("small"));
    (0..20)
        .map(|number| LinkedIdentity {
            linked_at: linked(nth(number)).linked_at + later(number),
            ..linked(nth(number))
        })
        .collect()
}

/// As it was filed before letter case was folded in full.
fn former(text: &str) -> Identity {
    Identity::Email(Email::from_stored(text).expect("an address"))
}

fn with(account: &Account, linked: LinkedIdentity) -> Account {
    let mut account = account.clone();
    let linked_at = linked.linked_at + TimeDelta::seconds(i64::try_from(account.user.identities.len()).expect("few"));
    account.user.identities.push(LinkedIdentity { linked_at, ..linked });
    account
}

fn without_first(account: &Account) -> Account {
    let mut account = account.clone();
    account.user.identities.remove(0);
    account
}

async fn found(store: &Arc<dyn UserStore>, account: &Account) -> Account {
    store.account(account.user.id).await.expect("an answer").expect("it is there")
}
