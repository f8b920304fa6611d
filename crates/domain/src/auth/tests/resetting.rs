use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    history::HistoryId,
    id::IdentityId,
    mail::{MailedCode, Message},
    oidc::OidcSubject,
    playback::{PlaybackKey, PlaybackKeys},
    ports::{MailError, MockMailer},
    user::LinkedIdentity,
};

/// Of a world with keys, where Ann has an account.
fn ports_with_ann() -> (TestPorts, Account) {
    let mut ports = TestPorts::at(NOW);
    let ann = account(&ports);
    let found = ann.clone();
    ports.users.expect_find().returning(move |identity| Ok(found.user.has(identity).then(|| found.clone())));
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    (ports, ann)
}

/// The codes that are mailed from now on.
fn mailed(ports: &mut TestPorts) -> Arc<Mutex<Vec<MailedCode>>> {
    let codes = Arc::<Mutex<Vec<_>>>::default();
    let mut mailer = MockMailer::new();
    let sent = codes.clone();
    mailer.expect_send().returning(move |mail| {
        assert_eq!(mail.to, email());
        let Message::ResetPassword(code) = mail.message else { panic!("{mail:?}") };
        sent.lock().expect("no panic").push(code);
        Ok(())
    });
    ports.mailer = Some(mailer);
    codes
}

async fn forget(auth: &Auth, email: Email) -> Mailed {
    let forgotten = auth.forgot_password(email, &Device::default()).await.expect("mail is sent");
    auth.mail(forgotten).await.expect("the ports work")
}

#[tokio::test]
async fn whoever_is_mailed_a_code_chooses_another_password() {
    let (mut ports, ann) = ports_with_ann();
    let codes = mailed(&mut ports);
    ports.single_use.expect_use_up().times(2).returning(|_, _| Ok(true));
    ports.passwords.expect_hash().with(eq(password())).returning(|_| Ok(PasswordHash::new("new".into())));
    ports.users.expect_close_sessions().times(1).returning(|_| Ok(()));
    let found = ann.clone();
    ports.users.expect_account().returning(move |_| Ok(Some(found.clone())));
    let is_verified = |_: &Account, to: &Account| to.user.reads(&email());
    ports.users.expect_update().withf(is_verified).times(1).returning(|_, _| Ok(()));
    let (user, from, to) = (ann.user.id, ann.password.clone(), PasswordHash::new("new".into()));
    ports
        .users
        .expect_change_password()
        .with(eq(user), eq(from), eq(to), eq(None))
        .times(1)
        .returning(|_, _, _, _| Ok(true));
    let auth = Auth::new(&ports.build(), policy());

    assert!(matches!(forget(&auth, email()).await, Mailed::Sent));

    let code = codes.lock().expect("no panic").pop().expect("a mail");
    auth.reset_password(email(), code.expose(), password(), &Device::default()).await.expect("it counts");
}

#[tokio::test]
async fn what_is_typed_wrong_costs_no_hash_and_counts_against_its_address() {
    let (ports, _) = ports_with_ann();
    let auth = Auth::new(&ports.build(), AuthPolicy { wrong_passwords_per_address: 4, ..policy() });
    let device = Device { address: Some([192, 0, 2, 1].into()), ..Device::default() };
    let nobody = Email::parse("nobody@example.com").expect("an address");

    let wrong = auth.reset_password(email(), "0000-0000-0000", password(), &device).await;
    let again = auth.reset_password(nobody, "0000-0000-0000", password(), &device).await;

    assert!(matches!(wrong, Err(AuthError::InvalidCode)), "{wrong:?}");
    assert!(matches!(again, Err(AuthError::TooManyFromAddress { .. })), "{again:?}");
}

#[tokio::test]
async fn a_code_that_was_used_meanwhile_is_of_no_use() {
    let (mut ports, ann) = ports_with_ann();
    ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("new".into())));
    ports.users.expect_account().returning(move |_| Ok(Some(ann.clone())));
    ports.users.expect_close_sessions().returning(|_| Ok(()));
    ports.users.expect_change_password().times(1).returning(|_, _, _, _| Ok(false));
    let auth = Auth::new(&ports.build(), policy());
    let code = auth.reset_code(email()).await.expect("the ports work").expect("a code");

    let reset = auth.reset_password(email(), code.expose(), password(), &Device::default()).await;

    assert!(matches!(reset, Err(AuthError::InvalidCode)), "{reset:?}");
}

#[tokio::test]
async fn nobody_is_sent_more_than_a_few() {
    let (mut ports, _) = ports_with_ann();
    let codes = mailed(&mut ports);
    let used = Mutex::new(Vec::new());
    ports.single_use.expect_use_up().returning(move |digest, _| {
        let mut used = used.lock().expect("no panic");
        let is_new = !used.contains(&digest);
        used.push(digest);
        Ok(is_new)
    });
    let auth = Auth::new(&ports.build(), policy());

    for _ in 0..6 {
        let _ = forget(&auth, email()).await;
    }

    let codes = codes.lock().expect("no panic");
    assert_eq!(codes.len(), 3);
    assert!(codes.iter().all(|code| *code == codes[0]));
}

