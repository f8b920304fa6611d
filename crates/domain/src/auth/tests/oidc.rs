use std::sync::Mutex;

use super::*;
use crate::{
    digest::Sha256,
    history::HistoryId,
    oidc::{IdToken, IdTokenClaims, Nonce, OidcSubject, ProviderName},
    playback::{PlaybackKey, PlaybackKeys},
    ports::IdTokenError,
    user::SocialId,
};

const ISSUER: &str = "https://id.example.com";

fn provider() -> ProviderName {
    ProviderName::parse("kakao").expect("a name")
}

fn subject() -> OidcSubject {
    OidcSubject::parse(ISSUER.into(), "1".into()).expect("a subject")
}

fn oidc() -> Identity {
    Identity::Oidc(subject())
}

fn social() -> SocialId {
    SocialId::parse("kakao".into(), "1".into()).expect("a social id")
}

fn token() -> IdToken {
    IdToken::parse("a token".to_owned()).expect("a token")
}

fn claims(nonce: Option<&str>) -> IdTokenClaims {
    let (nonce, network) = (nonce.map(str::to_owned), Some("kakao".to_owned()));
    IdTokenClaims { subject: subject(), nonce, network, digest: Sha256::of(b"a token") }
}

/// Has the provider say this of every token, where one proves the social ids.
fn saying(ports: &mut TestPorts, claims: IdTokenClaims) -> PlaybackKeys {
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    ports.identity_providers.expect_of_network().returning(|network| (network == "kakao").then(provider));
    ports.identity_providers.expect_issuer().returning(|name| (*name == provider()).then(|| ISSUER.to_owned()));
    ports.identity_providers.expect_verify().returning(move |_, _| Ok(claims.clone()));
    keys
}

/// The same, of a token that repeats a fresh nonce, which is used for the first time.
fn saying_with_nonce(ports: &mut TestPorts) -> Nonce {
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    let nonce = Nonce::issue(&provider(), &keys, ports.now());
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    saying(ports, claims(Some(nonce.expose())));
    let digest = nonce.digest();
    ports
        .single_use
        .expect_use_up()
        .with(eq(digest), eq(nonce.expires_at() + TimeDelta::days(1)))
        .times(..=1)
        .returning(|_, _| Ok(true));
    nonce
}

/// Has the store know nobody but this account, by its identities.
fn knowing(ports: &mut TestPorts, account: &Account) {
    let known = account.clone();
    ports.users.expect_find().returning(move |identity| Ok(Some(known.clone()).filter(|it| it.user.has(identity))));
    let known = account.clone();
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
}

fn account_of(ports: &TestPorts, identities: &[Identity]) -> Account {
    let mut user = User::new(UserId::generate(ports.now()), identities[0].clone(), ports.now());
    for identity in &identities[1..] {
        user.identities.extend(User::new(user.id, identity.clone(), ports.now()).identities);
    }
    Account { user, password: None }
}

#[tokio::test]
async fn a_nonce_is_issued_for_providers_there_are() {
    let mut ports = TestPorts::at(NOW);
    let keys = saying(&mut ports, claims(None));
    let now = ports.now();
    let auth = Auth::new(&ports.build(), policy());

    let nonce = auth.nonce(&provider()).await.expect("issued");

    assert_eq!(Nonce::open(nonce.expose(), &provider(), &keys, now), Ok(nonce));
    let other = ProviderName::parse("other").expect("a name");
    assert!(matches!(auth.nonce(&other).await, Err(AuthError::UnknownProvider)));
}

