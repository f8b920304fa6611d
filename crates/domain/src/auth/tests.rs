mod disabling;
mod emails;
mod erasing;
mod identities;
mod oidc;
mod resetting;
mod tokens;
mod verifying;
mod web;

use mockall::predicate::{always, eq};

use super::*;
use crate::{attempts::Attempts, testing::TestPorts, user::SocialId};

const NOW: &str = "2026-11-23T12:00:00Z";

fn policy() -> AuthPolicy {
    AuthPolicy {
        open_signup: true,
        trust_social_ids: false,
        email_verification: EmailVerification::Off,
        idle: TimeDelta::days(30),
        absolute: TimeDelta::days(365),
        wrong_passwords_per_address: 0,
        sign_ups_per_address: 0,
        most_sessions: 7,
        erasure: ErasurePolicy::default(),
    }
}

fn email() -> Email {
    Email::parse("ann@example.com").expect("an address")
}

fn password() -> Password {
    Password::parse("correct horse").expect("long enough")
}

impl<T: std::fmt::Debug> WithMail<T> {
    /// What was done.
    fn done(self) -> T {
        match self {
            Self::Done(done, _) => done,
            Self::CodeNeeded(mail) => panic!("a code is asked for: {mail:?}"),
        }
    }
}

fn account(ports: &TestPorts) -> Account {
    let user = User::new(UserId::generate(ports.now()), Identity::Email(email()), ports.now());
    Account { user, password: Some(PasswordHash::new("hers".into())) }
}

fn session_of(user: &User, now: Timestamp) -> Session {
    Session {
        id: SessionId::generate(now),
        user: user.id,
        client: String::new(),
        created_at: now,
        last_used_at: now,
        expires_at: now + TimeDelta::days(30),
        ends_at: now + TimeDelta::days(365),
    }
}

#[tokio::test]
async fn an_unknown_user_costs_a_hash_like_a_wrong_password() {
    let mut ports = TestPorts::at(NOW);
    ports.users.expect_find().returning(|_| Ok(None));
    ports.passwords.expect_decoy().returning(|| PasswordHash::new("decoy".into()));
    // Even a decoy that matched would let nobody in.
    ports
        .passwords
        .expect_verify()
        .with(always(), eq(PasswordHash::new("decoy".into())))
        .times(1)
        .returning(|_, _| Ok(true));

    let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::WrongCredentials)));
}

#[tokio::test]
async fn a_wrong_password_answers_like_an_unknown_user() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    ports.users.expect_find().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_verify().with(always(), eq(PasswordHash::new("hers".into()))).returning(|_, _| Ok(false));

    let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::WrongCredentials)));
}

#[tokio::test]
async fn a_try_that_is_refused_writes_nothing_and_hashes_nothing() {
    let mut ports = TestPorts::at(NOW);
    let (key, now) = (AttemptKey::of_email(&email()), ports.now());
    let mut tried = Attempts::default();
    for _ in 0..8 {
        tried = tried.with_try(key, None, now).expect("one may mistype");
    }
    ports.attempts.expect_attempts().with(eq(key)).returning(move |_| Ok(Some(tried.clone())));
    ports.attempts.expect_change_attempts().never();
    ports.users.expect_find().returning(|_| Ok(None));
    ports.passwords.expect_verify().never();

    let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

    assert!(
        matches!(granted, Err(AuthError::TooManyAttempts { wait }) if wait == TimeDelta::seconds(1)),
        "{granted:?}"
    );
}

#[tokio::test]
async fn a_session_is_kept_under_the_hash_of_its_token() {
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    let account = account(&ports);
    let (kept, opened) = std::sync::mpsc::channel();
    let known = account.clone();
    ports.users.expect_find().times(1).returning(move |_| Ok(Some(known.clone())));
    ports.users.expect_account().times(1).returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().returning(move |session, hash, most| {
        assert_eq!(most, 7);
        kept.send((session, hash)).expect("the test listens");
        Ok(())
    });

    let grant =
        Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::from(&*"x".repeat(300))).await;

    let grant = grant.expect("let in").done();
    let (session, hash) = opened.recv().expect("opened");
    assert_eq!(hash, grant.token.hash());
    assert_eq!(session.client.len(), 200);
    assert_eq!(session.expires_at, now + TimeDelta::days(30));
    assert_eq!(session.ends_at, now + TimeDelta::days(365));
}