#[tokio::test]
async fn who_is_nobody_or_not_let_in_is_sent_nothing() {
    let (mut ports, ann) = ports_with_ann();
    // Any mail would fail the test.
    ports.mailer = Some(MockMailer::new());
    let auth = Auth::new(&ports.build(), policy());
    assert!(matches!(forget(&auth, Email::parse("nobody@example.com").expect("an address")).await, Mailed::Nothing));

    for leaves in [false, true] {
        let mut ports = TestPorts::at(NOW);
        ports.mailer = Some(MockMailer::new());
        let mut user = ann.user.clone();
        *(if leaves { &mut user.erase_at } else { &mut user.disabled_at }) = Some(ports.now());
        let refused = Account { user, ..ann.clone() };
        ports.users.expect_find().returning(move |_| Ok(Some(refused.clone())));
        let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
        ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
        let auth = Auth::new(&ports.build(), policy());

        assert!(matches!(forget(&auth, email()).await, Mailed::Nothing));
        let minted = auth.reset_code(email()).await;

        assert!(matches!(minted, Err(AuthError::Disabled | AuthError::BeingErased)), "{minted:?}");
    }
}

#[tokio::test]
async fn without_mail_nobody_is_looked_for() {
    let auth = Auth::new(&TestPorts::at(NOW).build(), policy());

    let forgotten = auth.forgot_password(email(), &Device::default()).await.err();

    assert!(matches!(forgotten, Some(AuthError::NoMail)), "{forgotten:?}");
}

#[tokio::test]
async fn mails_of_one_address_are_limited() {
    let (mut ports, _) = ports_with_ann();
    mailed(&mut ports);
    let auth = Auth::new(&ports.build(), AuthPolicy { sign_ups_per_address: 4, ..policy() });
    let device = Device { address: Some([192, 0, 2, 1].into()), ..Device::default() };
    auth.forgot_password(email(), &device).await.expect("the first");

    let second = auth.forgot_password(email(), &device).await.err();

    assert!(matches!(second, Some(AuthError::TooManyFromAddress { .. })), "{second:?}");
}

#[tokio::test]
async fn other_addresses_of_the_account_lead_to_it_no_more() {
    let (mut ports, mut ann) = (TestPorts::at(NOW), account(&TestPorts::at(NOW)));
    let mallory = Identity::Email(Email::parse("mallory@example.com").expect("an address"));
    let at = ports.now();
    let linked = |identity| LinkedIdentity::new(IdentityId::generate(at), identity, at);
    let google = OidcSubject::parse("https://id.example.com".into(), "ann".into()).expect("a subject");
    ann.user.identities.extend([linked(mallory.clone()), linked(Identity::Oidc(google))]);
    let found = ann.clone();
    ports.users.expect_find().returning(move |_| Ok(Some(found.clone())));
    ports.users.expect_account().returning(move |_| Ok(Some(ann.clone())));
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    ports.passwords.expect_hash().returning(|_| Ok(PasswordHash::new("new".into())));
    let is_without = move |to: &Account| !to.user.has(&mallory) && to.user.identities.len() == 2;
    ports.users.expect_update().withf(move |_, to| is_without(to)).times(2).returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().returning(|_| Ok(()));
    ports.users.expect_change_password().times(1).returning(|_, _, _, _| Ok(true));
    let auth = Auth::new(&ports.build(), policy());
    let code = auth.reset_code(email()).await.expect("the ports work").expect("a code");

    auth.reset_password(email(), code.expose(), password(), &Device::default()).await.expect("it counts");
}

#[tokio::test]
async fn a_refused_mail_is_told_apart_from_a_mail_server_that_is_down() {
    for is_refused in [true, false] {
        let (mut ports, _) = ports_with_ann();
        let mut mailer = MockMailer::new();
        mailer.expect_send().returning(move |_| {
            Err(if is_refused { MailError::Refused("no".into()) } else { MailError::Unavailable("no".into()) })
        });
        ports.mailer = Some(mailer);
        ports.single_use.expect_use_up().returning(|_, _| Ok(true));
        let auth = Auth::new(&ports.build(), policy());
        let forgotten = auth.forgot_password(email(), &Device::default()).await.expect("found");

        let outcome = auth.mail(forgotten).await;

        let is_as_told = match outcome.expect("the stores work") {
            Mailed::Refused => is_refused,
            Mailed::Failed(_) => !is_refused,
            Mailed::Nothing | Mailed::Sent => false,
        };
        assert!(is_as_told);
    }
}
