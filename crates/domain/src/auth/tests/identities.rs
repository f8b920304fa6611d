use super::*;
use crate::{id::IdentityId, ports::UpdateError, user::LinkedIdentity};

fn social(id: &str) -> Identity {
    Identity::Social(SocialId::parse("X".into(), id.into()).expect("a social id"))
}

/// An account without a password that this social id lets in.
fn social_account(ports: &TestPorts) -> Account {
    Account { user: User::new(UserId::generate(ports.now()), social("1"), ports.now()), password: None }
}

/// Has the store know the account, and update it as it says, once.
fn signed_in_as(ports: &mut TestPorts, account: &Account, updated: Option<Result<(), UpdateError>>) -> Caller {
    let (caller, known) = (caller_of(account, ports.now()), account.clone());
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    ports.passwords.expect_hash().returning(|password| Ok(PasswordHash::new(password.expose().to_owned())));
    let update = ports.users.expect_update();
    match updated {
        Some(outcome) => update.times(1).return_once(|_, _| outcome),
        None => update.never(),
    };
    caller
}

fn caller_of(account: &Account, began: Timestamp) -> Caller {
    Caller { user: account.user.id, session: session_of(&account.user, began) }
}

#[tokio::test]
async fn the_first_email_address_brings_its_password() {
    let mut ports = TestPorts::at(NOW);
    let account = social_account(&ports);
    let (caller, from) = (caller_of(&account, ports.now()), account.clone());
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_hash().returning(|password| Ok(PasswordHash::new(password.expose().to_owned())));
    let before = from.clone();
    let is_linked = move |to: &Account| {
        to.password == Some(PasswordHash::new("correct horse".into()))
            && to.user.email() == Some(&email())
            && to.user.has(&social("1"))
    };
    ports
        .users
        .expect_update()
        .withf(move |from, to| *from == before && is_linked(to))
        .times(1)
        .returning(|_, _| Ok(()));

    let linked = Auth::new(&ports.build(), policy()).link_email(&caller, email(), password()).await;

    assert_eq!(linked.expect("linked").identity, Identity::Email(email()));
}

#[tokio::test]
async fn another_email_address_asks_for_the_password() {
    for is_right in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let account = account(&ports);
        let caller = signed_in_as(&mut ports, &account, is_right.then_some(Ok(())));
        ports.passwords.expect_verify().times(1).returning(move |_, _| Ok(is_right));
        let other = Email::parse("anna@example.com").expect("an address");

        let linked = Auth::new(&ports.build(), policy()).link_email(&caller, other, password()).await;

        assert_eq!(linked.is_ok(), is_right);
        assert!(is_right || matches!(linked, Err(AuthError::WrongPassword)), "{linked:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_linked_already_is_linked() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let caller = signed_in_as(&mut ports, &account, None);
    ports.passwords.expect_verify().returning(|_, _| Ok(true));

    let linked = Auth::new(&ports.build(), policy()).link_email(&caller, email(), password()).await;

    assert_eq!(linked.expect("it is"), account.user.identities[0]);
}

#[tokio::test]
async fn an_address_of_another_user_stays_theirs() {
    let mut ports = TestPorts::at(NOW);
    let account = social_account(&ports);
    let caller = signed_in_as(&mut ports, &account, Some(Err(UpdateError::Taken)));

    let linked = Auth::new(&ports.build(), policy()).link_email(&caller, email(), password()).await;

    assert!(matches!(linked, Err(AuthError::EmailTaken)), "{linked:?}");
}

#[tokio::test]
async fn a_user_has_no_more_identities_than_one_may_have() {
    let mut ports = TestPorts::at(NOW);
    let mut account = social_account(&ports);
    let now = ports.now();
    account.user.identities = (0..User::MOST_IDENTITIES)
        .map(|number| LinkedIdentity {
            id: IdentityId::generate(now),
            identity: social(&number.to_string()),
            linked_at: now,
        })
        .collect();
    let caller = signed_in_as(&mut ports, &account, None);

    let linked = Auth::new(&ports.build(), policy()).link_email(&caller, email(), password()).await;

    assert!(matches!(linked, Err(AuthError::TooManyIdentities)), "{linked:?}");
}

#[tokio::test]
async fn an_account_that_others_change_all_the_time_costs_no_hash_without_end() {
    let mut ports = TestPorts::at(NOW);
    let account = social_account(&ports);
    let caller = caller_of(&account, ports.now());
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_hash().times(3).returning(|_| Ok(PasswordHash::new("hers".into())));
    ports.users.expect_update().times(3).returning(|_, _| Err(UpdateError::Changed));

    let linked = Auth::new(&ports.build(), policy()).link_email(&caller, email(), password()).await;

    assert!(matches!(linked, Err(AuthError::Busy)), "{linked:?}");
}

#[tokio::test]
async fn an_old_session_changes_no_identities() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let (old, id) = (ports.now() - Auth::RECENT - TimeDelta::microseconds(1), account.user.identities[0].id);
    signed_in_as(&mut ports, &account, None);
    let (caller, auth) = (caller_of(&account, old), Auth::new(&ports.build(), policy()));

    let linked = auth.link_email(&caller, email(), password()).await;
    let unlinked = auth.unlink(&caller, id).await;

    assert!(matches!(linked, Err(AuthError::NotRecent)), "{linked:?}");
    assert!(matches!(unlinked, Err(AuthError::NotRecent)), "{unlinked:?}");
}

#[tokio::test]
async fn the_password_goes_with_the_last_email_address() {
    let mut ports = TestPorts::at(NOW);
    let mut account = account(&ports);
    let mut others = social_account(&ports).user.identities;
    account.user.identities.append(&mut others);
    let (caller, id) = (caller_of(&account, ports.now()), account.user.identities[0].id);
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    let is_left = |to: &Account| to.password.is_none() && to.user.email().is_none() && to.user.has(&social("1"));
    ports.users.expect_update().withf(move |_, to| is_left(to)).times(1).returning(|_, _| Ok(()));

    assert!(Auth::new(&ports.build(), policy()).unlink(&caller, id).await.expect("unlinked"));
}

#[tokio::test]
async fn the_last_identity_stays() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let caller = signed_in_as(&mut ports, &account, None);
    let auth = Auth::new(&ports.build(), policy());

    let unlinked = auth.unlink(&caller, account.user.identities[0].id).await;
    let unknown = auth.unlink(&caller, IdentityId::generate(Timestamp::UNIX_EPOCH)).await;

    assert!(matches!(unlinked, Err(AuthError::LastIdentity)), "{unlinked:?}");
    assert!(matches!(unknown, Ok(false)), "{unknown:?}");
}
