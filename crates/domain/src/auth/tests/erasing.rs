use super::*;

fn leaving(grace: TimeDelta) -> AuthPolicy {
    let erasure = ErasurePolicy { grace, within: TimeDelta::days(2), backups_kept: Some(TimeDelta::days(35)) };
    AuthPolicy { erasure, ..policy() }
}

fn caller_of(account: &Account, began: Timestamp) -> Caller {
    Caller { user: account.user.id, session: session_of(&account.user, began) }
}

#[tokio::test]
async fn who_leaves_is_signed_out_and_their_address_is_free_at_once() {
    let mut ports = TestPorts::at(NOW);
    let (now, known) = (ports.now(), account(&ports));
    let caller = caller_of(&known, now);
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    let keys = [AttemptKey::of_user(caller.user), AttemptKey::of_email(&email())];
    for key in keys {
        ports.erasure.expect_forget_tries().with(eq(key)).times(1).returning(|_| Ok(()));
    }
    let has_left =
        move |to: &Account| to.user.identities.is_empty() && to.password.is_none() && to.user.erase_at == Some(now);
    ports.users.expect_update().withf(move |_, to| has_left(to)).times(1).returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().with(eq(caller.user)).times(1).returning(|_| Ok(()));

    let receipt = Auth::new(&ports.build(), leaving(TimeDelta::zero())).erase(&caller).await.expect("left");

    assert_eq!((receipt.user, receipt.begins_at), (caller.user, now));
    assert_eq!(receipt.completed_by, now + TimeDelta::days(2));
    assert_eq!(receipt.backups_expire_by, Some(now + TimeDelta::days(37)));
}

#[tokio::test]
async fn while_it_can_be_taken_back_the_address_is_kept_and_lets_nobody_in() {
    let mut ports = TestPorts::at(NOW);
    let (now, mut known) = (ports.now(), account(&ports));
    let caller = caller_of(&known, now);
    let stays = known.clone();
    ports.users.expect_account().times(1).returning(move |_| Ok(Some(stays.clone())));
    let until = now + TimeDelta::days(30);
    ports
        .users
        .expect_update()
        .withf(move |_, to| to.user.email() == Some(&email()) && to.user.erase_at == Some(until))
        .times(1)
        .returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().returning(|_| Ok(()));
    known.user.erase_at = Some(until);
    ports.users.expect_find().returning(move |_| Ok(Some(known.clone())));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().never();
    let auth = Auth::new(&ports.build(), leaving(TimeDelta::days(30)));

    assert_eq!(auth.erase(&caller).await.expect("left").begins_at, until);
    let granted = auth.log_in(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::BeingErased)), "{granted:?}");
}

#[tokio::test]
async fn the_operator_takes_it_back_while_there_is_something_to_sign_in_with() {
    for is_nameless in [false, true] {
        let mut ports = TestPorts::at(NOW);
        let mut known = account(&ports);
        known.user.erase_at = Some(ports.now());
        if is_nameless {
            known.user.identities.clear();
        }
        let name = UserName::Id(known.user.id);
        ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
        let update = ports.users.expect_update().withf(|_, to| to.user.erase_at.is_none());
        update.times(usize::from(!is_nameless)).returning(|_, _| Ok(()));

        let restored = Auth::new(&ports.build(), leaving(TimeDelta::zero())).restore(&name).await;

        assert_eq!(matches!(restored, Ok(true)), !is_nameless);
        assert_eq!(matches!(restored, Err(AuthError::BeingErased)), is_nameless);
    }
}

/// As by a client that got no answer because the server died on the way.
#[tokio::test]
async fn leaving_again_ends_what_was_left_open() {
    let mut ports = TestPorts::at(NOW);
    let mut known = account(&ports);
    let (caller, left_at) = (caller_of(&known, ports.now()), ports.now() - TimeDelta::minutes(1));
    known.user.identities.clear();
    known.user.erase_at = Some(left_at);
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    ports.users.expect_update().never();
    ports.users.expect_close_sessions().with(eq(caller.user)).times(1).returning(|_| Ok(()));
    ports.erasure.expect_forget_tries().returning(|_| Ok(()));

    let receipt = Auth::new(&ports.build(), leaving(TimeDelta::zero())).erase(&caller).await;

    assert_eq!(receipt.expect("left").begins_at, left_at);
}

#[tokio::test]
async fn who_has_not_signed_in_lately_cannot_leave() {
    let mut ports = TestPorts::at(NOW);
    let known = account(&ports);
    let caller = caller_of(&known, ports.now() - TimeDelta::minutes(16));
    ports.users.expect_update().never();

    let left = Auth::new(&ports.build(), leaving(TimeDelta::zero())).erase(&caller).await;

    assert!(matches!(left, Err(AuthError::NotRecent)), "{left:?}");
}
