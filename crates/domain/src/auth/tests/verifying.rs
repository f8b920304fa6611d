use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    history::HistoryId,
    id::IdentityId,
    mail::{Mail, MailedCode, Message},
    oidc::OidcSubject,
    playback::{PlaybackKey, PlaybackKeys},
    ports::MockMailer,
    user::LinkedIdentity,
};

fn required() -> AuthPolicy {
    AuthPolicy { email_verification: EmailVerification::Required, ..policy() }
}

fn asked() -> AuthPolicy {
    AuthPolicy { email_verification: EmailVerification::Asked, ..policy() }
}

/// Ann's account, as it was last made, and what others make of it while a password is hashed.
#[derive(Clone, Default)]
struct Stored {
    account: Arc<Mutex<Option<Account>>>,
    meanwhile: Arc<Mutex<Option<Account>>>,
}

impl Stored {
    fn get(&self) -> Option<Account> {
        self.account.lock().expect("no panic").clone()
    }

    fn set(&self, account: Account) {
        *self.account.lock().expect("no panic") = Some(account);
    }

    fn user(&self) -> User {
        self.get().expect("her account").user
    }
}

/// The mails that were sent.
type Mails = Arc<Mutex<Vec<Mail>>>;

/// Somebody to let in, in a world with keys and mail, of which more is said.
fn auth(ann: &Stored, policy: AuthPolicy, more: impl FnOnce(&mut TestPorts)) -> (Auth, Mails) {
    let (mut ports, mails) = (TestPorts::at(NOW), Mails::default());
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    let (mut mailer, sent) = (MockMailer::new(), mails.clone());
    mailer.expect_send().returning(move |mail| {
        sent.lock().expect("no panic").push(mail);
        Ok(())
    });
    ports.mailer = Some(mailer);
    ports.single_use.expect_use_up().returning(|_, _| Ok(true));
    let hashing = ann.clone();
    ports.passwords.expect_hash().returning(move |_| {
        if let Some(account) = hashing.meanwhile.lock().expect("no panic").take() {
            hashing.set(account);
        }
        Ok(PasswordHash::new("hers".into()))
    });
    ports.passwords.expect_verify().returning(|_, _| Ok(true));
    ports.users.expect_open_session().returning(|_, _, _| Ok(()));
    ports.users.expect_close_sessions().returning(|_| Ok(()));
    let stored = ann.clone();
    ports.users.expect_find().returning(move |identity| Ok(stored.get().filter(|account| account.user.has(identity))));
    let stored = ann.clone();
    ports.users.expect_account().returning(move |_| Ok(stored.get()));
    let stored = ann.clone();
    ports.users.expect_update().returning(move |_, to| {
        stored.set(to);
        Ok(())
    });
    more(&mut ports);
    (Auth::new(&ports.build(), policy), mails)
}

fn stored(account: Account) -> Stored {
    Stored { account: Arc::new(Mutex::new(Some(account))), ..Stored::default() }
}

async fn code(auth: &Auth, due: DueMail, mails: &Mutex<Vec<Mail>>) -> MailedCode {
    assert!(matches!(auth.mail(due).await, Ok(Mailed::Sent)));
    let mail = mails.lock().expect("no panic").pop().expect("a mail");
    let Message::VerifyEmail(code) = mail.message else { panic!("{mail:?}") };
    code
}

#[tokio::test]
async fn who_must_verify_signs_in_with_the_code_that_is_mailed() {
    let ann = stored(account(&TestPorts::at(NOW)));
    let (auth, mails) = auth(&ann, required(), |_| {});
    let log_in = async |code: Option<&str>| auth.log_in(email(), password(), code, &Device::default()).await;

    let without = log_in(None).await.expect("the password is right");
    let WithMail::CodeNeeded(mail) = without else { panic!("{without:?}") };
    let code = code(&auth, mail, &mails).await;
    let wrong = log_in(Some("0000-0000-0000")).await;
    assert!(matches!(wrong, Err(AuthError::InvalidCode)), "{wrong:?}");
    assert!(!ann.user().reads(&email()));

    let right = log_in(Some(code.expose())).await.expect("let in");

    let WithMail::Done(grant, None) = right else { panic!("{right:?}") };
    assert!(grant.user.reads(&email()));
    for code in [None, Some("what was sent before")] {
        let again = log_in(code).await.expect("let in").done();
        assert_eq!(again.user, grant.user, "no code is asked for any more");
    }
}