#[tokio::test]
async fn the_first_log_in_makes_an_account_of_who_the_provider_knows() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let made: Arc<Mutex<Option<Account>>> = Arc::default();
    let (find, create, look_up) = (made.clone(), made.clone(), made.clone());
    ports.users.expect_find().returning(move |_| Ok(find.lock().expect("no panic").clone()));
    ports.users.expect_create().times(1).returning(move |account| {
        *create.lock().expect("no panic") = Some(account);
        Ok(())
    });
    ports.users.expect_account().returning(move |_| Ok(look_up.lock().expect("no panic").clone()));
    ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));

    let grant = Auth::new(&ports.build(), policy())
        .log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default())
        .await;

    let account = made.lock().expect("no panic").clone().expect("made");
    assert_eq!(grant.expect("let in").user, account.user);
    assert!(account.user.has(&oidc()) && account.user.has(&Identity::Social(social())) && account.password.is_none());
    assert!(!account.user.has_unproved(), "{account:?}");
}

#[tokio::test]
async fn while_sign_up_is_closed_a_provider_makes_no_account() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    ports.users.expect_find().returning(|_| Ok(None));
    ports.users.expect_create().never();
    let auth = Auth::new(&ports.build(), AuthPolicy { open_signup: false, ..policy() });

    let granted = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::SignupClosed)), "{granted:?}");
}

#[tokio::test]
async fn a_token_counts_with_its_own_nonce_alone() {
    let told: [fn(&Nonce) -> Option<String>; 5] = [
        |_| None,
        |_| Some(String::new()),
        |nonce| Some(nonce.expose()[1..].to_owned()),
        |nonce| Some(nonce.digest().to_hex().to_uppercase()),
        |nonce| Some(Sha256::of(nonce.digest().to_hex().as_bytes()).to_hex()),
    ];
    for told in told {
        let mut ports = TestPorts::at(NOW);
        let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
        let nonce = Nonce::issue(&provider(), &keys, ports.now());
        ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
        saying(&mut ports, claims(told(&nonce).as_deref()));
        ports.single_use.expect_use_up().never();

        let auth = Auth::new(&ports.build(), policy());
        let granted = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

        assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce))), "{granted:?}");
    }
}

#[tokio::test]
async fn a_nonce_that_nobody_was_given_asks_no_provider() {
    let mut ports = TestPorts::at(NOW);
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    ports.identity_providers.expect_issuer().return_const(ISSUER.to_owned());
    ports.identity_providers.expect_verify().never();

    let granted = Auth::new(&ports.build(), policy())
        .log_in_with_id_token(&provider(), token(), "mine", &Device::default())
        .await;

    assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce))), "{granted:?}");
}

#[tokio::test]
async fn what_was_used_lets_nobody_in_again() {
    let mut ports = TestPorts::at(NOW);
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    let nonce = Nonce::issue(&provider(), &keys, ports.now());
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    saying(&mut ports, claims(Some(nonce.expose())));
    ports.single_use.expect_use_up().returning(|_, _| Ok(false));
    let auth = Auth::new(&ports.build(), policy());

    let granted = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce))), "{granted:?}");
}

#[tokio::test]
async fn a_token_that_needs_no_nonce_counts_once() {
    for is_first in [true, false] {
        let mut ports = TestPorts::at(NOW);
        saying(&mut ports, claims(None));
        let (digest, until) = (Sha256::of(b"a token"), ports.now() + TimeDelta::minutes(15) + TimeDelta::days(1));
        ports.single_use.expect_use_up().with(eq(digest), eq(until)).times(1).returning(move |_, _| Ok(is_first));
        let account = account_of(&ports, &[oidc(), Identity::Social(social())]);
        knowing(&mut ports, &account);
        ports.users.expect_open_session().returning(|_, _, _| Ok(()));

        let auth = Auth::new(&ports.build(), policy());
        let granted = auth.log_in_with_proved_social_id(social(), token(), None, &Device::default()).await;

        match granted {
            Ok(grant) => assert!(is_first && grant.token.expose().len() == 64),
            Err(error) => {
                assert!(!is_first && matches!(error, AuthError::InvalidIdToken(IdTokenFlaw::Used)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_has_a_nonce_needs_it_on_the_routes_of_2018_too() {
    let mut ports = TestPorts::at(NOW);
    saying(&mut ports, claims(Some("a nonce")));
    ports.single_use.expect_use_up().never();

    let granted = Auth::new(&ports.build(), policy())
        .log_in_with_proved_social_id(social(), token(), None, &Device::default())
        .await;

    assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce))), "{granted:?}");
}

#[tokio::test]
async fn a_token_proves_no_other_social_id_than_its_subject() {
    let mut ports = TestPorts::at(NOW);
    saying(&mut ports, claims(None));
    ports.single_use.expect_use_up().returning(|_, _| Ok(true));
    let auth = Auth::new(&ports.build(), policy());
    let other = |network: &str, id: &str| SocialId::parse(network.into(), id.into()).expect("a social id");

    let granted = auth.log_in_with_proved_social_id(other("kakao", "2"), token(), None, &Device::default()).await;
    assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Subject))), "{granted:?}");
    let granted = auth.log_in_with_proved_social_id(other("line", "1"), token(), None, &Device::default()).await;
    assert!(matches!(granted, Err(AuthError::UnknownProvider)), "{granted:?}");
}