#[tokio::test]
async fn a_taken_email_address_is_refused() {
    let mut ports = TestPorts::at(NOW);
    ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("hers".into())));
    ports.users.expect_create().returning(|_| Err(CreateError::Taken));

    let granted = Auth::new(&ports.build(), policy()).sign_up(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::EmailTaken)));
}

#[tokio::test]
async fn closed_signup_leaves_the_door_to_the_operator() {
    let mut ports = TestPorts::at(NOW);
    ports.passwords.expect_hash().times(1).returning(|_| Ok(PasswordHash::new("hers".into())));
    ports.users.expect_create().times(1).returning(|_| Ok(()));
    let auth = Auth::new(&ports.build(), AuthPolicy { open_signup: false, ..policy() });

    assert!(matches!(auth.sign_up(email(), password(), None, &Device::default()).await, Err(AuthError::SignupClosed)));
    assert!(auth.add_user(UserId::generate(Timestamp::default()), email(), password()).await.is_ok());
}

#[tokio::test]
async fn a_social_id_alone_lets_nobody_in() {
    let social = SocialId::parse("google".into(), "1".into()).expect("a social id");

    let granted =
        Auth::new(&TestPorts::at(NOW).build(), policy()).log_in_with_social_id(social, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::UntrustedSocialId)));
}

#[tokio::test]
async fn two_first_log_ins_at_once_make_one_account() {
    let mut ports = TestPorts::at(NOW);
    let winner = account(&ports);
    let (winner_id, mut winner) = (winner.user.id, winner);
    let social = SocialId::parse("google".into(), "1".into()).expect("a social id");
    winner.user.identities[0].identity = Identity::Social(social.clone());
    let known = winner.clone();
    ports.users.expect_account().times(1).returning(move |_| Ok(Some(known.clone())));
    ports.users.expect_find().times(1).returning(|_| Ok(None));
    ports.users.expect_create().times(1).returning(|_| Err(CreateError::Taken));
    ports.users.expect_find().times(1).returning(move |_| Ok(Some(winner.clone())));
    ports.users.expect_open_session().returning(|_, _, _| Ok(()));
    let auth = Auth::new(&ports.build(), AuthPolicy { trust_social_ids: true, ..policy() });

    let grant = auth.log_in_with_social_id(social, &Device::default()).await.expect("let in");

    assert_eq!(grant.user.id, winner_id);
    assert_eq!(grant.token.expose().len(), 64);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let ended: [fn(&mut Session, Timestamp); 2] =
        [|session, now| session.expires_at = now, |session, now| session.ends_at = now];
    for end in ended {
        let mut ports = TestPorts::at(NOW);
        let user = account(&ports).user;
        let mut session = session_of(&user, ports.now());
        end(&mut session, ports.now());
        ports.users.expect_session().returning(move |_| Ok(Some(session.clone())));
        let token = SessionToken::generate(TokenForm::Prefixed);

        let caller = Auth::new(&ports.build(), policy()).authenticate(token.expose()).await;

        assert!(matches!(caller, Err(AuthError::InvalidToken)));
    }
}

#[tokio::test]
async fn a_token_nobody_was_given_is_refused() {
    let mut ports = TestPorts::at(NOW);
    ports.users.expect_session().times(1).returning(|_| Ok(None));
    let auth = Auth::new(&ports.build(), policy());

    for token in ["", "tb_nonsense", SessionToken::generate(TokenForm::Prefixed).expose()] {
        assert!(matches!(auth.authenticate(token).await, Err(AuthError::InvalidToken)));
    }
}