#[tokio::test]
async fn wrong_codes_count_against_their_address() {
    let policy = AuthPolicy { wrong_passwords_per_address: 4, ..required() };
    let (auth, _) = auth(&stored(account(&TestPorts::at(NOW))), policy, |_| {});
    let device = Device { address: Some([192, 0, 2, 1].into()), ..Device::default() };
    let try_code = async || auth.log_in(email(), password(), Some("0000-0000-0000"), &device).await;

    assert!(matches!(try_code().await, Err(AuthError::InvalidCode)));
    let again = try_code().await;

    assert!(matches!(again, Err(AuthError::TooManyFromAddress { .. })), "{again:?}");
}

#[tokio::test]
async fn whether_an_address_is_taken_is_told_to_whoever_reads_its_mail() {
    for is_verified in [false, true] {
        let mut taken = account(&TestPorts::at(NOW));
        taken.user.identities[0].verified_at = is_verified.then_some(taken.user.created_at);
        let (auth, mails) = auth(&stored(taken), required(), |ports| {
            ports.users.expect_create().times(1).returning(|_| Err(CreateError::Taken));
        });

        let signed_up = auth.sign_up(email(), password(), None, &Device::default()).await.expect("nobody is told");

        let WithMail::CodeNeeded(mail) = signed_up else { panic!("{signed_up:?}") };
        assert!(matches!(auth.mail(mail).await, Ok(Mailed::Sent)));
        let mail = mails.lock().expect("no panic").pop().expect("a mail");
        assert_eq!(mail.message == Message::AccountExists, is_verified, "{mail:?}");
    }
}

#[tokio::test]
async fn who_is_asked_to_verify_is_let_in_all_the_same() {
    let ann = Stored::default();
    let created = ann.clone();
    let (auth, mails) = auth(&ann, asked(), |ports| {
        ports.users.expect_create().times(1).returning(move |account| {
            created.set(account);
            Ok(())
        });
    });

    let signed_up = auth.sign_up(email(), password(), None, &Device::default()).await.expect("signed up");
    let WithMail::Done(grant, Some(mail)) = signed_up else { panic!("{signed_up:?}") };
    let code = code(&auth, mail, &mails).await;

    let caller = Caller { user: grant.user.id, session: grant.session };
    let id = grant.user.identities[0].id;
    let wrong = auth.verify_email(&caller, id, "0000-0000-0000", &Device::default()).await;
    assert!(matches!(wrong, Err(AuthError::InvalidCode)), "{wrong:?}");
    let verified = auth.verify_email(&caller, id, code.expose(), &Device::default()).await.expect("it counts");
    assert!(verified.is_some_and(|linked| linked.verified_at.is_some()));
    assert!(ann.user().reads(&email()));
    let mail = auth.ask_for_verification(&caller, id).await.expect("the ports work").expect("her address");
    assert!(matches!(auth.mail(mail).await, Ok(Mailed::Nothing)), "it is verified");
    let nothing = auth.ask_for_verification(&caller, IdentityId::generate(grant.user.created_at)).await;
    assert!(matches!(nothing, Ok(None)), "{nothing:?}");
}

#[tokio::test]
async fn an_address_is_linked_once_its_code_is_given_back() {
    let ann = account(&TestPorts::at(NOW));
    let session = session_of(&ann.user, TestPorts::at(NOW).now());
    let caller = Caller { user: ann.user.id, session: session.clone() };
    let ann = stored(ann);
    let (auth, mails) = auth(&ann, required(), |ports| {
        ports.users.expect_session_of().returning(move |_, _| Ok(Some(session.clone())));
    });
    let other = || Email::parse("ann@example.org").expect("an address");
    let link = async |code: Option<&str>| auth.link_email(&caller, other(), password(), code, &Device::default()).await;

    let without = link(None).await.expect("the password is right");
    let WithMail::CodeNeeded(mail) = without else { panic!("{without:?}") };
    assert!(!ann.user().has(&Identity::Email(other())));
    let code = code(&auth, mail, &mails).await;
    let wrong = link(Some("0000-0000-0000")).await;
    assert!(matches!(wrong, Err(AuthError::InvalidCode)), "{wrong:?}");

    let linked = link(Some(code.expose())).await.expect("linked").done();

    assert!(linked.verified_at.is_some());
    assert_eq!(ann.user().identities[1], linked);
    assert_eq!(link(None).await.expect("linked").done(), linked, "it is linked already");
}