/// Has the store keep one account, as it is updated.
fn keeping(ports: &mut TestPorts, account: Account) -> Arc<Mutex<Account>> {
    let kept = Arc::new(Mutex::new(account));
    let (find, look_up, update) = (kept.clone(), kept.clone(), kept.clone());
    let read = |kept: &Mutex<Account>| kept.lock().expect("no panic").clone();
    ports.users.expect_find().returning(move |identity| Ok(Some(read(&find)).filter(|it| it.user.has(identity))));
    ports.users.expect_account().returning(move |_| Ok(Some(read(&look_up))));
    ports.users.expect_update().returning(move |from, to| {
        let mut kept = update.lock().expect("no panic");
        assert_eq!(*kept, from);
        *kept = to;
        Ok(())
    });
    kept
}

#[tokio::test]
async fn who_proves_a_social_id_gets_its_account_and_ends_every_key_that_was_given_before() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let account = account_of(&ports, &[Identity::Social(social())]);
    let id = account.user.id;
    let kept = keeping(&mut ports, account);
    let at_the_end = kept.clone();
    ports.users.expect_close_sessions().with(eq(id)).times(1).returning(move |_| {
        assert!(at_the_end.lock().expect("no panic").user.has(&oidc()), "others may still come in");
        Ok(())
    });
    ports.users.expect_create().never();
    ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));

    let auth = Auth::new(&ports.build(), AuthPolicy { open_signup: false, ..policy() });
    let grant = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

    assert_eq!(grant.expect("let in").user.id, id);
    let user = kept.lock().expect("no panic").user.clone();
    assert!(user.has(&oidc()) && user.has(&Identity::Social(social())) && !user.has_unproved(), "{user:?}");
}

#[tokio::test]
async fn keys_from_before_the_proof_end_also_when_that_was_cut_short() {
    for is_cut_short in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let nonce = saying_with_nonce(&mut ports);
        let mut identities = [Identity::Social(social()), oidc()];
        if !is_cut_short {
            identities.reverse();
        }
        let mut account = account_of(&ports, &identities);
        account.user.identities[1].linked_at += TimeDelta::microseconds(1);
        keeping(&mut ports, account);
        ports.users.expect_close_sessions().times(usize::from(is_cut_short)).returning(|_| Ok(()));
        ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));

        let auth = Auth::new(&ports.build(), policy());
        let grant = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

        assert!(grant.is_ok(), "{grant:?}");
    }
}