#[tokio::test]
async fn use_prolongs_a_session_but_not_past_its_end() {
    let mut ports = TestPorts::at(NOW);
    let now = ports.now();
    let user = account(&ports).user;
    let mut session = session_of(&user, now - TimeDelta::hours(2));
    session.ends_at = now + TimeDelta::days(3);
    ports
        .users
        .expect_touch_session()
        .with(eq(user.id), eq(session.id), eq(now), eq(now + TimeDelta::days(3)))
        .times(1)
        .returning(|_, _, _, _| Ok(()));
    ports.users.expect_session().returning(move |_| Ok(Some(session.clone())));
    let token = SessionToken::generate(TokenForm::Prefixed);

    let caller = Auth::new(&ports.build(), policy()).authenticate(token.expose()).await;

    assert_eq!(caller.expect("known").session.expires_at, now + TimeDelta::days(3));
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_still_lets_in() {
    let mut ports = TestPorts::at(NOW);
    let user = account(&ports).user;
    let session = session_of(&user, ports.now() - TimeDelta::hours(2));
    let as_read = session.clone();
    ports.users.expect_touch_session().times(1).returning(|_, _, _, _| Err(StoreError::Full("disk full".into())));
    ports.users.expect_session().returning(move |_| Ok(Some(session.clone())));
    let token = SessionToken::generate(TokenForm::Prefixed);

    let caller = Auth::new(&ports.build(), policy()).authenticate(token.expose()).await;

    assert_eq!(caller.expect("known").session, as_read);
}

#[tokio::test]
async fn recent_use_costs_no_write() {
    let mut ports = TestPorts::at(NOW);
    let user = account(&ports).user;
    let session = session_of(&user, ports.now() - TimeDelta::minutes(59));
    ports.users.expect_touch_session().never();
    ports.users.expect_session().returning(move |_| Ok(Some(session.clone())));
    let token = SessionToken::generate(TokenForm::Prefixed);

    let caller = Auth::new(&ports.build(), policy()).authenticate(token.expose()).await;

    assert!(caller.is_ok());
}

#[tokio::test]
async fn a_busy_hasher_is_no_wrong_password() {
    let mut ports = TestPorts::at(NOW);
    let account = account(&ports);
    ports.users.expect_find().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_verify().returning(|_, _| Err(HasherError::Busy));

    let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::Busy)));
}

#[tokio::test]
async fn what_was_changed_while_it_was_checked_lets_nobody_in() {
    let changes: [fn(&mut Account); 3] = [
        |account| account.password = Some(PasswordHash::new("another".into())),
        |account| account.user.identities.clear(),
        |account| account.user.disabled_at = Some(account.user.created_at),
    ];
    for change in changes {
        let mut ports = TestPorts::at(NOW);
        let before = account(&ports);
        let (mut after, id) = (before.clone(), before.user.id);
        change(&mut after);
        ports.users.expect_find().times(1).returning(move |_| Ok(Some(before.clone())));
        ports.users.expect_account().times(1).returning(move |_| Ok(Some(after.clone())));
        ports.passwords.expect_verify().returning(|_, _| Ok(true));
        ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));
        ports.users.expect_close_session().with(eq(id), always()).times(1).returning(|_, _| Ok(true));

        let granted = Auth::new(&ports.build(), policy()).log_in(email(), password(), None, &Device::default()).await;

        assert!(matches!(granted, Err(AuthError::WrongCredentials | AuthError::Disabled)), "{granted:?}");
    }
}

/// Somebody who is signed in, with the password `hers`.
fn signed_in(ports: &mut TestPorts) -> Caller {
    let account = account(ports);
    let user = account.user.clone();
    let known = account.clone();
    ports.users.expect_find().returning(move |_| Ok(Some(known.clone())));
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.passwords.expect_hash().returning(|password| Ok(PasswordHash::new(password.expose().to_owned())));
    Caller { session: session_of(&user, ports.now()), user: user.id }
}

fn new_password() -> Password {
    Password::parse("wrong donkey").expect("long enough")
}

#[tokio::test]
async fn a_changed_password_keeps_the_session_that_changed_it() {
    let mut ports = TestPorts::at(NOW);
    let caller = signed_in(&mut ports);
    let (user, session) = (caller.user, caller.session.id);
    ports.passwords.expect_verify().with(eq(password()), always()).times(1).returning(|_, _| Ok(true));
    let (from, to) = (PasswordHash::new("hers".into()), PasswordHash::new("wrong donkey".into()));
    ports
        .users
        .expect_change_password()
        .with(eq(user), eq(Some(from)), eq(to), eq(Some(session)))
        .times(1)
        .returning(|_, _, _, _| Ok(true));

    let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), new_password()).await;

    assert!(changed.is_ok(), "{changed:?}");
}