/// Ann's account, with Google linked before her address or after it, and another address after both; some are verified.
fn with_others(google_first: bool, verified: [bool; 2]) -> (Account, Identity, Email) {
    let mut ann = account(&TestPorts::at(NOW));
    let at = ann.user.created_at;
    let google = OidcSubject::parse("https://id.example.com".into(), "ann".into()).expect("a subject");
    let (google, other) = (Identity::Oidc(google), Email::parse("anna@example.com").expect("an address"));
    let linked = LinkedIdentity::new(IdentityId::generate(at), google.clone(), at);
    ann.user.identities.insert(usize::from(!google_first), linked);
    ann.user.identities.push(LinkedIdentity::new(IdentityId::generate(at), Identity::Email(other.clone()), at));
    for (email, is_verified) in [email(), other.clone()].iter().zip(verified) {
        if is_verified {
            ann.user.verify(email, at);
        }
    }
    (ann, google, other)
}

/// What is left of the account of whoever resets the password by Ann's address, and the one that is made, if one is.
async fn reset(policy: AuthPolicy, ann: Account) -> (Account, Option<Account>) {
    let (ann, apart) = (stored(ann), Stored::default());
    let created = apart.clone();
    let (auth, _) = auth(&ann, policy, |ports| {
        ports.users.expect_change_password().returning(|_, _, _, _| Ok(true));
        ports.users.expect_create().returning(move |account| {
            created.set(account);
            Ok(())
        });
    });
    let code = auth.reset_code(email()).await.expect("the ports work").expect("a code");

    auth.reset_password(email(), code.expose(), password(), &Device::default()).await.expect("it counts");

    (ann.get().expect("her account"), apart.get())
}

#[tokio::test]
async fn a_reset_leaves_nothing_that_was_linked_by_whoever_had_not_verified_the_address() {
    for (policy, is_verified, is_left) in [(asked(), false, false), (asked(), true, true), (policy(), false, true)] {
        let (ann, google, other) = with_others(false, [is_verified, false]);

        let (left, apart) = reset(policy, ann).await;

        assert_eq!(apart, None);
        assert_eq!((left.user.has(&google), left.user.has(&Identity::Email(other))), (is_left, false));
        // Google's owner may be somebody else, and nobody has said that they are not.
        assert_eq!(left.user.reads(&email()), is_verified || !is_left);
    }
}

#[tokio::test]
async fn whoever_reads_an_address_that_was_linked_by_mistake_gets_no_account_of_somebody_else() {
    for (policy, google_first, other_first) in
        [(asked(), true, false), (required(), true, true), (policy(), false, true)]
    {
        let (mut ann, google, other) = with_others(google_first, [false, false]);
        let id = ann.user.id;
        if other_first {
            ann.user.identities.reverse();
        }

        let (left, apart) = reset(policy, ann).await;

        assert!(left.user.has(&google) && left.user.has(&Identity::Email(other)), "{left:?}");
        assert!(left.user.id == id && !left.user.has(&Identity::Email(email())), "{left:?}");
        let apart = apart.expect("an account of its own").user;
        assert!(apart.id != id && apart.reads(&email()) && apart.identities.len() == 1, "{apart:?}");
    }
}

#[tokio::test]
async fn the_address_with_which_an_account_began_gets_it_whatever_was_verified_since() {
    for policy in [policy(), asked(), required()] {
        let (ann, _, other) = with_others(false, [false, true]);
        let id = ann.user.id;

        let (left, apart) = reset(policy, ann).await;

        assert_eq!((left.user.id, left.user.has(&Identity::Email(other)), apart), (id, false, None));
    }
}

