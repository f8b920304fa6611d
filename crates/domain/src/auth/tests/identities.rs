use super::*;
use crate::{id::IdentityId, ports::UpdateError, user::LinkedIdentity};

fn social(id: &str) -> Identity {
    Identity::Social(SocialId::parse("X".into(), id.into()).expect("a social id"))
}

fn other_email() -> Email {
    Email::parse("anna@example.com").expect("an address")
}

/// An account without a password that this social id lets in.
fn social_account(ports: &TestPorts) -> Account {
    Account { user: User::new(UserId::generate(ports.now()), social("1"), ports.now()), password: None }
}

/// Has the store know the account, and update it as it says, once.
fn signed_in_as(ports: &mut TestPorts, account: &Account, updated: Option<Result<(), UpdateError>>) -> Caller {
    let (caller, known) = (caller_of(account, ports.now()), account.clone());
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
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
async fn who_came_by_a_social_id_links_no_email_address() {
    let mut ports = TestPorts::at(NOW);
    let account = social_account(&ports);
    let caller = signed_in_as(&mut ports, &account, None);

    let linked =
        Auth::new(&ports.build(), policy()).link_email(&caller, email(), password(), None, &Device::default()).await;

    assert!(matches!(linked, Err(AuthError::UntrustedSocialId)), "{linked:?}");
}

#[tokio::test]
async fn while_sign_up_is_closed_no_address_is_claimed() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let caller = signed_in_as(&mut ports, &account, None);
    let auth = Auth::new(&ports.build(), AuthPolicy { open_signup: false, ..policy() });

    let linked = auth.link_email(&caller, email(), password(), None, &Device::default()).await;

    assert!(matches!(linked, Err(AuthError::SignupClosed)), "{linked:?}");
}

#[tokio::test]
async fn what_is_linked_comes_last_also_where_a_clock_was_set_back() {
    let mut ports = TestPorts::at(NOW);
    let mut account = account(&ports);
    account.user.identities[0].linked_at = ports.now() + TimeDelta::hours(1);
    let (caller, known, first) =
        (caller_of(&account, ports.now()), account.clone(), account.user.identities[0].clone());
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_update().withf(move |from, _| *from == account).times(1).returning(|_, _| Ok(()));

    let linked = Auth::new(&ports.build(), policy())
        .link_email(&caller, other_email(), password(), None, &Device::default())
        .await;

    assert!(linked.expect("linked").done().linked_at > first.linked_at);
}

#[tokio::test]
async fn another_email_address_asks_for_the_password() {
    for is_right in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let account = account(&ports);
        let caller = signed_in_as(&mut ports, &account, is_right.then_some(Ok(())));
        ports.passwords.expect_verify().times(1).returning(move |_, _| Ok(is_right));

        let linked = Auth::new(&ports.build(), policy())
            .link_email(&caller, other_email(), password(), None, &Device::default())
            .await;

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

    let linked =
        Auth::new(&ports.build(), policy()).link_email(&caller, email(), password(), None, &Device::default()).await;

    assert_eq!(linked.expect("it is").done(), account.user.identities[0]);
}

#[tokio::test]
async fn an_address_of_another_user_stays_theirs() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let caller = signed_in_as(&mut ports, &account, Some(Err(UpdateError::Taken)));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));

    let linked = Auth::new(&ports.build(), policy())
        .link_email(&caller, other_email(), password(), None, &Device::default())
        .await;

    assert!(matches!(linked, Err(AuthError::EmailTaken)), "{linked:?}");
}

#[tokio::test]
async fn a_user_has_no_more_identities_than_one_may_have() {
    let mut ports = TestPorts::at(NOW);
    let mut account = account(&ports);
    let now = ports.now();
    account.user.identities = (0..User::MOST_IDENTITIES)
        .map(|number| LinkedIdentity::new(IdentityId::generate(now), social(&number.to_string()), now))
        .collect();
    let caller = signed_in_as(&mut ports, &account, None);
    ports.passwords.expect_verify().returning(|_, _| Ok(true));

    let linked =
        Auth::new(&ports.build(), policy()).link_email(&caller, email(), password(), None, &Device::default()).await;

    assert!(matches!(linked, Err(AuthError::TooManyIdentities)), "{linked:?}");
}

#[tokio::test]
async fn an_account_that_others_change_all_the_time_costs_no_hash_without_end() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let caller = caller_of(&account, ports.now());
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_verify().times(3).returning(|_, _| Ok(true));
    ports.users.expect_update().times(3).returning(|_, _| Err(UpdateError::Changed));

    let linked = Auth::new(&ports.build(), policy())
        .link_email(&caller, other_email(), password(), None, &Device::default())
        .await;

    assert!(matches!(linked, Err(AuthError::Busy)), "{linked:?}");
}

#[tokio::test]
async fn an_old_session_changes_no_identities() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    let (old, id) = (ports.now() - Auth::RECENT - TimeDelta::microseconds(1), account.user.identities[0].id);
    signed_in_as(&mut ports, &account, None);
    let (caller, auth) = (caller_of(&account, old), Auth::new(&ports.build(), policy()));

    let linked = auth.link_email(&caller, email(), password(), None, &Device::default()).await;
    let unlinked = auth.unlink(&caller, id).await;

    assert!(matches!(linked, Err(AuthError::NotRecent)), "{linked:?}");
    assert!(matches!(unlinked, Err(AuthError::NotRecent)), "{unlinked:?}");
}

#[tokio::test]
async fn a_social_id_can_be_unlinked_from_who_has_an_email_address_and_not_the_other_way_round() {
    for (unlinked, is_left) in [(0, true), (1, false)] {
        let mut ports = TestPorts::at(NOW);
        let mut account = social_account(&ports);
        account.user.identities.append(&mut super::account(&ports).user.identities);
        let id = account.user.identities[unlinked].id;
        let caller = signed_in_as(&mut ports, &account, is_left.then_some(Ok(())));

        let outcome = Auth::new(&ports.build(), policy()).unlink(&caller, id).await;

        assert!(matches!((&outcome, is_left), (Ok(true), true) | (Err(AuthError::LastIdentity), false)), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_changed_meanwhile_is_looked_at_again() {
    let mut ports = TestPorts::at(NOW);
    let mut account = account(&ports);
    account.user.identities.append(&mut social_account(&ports).user.identities);
    let (caller, id) = (caller_of(&account, ports.now()), account.user.identities[1].id);
    ports.users.expect_account().times(2).returning(move |_| Ok(Some(account.clone())));
    ports.users.expect_update().times(1).returning(|_, _| Err(UpdateError::Changed));
    ports.users.expect_update().times(1).returning(|_, _| Ok(()));

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