/// The sessions end, and the password is what it was.
fn expect_the_hash_to_stay(ports: &mut TestPorts) {
    let hers = PasswordHash::new("hers".into());
    ports
        .users
        .expect_change_password()
        .with(always(), eq(Some(hers.clone())), eq(hers), always())
        .times(1)
        .returning(|_, _, _, _| Ok(true));
}

#[tokio::test]
async fn a_change_that_is_asked_for_again_ends_what_was_left() {
    let mut ports = TestPorts::at(NOW);
    let caller = signed_in(&mut ports);
    ports.passwords.expect_verify().with(eq(password()), always()).returning(|_, _| Ok(false));
    ports.passwords.expect_verify().with(eq(new_password()), always()).returning(|_, _| Ok(true));
    expect_the_hash_to_stay(&mut ports);

    let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), new_password()).await;

    assert!(changed.is_ok(), "{changed:?}");
}

#[tokio::test]
async fn a_password_that_is_changed_to_itself_keeps_its_hash() {
    let mut ports = TestPorts::at(NOW);
    let caller = signed_in(&mut ports);
    ports.passwords.expect_verify().times(1).returning(|_, _| Ok(true));
    expect_the_hash_to_stay(&mut ports);

    let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), password()).await;

    assert!(changed.is_ok(), "{changed:?}");
}

#[tokio::test]
async fn a_password_that_others_change_all_the_time_costs_no_hash_without_end() {
    let mut ports = TestPorts::at(NOW);
    let caller = signed_in(&mut ports);
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_change_password().times(3).returning(|_, _, _, _| Ok(false));

    let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), new_password()).await;

    assert!(matches!(changed, Err(AuthError::Busy)), "{changed:?}");
}

#[tokio::test]
async fn a_wrong_password_changes_none() {
    let mut ports = TestPorts::at(NOW);
    let caller = signed_in(&mut ports);
    ports.passwords.expect_verify().returning(|_, _| Ok(false));
    ports.users.expect_change_password().never();

    let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), new_password()).await;

    assert!(matches!(changed, Err(AuthError::WrongPassword)), "{changed:?}");
}

#[tokio::test]
async fn a_change_that_comes_second_is_judged_by_what_the_first_has_made() {
    for is_same in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let caller = signed_in(&mut ports);
        ports.passwords.expect_verify().times(1).returning(|_, _| Ok(true));
        ports.users.expect_change_password().times(1).returning(|_, _, _, _| Ok(false));
        ports.passwords.expect_verify().with(eq(password()), always()).returning(|_, _| Ok(false));
        ports.passwords.expect_verify().with(eq(new_password()), always()).returning(move |_, _| Ok(is_same));
        ports.users.expect_change_password().times(usize::from(is_same)).returning(|_, _, _, _| Ok(true));

        let changed = Auth::new(&ports.build(), policy()).change_password(&caller, password(), new_password()).await;

        assert_eq!(changed.is_ok(), is_same, "{changed:?}");
    }
}

#[tokio::test]
async fn the_operator_changes_whatever_password_there_is_by_now() {
    let mut ports = TestPorts::at(NOW);
    signed_in(&mut ports);
    ports.users.expect_change_password().times(1).returning(|_, _, _, _| Ok(false));
    ports.users.expect_change_password().times(1).returning(|_, _, _, kept| Ok(kept.is_none()));
    let auth = Auth::new(&ports.build(), policy());

    assert!(auth.set_password(&UserName::Email(email()), new_password()).await.expect("changed"));
}

#[tokio::test]
async fn nobody_has_no_password_to_change() {
    let mut ports = TestPorts::at(NOW);
    ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("hers".into())));
    ports.users.expect_find().returning(|_| Ok(None));
    let auth = Auth::new(&ports.build(), policy());

    assert!(!auth.set_password(&UserName::Email(email()), new_password()).await.expect("looked up"));
}