#[tokio::test]
async fn while_sign_up_is_closed_an_address_that_was_linked_by_mistake_is_free() {
    let (ann, ..) = with_others(true, [false, false]);
    let ann = stored(ann);
    let (auth, _) = auth(&ann, AuthPolicy { open_signup: false, ..asked() }, |_| {});
    let code = auth.reset_code(email()).await.expect("the ports work").expect("a code");

    let reset = auth.reset_password(email(), code.expose(), password(), &Device::default()).await;

    assert!(matches!(reset, Err(AuthError::SignupClosed)), "{reset:?}");
    assert!(!ann.user().has(&Identity::Email(email())));
    auth.invite(email()).await.expect("nobody has it");
}

/// An address or what it was beside is unlinked while the password is hashed.
#[tokio::test]
async fn a_reset_leaves_no_account_without_an_identity() {
    // Once the address is unlinked from what it was beside, it is anybody's who reads its mail.
    for (google_first, unlinked, is_reset) in [(true, 0, false), (true, 1, true), (false, 0, false)] {
        let (mut original, ..) = with_others(google_first, [false, false]);
        original.user.identities.truncate(2);
        let ann = stored(original.clone());
        let (auth, _) = auth(&ann, asked(), |ports| {
            ports.users.expect_change_password().returning(|_, _, _, _| Ok(true));
            ports.users.expect_create().returning(|_| Ok(()));
        });
        let code = auth.reset_code(email()).await.expect("the ports work").expect("a code");
        let mut after = original.clone();
        after.user.identities.remove(unlinked);
        *ann.meanwhile.lock().expect("no panic") = Some(after);

        let reset = auth.reset_password(email(), code.expose(), password(), &Device::default()).await;

        assert_eq!(reset.is_ok(), is_reset, "{reset:?}");
        assert!(!ann.user().identities.is_empty(), "{google_first} {unlinked}");
    }
}

#[tokio::test]
async fn without_mail_nobody_signs_up_where_a_code_is_needed() {
    let granted =
        Auth::new(&TestPorts::at(NOW).build(), required()).sign_up(email(), password(), None, &Device::default()).await;

    assert!(matches!(granted, Err(AuthError::NoMail)), "{granted:?}");
}

#[tokio::test]
async fn who_is_invited_signs_up_while_sign_up_is_closed_and_is_verified() {
    let ann = Stored::default();
    let created = ann.clone();
    let (auth, mails) = auth(&ann, AuthPolicy { open_signup: false, ..required() }, |ports| {
        ports.users.expect_create().times(1).returning(move |account| {
            created.set(account);
            Ok(())
        });
    });
    let sign_up = async |code: Option<&str>| auth.sign_up(email(), password(), code, &Device::default()).await;
    let invitation = auth.invite(email()).await.expect("the ports work");
    let code = invitation.code.clone();
    assert!(matches!(auth.mail_invitation(invitation).await, Mailed::Sent));
    assert_eq!(mails.lock().expect("no panic")[0].message, Message::Invitation(code.clone()));
    assert!(matches!(sign_up(None).await, Err(AuthError::SignupClosed)));
    assert!(matches!(sign_up(Some("0000-0000-0000")).await, Err(AuthError::InvalidCode)));

    let grant = sign_up(Some(code.expose())).await.expect("invited").done();

    assert!(grant.user.reads(&email()));
    assert!(matches!(auth.invite(email()).await, Err(AuthError::EmailTaken)));
}

#[tokio::test]
async fn where_no_code_is_needed_a_wrong_one_keeps_nobody_out() {
    let (auth, _) = auth(&stored(account(&TestPorts::at(NOW))), asked(), |_| {});

    let grant = auth.log_in(email(), password(), Some("0000-0000-0000"), &Device::default()).await;

    assert!(!grant.expect("let in").done().user.reads(&email()));
}

#[tokio::test]
async fn the_operator_knows_whose_an_address_is() {
    let ann = stored(account(&TestPorts::at(NOW)));
    let (auth, _) = auth(&ann, required(), |_| {});

    assert!(auth.vouch_for(email()).await.expect("the ports work"));
    assert!(!auth.vouch_for(Email::parse("nobody@example.com").expect("an address")).await.expect("the ports work"));

    assert!(ann.user().reads(&email()));
    auth.log_in(email(), password(), None, &Device::default()).await.expect("let in").done();
}