#[tokio::test]
async fn what_was_proved_is_never_trusted_without_proof_again() {
    let trusting = AuthPolicy { trust_social_ids: true, ..policy() };
    let proved: [&[Identity]; 3] =
        [&[oidc(), Identity::Social(social())], &[Identity::Email(email()), Identity::Social(social())], &[oidc()]];
    for identities in proved {
        let mut ports = TestPorts::at(NOW);
        saying(&mut ports, claims(None));
        let account = account_of(&ports, identities);
        knowing(&mut ports, &account);
        ports.users.expect_create().never();
        ports.users.expect_open_session().never();

        let granted =
            Auth::new(&ports.build(), trusting.clone()).log_in_with_social_id(social(), &Device::default()).await;

        assert!(matches!(granted, Err(AuthError::UntrustedSocialId)), "{granted:?}");
    }
}

#[tokio::test]
async fn a_disabled_user_is_let_in_by_no_provider() {
    for identity in [oidc(), Identity::Social(social())] {
        let mut ports = TestPorts::at(NOW);
        let nonce = saying_with_nonce(&mut ports);
        let mut account = account_of(&ports, &[identity]);
        account.user.disabled_at = Some(ports.now());
        knowing(&mut ports, &account);
        ports.users.expect_update().never();

        let auth = Auth::new(&ports.build(), policy());
        let granted = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

        assert!(matches!(granted, Err(AuthError::Disabled)), "{granted:?}");
    }
}

#[tokio::test]
async fn who_has_proved_nothing_links_no_provider() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let account = account_of(&ports, &[Identity::Social(social())]);
    knowing(&mut ports, &account);
    let caller = Caller { user: account.user.id, session: session_of(&account.user, ports.now()) };

    let linked =
        Auth::new(&ports.build(), policy()).link_id_token(&caller, &provider(), token(), nonce.expose(), None).await;

    assert!(matches!(linked, Err(AuthError::UntrustedSocialId)), "{linked:?}");
}

#[tokio::test]
async fn who_came_by_a_provider_gets_a_password_with_their_first_email_address() {
    let mut ports = TestPorts::at(NOW);
    let account = account_of(&ports, &[oidc()]);
    knowing(&mut ports, &account);
    let caller = Caller { user: account.user.id, session: session_of(&account.user, ports.now()) };
    ports.passwords.expect_hash().times(1).returning(|_| Ok(PasswordHash::new("theirs".into())));
    ports
        .users
        .expect_update()
        .withf(|_, to| to.password == Some(PasswordHash::new("theirs".into())) && to.user.email() == Some(&email()))
        .times(1)
        .returning(|_, _| Ok(()));

    let linked =
        Auth::new(&ports.build(), policy()).link_email(&caller, email(), password(), None, &Device::default()).await;

    assert_eq!(linked.expect("linked").done().identity, Identity::Email(email()));
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_no_wrong_token() {
    let mut ports = TestPorts::at(NOW);
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    let nonce = Nonce::issue(&provider(), &keys, ports.now());
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    ports.identity_providers.expect_issuer().return_const(ISSUER.to_owned());
    ports.identity_providers.expect_verify().returning(|_, _| Err(IdTokenError::Unavailable("timed out".into())));
    ports.single_use.expect_use_up().never();
    let auth = Auth::new(&ports.build(), policy());

    let granted = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::ProviderUnavailable(_))), "{granted:?}");
}

/// Somebody who came by this account's social id before, and has waited since.
fn waiting(ports: &mut TestPorts, account: &Account, is_session_open: bool) -> Caller {
    let session = session_of(&account.user, ports.now());
    let open = is_session_open.then(|| session.clone());
    ports.users.expect_session_of().returning(move |_, _| Ok(open.clone()));
    Caller { user: account.user.id, session }
}

