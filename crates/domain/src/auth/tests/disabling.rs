use super::*;
use crate::ports::UpdateError;

fn disabled(ports: &TestPorts) -> Account {
    let mut account = account(ports);
    account.user.disabled_at = Some(ports.now());
    account
}

fn by_id(account: &Account) -> UserName {
    UserName::Id(account.user.id)
}

#[tokio::test]
async fn a_disabled_user_is_told_so_by_the_right_password_alone() {
    for is_right in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let account = disabled(&ports);
        ports.users.expect_find().returning(move |_| Ok(Some(account.clone())));
        ports.passwords.expect_verify().returning(move |_, _| Ok(is_right));
        ports.users.expect_open_session().never();

        let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

        match granted {
            Err(AuthError::Disabled) => assert!(is_right),
            Err(AuthError::WrongCredentials) => assert!(!is_right),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_disabled_social_id_lets_nobody_in() {
    let mut ports = TestPorts::at(NOW);
    let account = disabled(&ports);
    ports.users.expect_find().returning(move |_| Ok(Some(account.clone())));
    ports.users.expect_open_session().never();
    let social = SocialId::parse("X".into(), "1".into()).expect("a social id");
    let auth = Auth::new(&ports.build(), AuthPolicy { trust_social_ids: true, ..policy() });

    let granted = auth.log_in_with_social_id(social, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::Disabled)), "{granted:?}");
}

#[tokio::test]
async fn whoever_is_disabled_while_they_sign_in_is_not_in() {
    for way in ["sign up", "log in", "social id"] {
        let mut ports = TestPorts::at(NOW);
        let social = SocialId::parse("X".into(), "1".into()).expect("a social id");
        let mut before = account(&ports);
        if way == "social id" {
            before.user.identities[0].identity = Identity::Social(social.clone());
        }
        let mut after = before.clone();
        after.user.disabled_at = Some(ports.now());
        ports.users.expect_find().returning(move |_| Ok(Some(before.clone())));
        ports.users.expect_create().returning(|_| Ok(()));
        ports.users.expect_account().times(1).returning(move |_| Ok(Some(after.clone())));
        ports.passwords.expect_verify().returning(|_, _| Ok(true));
        ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("hers".into())));
        ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));
        ports.users.expect_close_session().times(1).returning(|_, _| Ok(true));
        let auth = Auth::new(&ports.build(), AuthPolicy { trust_social_ids: true, ..policy() });

        let granted = match way {
            "sign up" => auth.sign_up(email(), password(), None, &Device::default()).await,
            "log in" => auth.log_in(email(), password(), None, &Device::default()).await,
            _ => auth.log_in_with_social_id(social, &Device::default()).await.map(|grant| WithMail::Done(grant, None)),
        };

        assert!(matches!(granted, Err(AuthError::Disabled)), "{way}: {granted:?}");
    }
}

#[tokio::test]
async fn disabling_ends_all_sessions_once_none_can_begin() {
    let mut ports = TestPorts::at(NOW);
    let (now, account) = (ports.now(), account(&ports));
    let (name, user, known) = (by_id(&account), account.user.id, account.clone());
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    let mut order = mockall::Sequence::new();
    // By whoever changed the account meanwhile.
    ports.users.expect_update().times(1).in_sequence(&mut order).returning(|_, _| Err(UpdateError::Changed));
    let is_disabled = move |to: &Account| to.user.disabled_at == Some(now);
    ports
        .users
        .expect_update()
        .withf(move |from, to| *from == account && is_disabled(to))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().with(eq(user)).times(1).in_sequence(&mut order).returning(|_| Ok(()));

    assert!(Auth::new(&ports.build(), policy()).disable(&name).await.expect("disabled"));
}

#[tokio::test]
async fn disabling_again_ends_what_was_left() {
    let mut ports = TestPorts::at(NOW);
    let account = disabled(&ports);
    let name = by_id(&account);
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.users.expect_update().never();
    ports.users.expect_close_sessions().times(1).returning(|_| Ok(()));

    assert!(Auth::new(&ports.build(), policy()).disable(&name).await.expect("disabled"));
}

#[tokio::test]
async fn nobody_is_not_disabled() {
    let mut ports = TestPorts::at(NOW);
    ports.users.expect_find().returning(|_| Ok(None));
    let (auth, name) = (Auth::new(&ports.build(), policy()), UserName::Email(email()));

    assert!(!auth.disable(&name).await.expect("looked up"));
    assert!(!auth.enable(&name).await.expect("looked up"));
    assert!(!auth.restore(&name).await.expect("looked up"));
    assert!(!auth.sign_out(&name).await.expect("looked up"));
}

#[test]
fn a_user_is_named_by_id_or_by_email_address() {
    let id = UserId::generate(Timestamp::UNIX_EPOCH);

    assert_eq!(id.to_string().parse(), Ok(UserName::Id(id)));
    assert_eq!("Ann@Example.com".parse(), Ok(UserName::Email(email())));
    assert_eq!("ann".parse::<UserName>(), Err(InvalidUserName));
}
