use super::*;
use crate::{ports::UpdateError, user::LinkedIdentity};

fn typed() -> Email {
    Email::parse("Straße@example.com").expect("an address")
}

/// An account that is filed as before letter case was folded in full.
fn filed_before(ports: &mut TestPorts) -> Account {
    let former = Identity::Email(typed().former().expect("another"));
    let mut account = account(ports);
    account.user.identities[0].identity = former.clone();
    let known = account.clone();
    ports.users.expect_find().with(eq(former)).returning(move |_| Ok(Some(known.clone())));
    account
}

#[tokio::test]
async fn an_address_that_was_filed_before_is_filed_anew_when_its_user_signs_in() {
    let mut ports = TestPorts::at(NOW);
    let from = filed_before(&mut ports);
    let mut to = from.clone();
    to.user.identities[0].identity = Identity::Email(typed());
    let expected = (from, to.clone());
    ports
        .users
        .expect_update()
        .withf(move |from, to| *from == expected.0 && *to == expected.1)
        .times(1)
        .returning(|_, _| Ok(()));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().returning(|_, _, _| Ok(()));
    ports.users.expect_account().returning(move |_| Ok(Some(to.clone())));

    let granted = Auth::new(&ports.build(), policy()).log_in(typed(), password(), None, &Device::default()).await;

    assert_eq!(granted.expect("signed in").done().user.email(), Some(&typed()));
}

#[tokio::test]
async fn where_two_users_have_an_address_each_signs_in_as_always() {
    let mut ports = TestPorts::at(NOW);
    let account = filed_before(&mut ports);
    ports.users.expect_update().times(1).returning(|_, _| Err(UpdateError::Taken));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().returning(|_, _, _| Ok(()));
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));

    let granted = Auth::new(&ports.build(), policy()).log_in(typed(), password(), None, &Device::default()).await;

    assert_eq!(granted.expect("signed in").done().user.email(), typed().former().as_ref());
}

#[tokio::test]
async fn nobody_signs_up_with_an_address_that_was_filed_before() {
    let mut ports = TestPorts::at(NOW);
    filed_before(&mut ports);
    ports.users.expect_update().times(1).returning(|_, _| Ok(()));
    ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("another".into())));
    ports.users.expect_create().returning(|_| Err(CreateError::Taken));

    let granted = Auth::new(&ports.build(), policy()).sign_up(typed(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::EmailTaken)), "{granted:?}");
}

#[tokio::test]
async fn who_has_an_address_in_both_spellings_keeps_one() {
    let mut ports = TestPorts::at(NOW);
    let mut account = account(&ports);
    let [former, email] = [typed().former().expect("another"), typed()].map(Identity::Email);
    account.user.identities[0].identity = former.clone();
    let later = LinkedIdentity { identity: email.clone(), ..account.user.identities[0].clone() };
    account.user.identities.push(later);
    let known = account.clone();
    ports.users.expect_find().with(eq(former)).returning(move |_| Ok(Some(known.clone())));
    let is_one = move |to: &Account| to.user.identities.len() == 1 && to.user.has(&email);
    ports.users.expect_update().withf(move |_, to| is_one(to)).times(1).returning(|_, _| Ok(()));
    let auth = Auth::new(&ports.build(), policy());

    assert!(auth.look_up(&UserName::Email(typed())).await.expect("looked up").is_some());
}

#[tokio::test]
async fn of_two_who_sign_in_at_once_both_come_in() {
    let mut ports = TestPorts::at(NOW);
    let former = filed_before(&mut ports);
    let mut anew = former.clone();
    anew.user.identities[0].identity = Identity::Email(typed());
    ports.users.expect_update().times(3).returning(|_, _| Err(UpdateError::Changed));
    let found = anew.clone();
    ports.users.expect_find().with(eq(Identity::Email(typed()))).returning(move |_| Ok(Some(found.clone())));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().returning(|_, _, _| Ok(()));
    ports.users.expect_account().returning(move |_| Ok(Some(anew.clone())));

    let granted = Auth::new(&ports.build(), policy()).log_in(typed(), password(), None, &Device::default()).await;

    assert!(granted.is_ok(), "{granted:?}");
}