#[tokio::test]
async fn who_came_without_proof_leaves_no_door_open_to_an_account_that_was_proved_since() {
    // Before its sessions have ended, and after.
    for (identities, is_session_open) in
        [([Identity::Social(social()), oidc()], true), ([oidc(), Identity::Social(social())], false)]
    {
        let mut ports = TestPorts::at(NOW);
        let nonce = saying_with_nonce(&mut ports);
        let mut account = account_of(&ports, &identities);
        account.user.identities[1].linked_at += TimeDelta::microseconds(1);
        let social_id =
            account.user.identities.iter().find(|it| it.identity == Identity::Social(social())).expect("it").id;
        let mallory = waiting(&mut ports, &account, is_session_open);
        knowing(&mut ports, &account);
        ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("mallory's".into())));
        ports.users.expect_update().never();
        let auth = Auth::new(&ports.build(), policy());

        let by_email = auth.link_email(&mallory, email(), password(), None, &Device::default()).await.map(|_| ());
        let by_token = auth.link_id_token(&mallory, &provider(), token(), nonce.expose(), None).await.map(|_| ());
        let unlinked = auth.unlink(&mallory, social_id).await.map(|_| ());

        for refused in [by_email, by_token, unlinked] {
            assert!(matches!(refused, Err(AuthError::NotRecent | AuthError::InvalidToken)), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn what_is_linked_by_a_session_that_ends_meanwhile_is_taken_away_again() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let account = account_of(&ports, &[Identity::Email(email())]);
    let session = session_of(&account.user, ports.now());
    let caller = Caller { user: account.user.id, session: session.clone() };
    let kept = keeping(&mut ports, account.clone());
    ports.users.expect_session_of().times(2).returning(move |_, _| Ok(Some(session.clone())));
    ports.users.expect_session_of().returning(|_, _| Ok(None));

    let auth = Auth::new(&ports.build(), policy());
    let linked = auth.link_id_token(&caller, &provider(), token(), nonce.expose(), None).await;

    assert!(matches!(linked, Err(AuthError::InvalidToken)), "{linked:?}");
    assert_eq!(*kept.lock().expect("no panic"), account);
}

#[tokio::test]
async fn a_provider_that_is_unlinked_does_not_lead_in_again_by_the_social_id() {
    let mut ports = TestPorts::at(NOW);
    let account = account_of(&ports, &[oidc(), Identity::Social(social()), Identity::Email(email())]);
    let (caller, id) = (
        Caller { user: account.user.id, session: session_of(&account.user, ports.now()) },
        account.user.identities[0].id,
    );
    let kept = keeping(&mut ports, account);

    assert!(Auth::new(&ports.build(), policy()).unlink(&caller, id).await.expect("unlinked"));

    let user = kept.lock().expect("no panic").user.clone();
    assert!(user.identities.iter().all(|linked| linked.identity == Identity::Email(email())), "{user:?}");
}

#[tokio::test]
async fn another_provider_opens_no_account_that_was_proved_by_its_social_id() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let proved = account_of(&ports, &[Identity::Email(email()), Identity::Social(social())]);
    let made: Arc<Mutex<Option<Account>>> = Arc::default();
    let (find, create, look_up) = (made.clone(), made.clone(), made.clone());
    ports.users.expect_find().returning(move |identity| {
        let made = find.lock().expect("no panic").clone();
        Ok([Some(proved.clone()), made].into_iter().flatten().find(|account| account.user.has(identity)))
    });
    ports.users.expect_create().times(1).returning(move |account| {
        *create.lock().expect("no panic") = Some(account);
        Ok(())
    });
    ports.users.expect_account().returning(move |_| Ok(look_up.lock().expect("no panic").clone()));
    ports.users.expect_update().never();
    ports.users.expect_open_session().times(1).returning(|_, _, _| Ok(()));

    let auth = Auth::new(&ports.build(), policy());
    let grant = auth.log_in_with_id_token(&provider(), token(), nonce.expose(), &Device::default()).await;

    let account = made.lock().expect("no panic").clone().expect("another is made");
    assert_eq!(grant.expect("let in").user, account.user);
    assert_eq!(account.user.identities.len(), 1);
}

#[tokio::test]
async fn a_provider_is_linked_by_whoever_knows_the_password() {
    for given in [None, Some(false), Some(true)] {
        let mut ports = TestPorts::at(NOW);
        let nonce = saying_with_nonce(&mut ports);
        let account = Account {
            password: Some(PasswordHash::new("hers".into())),
            ..account_of(&ports, &[Identity::Email(email())])
        };
        let caller = Caller { user: account.user.id, session: session_of(&account.user, ports.now()) };
        let kept = keeping(&mut ports, account);
        ports.passwords.expect_verify().returning(move |_, _| Ok(given == Some(true)));

        let auth = Auth::new(&ports.build(), policy());
        let linked = auth.link_id_token(&caller, &provider(), token(), nonce.expose(), given.map(|_| password())).await;

        assert_eq!(linked.is_ok(), given == Some(true), "{linked:?}");
        assert_eq!(kept.lock().expect("no panic").user.has(&oidc()), given == Some(true));
        assert!(linked.is_ok() || matches!(linked, Err(AuthError::WrongPassword)), "{linked:?}");
    }
}

#[tokio::test]
async fn a_provider_whose_social_id_is_of_another_user_is_not_linked() {
    let mut ports = TestPorts::at(NOW);
    let nonce = saying_with_nonce(&mut ports);
    let account = account_of(&ports, &[Identity::Email(email())]);
    let other = account_of(&ports, &[Identity::Social(social())]);
    let caller = Caller { user: account.user.id, session: session_of(&account.user, ports.now()) };
    ports.users.expect_find().returning(move |identity| Ok(Some(other.clone()).filter(|it| it.user.has(identity))));
    ports.users.expect_account().returning(move |_| Ok(Some(account.clone())));
    ports.users.expect_update().never();

    let auth = Auth::new(&ports.build(), policy());
    let linked = auth.link_id_token(&caller, &provider(), token(), nonce.expose(), None).await;

    assert!(matches!(linked, Err(AuthError::IdentityTaken)), "{linked:?}");
}

#[tokio::test]
async fn unlinking_the_first_proof_calls_nothing_unproved_and_the_last_address_takes_its_password() {
    let mut ports = TestPorts::at(NOW);
    let google = Identity::Oidc(OidcSubject::parse("https://other.example.com".into(), "7".into()).expect("a subject"));
    let mut account = account_of(&ports, &[Identity::Email(email()), Identity::Social(social()), google]);
    for (number, linked) in (0..).zip(&mut account.user.identities) {
        linked.linked_at += TimeDelta::seconds(number);
    }
    account.password = Some(PasswordHash::new("hers".into()));
    let (caller, id) = (
        Caller { user: account.user.id, session: session_of(&account.user, ports.now()) },
        account.user.identities[0].id,
    );
    let kept = keeping(&mut ports, account);

    assert!(Auth::new(&ports.build(), policy()).unlink(&caller, id).await.expect("unlinked"));

    let account = kept.lock().expect("no panic").clone();
    assert!(!account.user.has_unproved() && account.user.has(&Identity::Social(social())), "{account:?}");
    assert_eq!(account.password, None);
}

#[tokio::test]
async fn what_somebody_has_is_not_taken_away_for_having_been_linked_again() {
    for is_ended in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let nonce = saying_with_nonce(&mut ports);
        let account = account_of(&ports, &[oidc(), Identity::Social(social())]);
        let session = session_of(&account.user, ports.now());
        let caller = Caller { user: account.user.id, session: session.clone() };
        let kept = keeping(&mut ports, account.clone());
        ports.users.expect_session_of().times(2).returning(move |_, _| Ok(Some(session.clone())));
        ports
            .users
            .expect_session_of()
            .returning(move |_, _| if is_ended { Ok(None) } else { Err(StoreError::Unavailable("throttled".into())) });

        let auth = Auth::new(&ports.build(), policy());
        let linked = auth.link_id_token(&caller, &provider(), token(), nonce.expose(), None).await;

        assert_eq!(linked.expect("it was linked before").identity, oidc());
        assert_eq!(*kept.lock().expect("no panic"), account);
    }
}
