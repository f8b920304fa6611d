//! Verifying addresses with codes from a real mail server: one function per behaviour, to be run through every front end.
//!
//! ```text
//! fn asked() -> ((Tcp, &'static MailServer), Server) { .. }
//! fn required() -> ((Tcp, &'static MailServer), Server) { .. }
//!
//! tapebase_conformance::verification_tests!(asked(), required());
//! ```
//!
//! Each yields a client of a server that has `MailServer::verifying` with that word, the mail server, and whatever must
//! outlive them.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]

use serde_json::{Value, json};
use tapebase_domain::ports::{Clock as _, SystemClock};

use super::{
    Client, Request,
    cases::user::{PASSWORD, User, fresh_email, log_in, sign_up, token},
    mail, text,
};
use crate::mail_server::MailServer;

/// One test per behaviour.
#[macro_export]
macro_rules! verification_tests {
    ($asked:expr, $required:expr) => {
        mod verification {
            use super::*;

            $crate::verification_tests! { @each $asked;
                who_signs_up_is_mailed_a_code_and_let_in,
                a_code_verifies_the_address_it_was_mailed_to,
                whoever_lost_the_mail_requests_another,
                a_linked_address_is_asked_about,
                a_reset_code_verifies_and_leaves_nothing_of_a_stranger,
                an_address_that_was_linked_by_mistake_leads_to_no_account_of_somebody_else,
                a_code_that_is_not_needed_keeps_nobody_out,
                strangers_fill_nobodys_mailbox,
            }
            $crate::verification_tests! { @each $required;
                who_signs_up_signs_in_with_the_code,
                a_taken_address_is_told_to_its_owner_alone,
                whoever_signs_up_for_somebody_else_gets_nothing,
                an_address_is_linked_with_its_code,
                a_cookie_takes_the_code,
            }
        }
    };
    (@each $front_end:expr; $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let ((client, mail), _kept) = $front_end;
            $crate::http::verification::$case(&client, &mail);
        }
    )*};
}

const NEW: &str = "wrong donkey capacitor clip";

fn with_code(request: &Request, email: &str, code: &str) -> Request {
    let body = json!({"email": email, "password": PASSWORD, "code": code}).to_string().into_bytes();
    Request { body, ..request.clone() }
}

fn verification(identity: &Value) -> String {
    format!("/v1/me/verifications/{}", text(identity, "id"))
}

fn verify(identity: &Value, code: &str) -> Request {
    Request::new("PUT", verification(identity)).json(&json!({"code": code}))
}

fn first(user: &User<'_>) -> Value {
    user.read("/v1/me/identities")["items"][0].clone()
}

fn link(email: &str) -> Request {
    Request::new("POST", "/v1/me/identities").json(&json!({"email": email, "password": PASSWORD}))
}

pub fn who_signs_up_is_mailed_a_code_and_let_in(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann+memo");

    let mail = mail.mail_to(&ann.email);

    assert_eq!(ann.read("/v1/me")["email_verified"], false);
    let address = ann.email.replace('+', "%2B").replace('@', "%40").replace('-', "%2D").replace('.', "%2E");
    for line in [
        "Subject: Verify your email address".to_owned(),
        format!("    recorder:verify?email={address}&code={}", mail.code()),
    ] {
        assert!(mail.text.lines().any(|it| it.trim_end() == line), "{line:?} is not in {}", mail.text);
    }
}

pub fn a_code_verifies_the_address_it_was_mailed_to(client: &dyn Client, mail: &MailServer) {
    let [ann, ben] = ["ann", "ben"].map(|name| User::sign_up(client, name));
    let [code, bens] = [&ann, &ben].map(|user| mail.mail_to(&user.email).code());
    let identity = first(&ann);
    assert_eq!(identity["verified_at"], Value::Null);
    for wrong in [bens.as_str(), "", "0000-0000-0000", &code[..13]] {
        assert_eq!(ann.send(verify(&identity, wrong)).problem(), "invalid-code", "{wrong}");
    }

    let verified = ann.send(verify(&identity, &code.to_lowercase().replace('-', " "))).expect(200).json();

    assert!(verified["verified_at"].is_string(), "{verified}");
    assert_eq!(first(&ann), verified);
    assert_eq!(ann.read("/v1/me")["email_verified"], true);
    assert_eq!(client.send(&log_in(&ann.email, PASSWORD)).expect(200).json()["user"]["email_verified"], true);
    assert_eq!(ann.send(verify(&identity, "what got no answer")).expect(200).json(), verified);
    assert_eq!(ben.send(verify(&identity, &code)).problem(), "not-found");
    assert_eq!(client.send(&mail::reset(&ann.email, &code, NEW)).problem(), "invalid-code");
}

pub fn whoever_lost_the_mail_requests_another(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann");
    let _ = mail.mail_to(&ann.email);
    let identity = first(&ann);
    let request = || ann.send(Request::new("POST", verification(&identity)));

    let answer = request().expect(202);

    assert!(answer.body.is_empty());
    let again = mail.mail_to(&ann.email).code();
    let _ = ann.send(verify(&identity, &again)).expect(200);
    let _ = request().expect(202);
    // Whatever was begun before has been sent by then.
    let ben = User::sign_up(client, "ben");
    let _ = mail.mail_to(&ben.email);
    assert!(mail.all_mails_to(&ann.email).is_empty(), "it is verified");
    assert_eq!(ann.send(Request::new("POST", "/v1/me/verifications/ann")).problem(), "not-found");
}

pub fn a_linked_address_is_asked_about(client: &dyn Client, mail: &MailServer) {
    let (ann, other) = (User::sign_up(client, "ann"), fresh_email("anna"));

    let linked = ann.send(link(&other)).expect(201).json();

    assert_eq!(linked["verified_at"], Value::Null);
    let code = mail.mail_to(&other).code();
    assert_eq!(ann.send(verify(&first(&ann), &code)).problem(), "invalid-code");
    let verified = ann.send(verify(&linked, &code)).expect(200).json();
    assert_eq!((&verified["id"], verified["verified_at"].is_string()), (&linked["id"], true));
    assert_eq!(ann.read("/v1/me")["email_verified"], false, "the first one is not");
}

pub fn a_reset_code_verifies_and_leaves_nothing_of_a_stranger(client: &dyn Client, mail: &MailServer) {
    let (stranger, other) = (User::sign_up(client, "ann"), fresh_email("mallory"));
    let ann = &stranger.email;
    let _ = mail.mail_to(ann);
    let _ = stranger.send(link(&other)).expect(201);

    let code = mail::code(client, mail, ann);
    let _ = client.send(&mail::reset(ann, &code, NEW)).expect(204);

    let owner = User::log_in(client, ann, NEW);
    assert_eq!(owner.read("/v1/me")["email_verified"], true);
    assert_eq!(owner.read("/v1/me/identities")["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.send(&log_in(&other, NEW)).problem(), "wrong-credentials");
}

pub fn an_address_that_was_linked_by_mistake_leads_to_no_account_of_somebody_else(
    client: &dyn Client,
    mail: &MailServer,
) {
    let (ann, mistyped) = (User::sign_up(client, "ann"), fresh_email("amn"));
    let _ =
        ann.send(Request::new("POST", "/v1/recordings?name=secret.m4a").body("audio/mp4", vec![0; 100])).expect(201);
    let _ = ann.send(link(&mistyped)).expect(201);
    let _ = mail.mail_to(&mistyped);

    let code = mail::code(client, mail, &mistyped);
    let _ = client.send(&mail::reset(&mistyped, &code, NEW)).expect(204);

    let reader = User::log_in(client, &mistyped, NEW);
    assert_eq!(reader.read("/v1/recordings")["items"], json!([]));
    assert_ne!(reader.read("/v1/me")["id"], ann.read("/v1/me")["id"]);
    assert_eq!(reader.read("/v1/me")["email_verified"], true);
    assert_eq!(ann.read("/v1/me/identities")["items"].as_array().map(Vec::len), Some(1));
    let _ = ann.log_in_again();
}

pub fn a_code_that_is_not_needed_keeps_nobody_out(client: &dyn Client, _: &MailServer) {
    let ann = User::sign_up(client, "ann");

    for code in ["", " ", "0000-0000-0000"] {
        let entered = client.send(&with_code(&log_in(&ann.email, PASSWORD), &ann.email, code)).expect(200).json();
        assert_eq!(entered["user"]["email_verified"], false);
    }
}

pub fn strangers_fill_nobodys_mailbox(client: &dyn Client, mail: &MailServer) {
    let half_hour = || SystemClock.now().timestamp() / 1_800;
    loop {
        let (begun, victim) = (half_hour(), fresh_email("victim"));
        let strangers = ["ann", "ben", "cy", "dan", "eve"].map(|name| User::sign_up(client, name));
        for stranger in strangers.iter().chain(&strangers) {
            let linked = stranger.send(link(&victim)).expect(201).json();
            let unlink = Request::new("DELETE", format!("/v1/me/identities/{}", text(&linked, "id")));
            let _ = stranger.send(unlink).expect(204);
        }

        let _ = client.send(&sign_up(&victim, PASSWORD)).expect(201);
        // Several are sent at once, and arrive in any order.
        let mails = mail.mails_to(&victim, 9 + 1);
        let last = User::sign_up(client, "fay");
        let _ = mail.mail_to(&last.email);
        let more = mail.all_mails_to(&victim);
        // Counted anew, where it ends in between.
        if half_hour() == begun {
            assert!(more.is_empty(), "not one for each stranger, and the victim's own: {mails:?}, {more:?}");
            return;
        }
    }
}

pub fn who_signs_up_signs_in_with_the_code(client: &dyn Client, mail: &MailServer) {
    let email = fresh_email("ann");
    assert_eq!(client.send(&sign_up(&email, PASSWORD)).problem(), "unverified-email");
    let code = mail.mail_to(&email).code();
    let log_in = log_in(&email, PASSWORD);
    assert_eq!(client.send(&log_in).problem(), "unverified-email");
    // Another one, where half an hour has ended in between.
    let _ = mail.mail_to(&email).code();
    assert_eq!(client.send(&with_code(&log_in, &email, "0000-0000-0000")).problem(), "invalid-code");

    let grant = client.send(&with_code(&log_in, &email, &code)).expect(200);

    assert_eq!(grant.json()["user"]["email_verified"], true);
    let me = client.send(&Request::new("GET", "/v1/me").bearer(&token(&grant))).expect(200).json();
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(email), &json!(true)));
    let _ = client.send(&log_in).expect(200);
    let _ = client.send(&with_code(&log_in, &email, &code)).expect(200);
}

pub fn a_taken_address_is_told_to_its_owner_alone(client: &dyn Client, mail: &MailServer) {
    let (email, log_in) = (fresh_email("ann"), |email: &str| log_in(email, PASSWORD));
    assert_eq!(client.send(&sign_up(&email, PASSWORD)).problem(), "unverified-email");
    let code = mail.mail_to(&email).code();

    let again = client.send(&sign_up(&email, NEW));

    assert_eq!(again.problem(), "unverified-email");
    // It may be the same person, whose answer got lost.
    let _ = mail.mail_to(&email).code();
    let _ = client.send(&with_code(&log_in(&email), &email, &code)).expect(200);
    assert_eq!(client.send(&sign_up(&email, NEW)).problem(), "unverified-email");
    let ann = User::log_in(client, &email, PASSWORD);
    let told = mail.mail_to(&email);
    // Nor does that use up the mails of its owner.
    let other = fresh_email("anna");
    assert_eq!(ann.send(link(&other)).problem(), "unverified-email");
    let _ = mail.mail_to(&other).code();
    let mail = told;
    assert!(mail.text.lines().any(|line| line.trim_end() == "Subject: You have an account already"), "{}", mail.text);
}

pub fn whoever_signs_up_for_somebody_else_gets_nothing(client: &dyn Client, mail: &MailServer) {
    let email = fresh_email("ann");
    assert_eq!(client.send(&sign_up(&email, "of a stranger")).problem(), "unverified-email");
    let code = mail.mail_to(&email).code();
    // Ann signs up herself, is mailed the code, and is told that it is not her password.
    assert_eq!(client.send(&sign_up(&email, PASSWORD)).problem(), "unverified-email");
    let entered = client.send(&with_code(&log_in(&email, PASSWORD), &email, &code));
    assert_eq!(entered.problem(), "wrong-credentials");

    let _ = mail.mail_to(&email);
    let reset = mail::code(client, mail, &email);
    let _ = client.send(&mail::reset(&email, &reset, NEW)).expect(204);

    let ann = User::log_in(client, &email, NEW);
    assert_eq!(ann.read("/v1/me")["email_verified"], true);
    assert_eq!(client.send(&log_in(&email, "of a stranger")).problem(), "wrong-credentials");
}

/// Somebody who has signed up and given the code back.
fn member<'a>(client: &'a dyn Client, mail: &MailServer, name: &str) -> User<'a> {
    let email = fresh_email(name);
    assert_eq!(client.send(&sign_up(&email, PASSWORD)).problem(), "unverified-email");
    let code = mail.mail_to(&email).code();
    let _ = client.send(&with_code(&log_in(&email, PASSWORD), &email, &code)).expect(200);
    User::log_in(client, &email, PASSWORD)
}

pub fn an_address_is_linked_with_its_code(client: &dyn Client, mail: &MailServer) {
    let [ann, ben] = ["ann", "ben"].map(|name| member(client, mail, name));
    let other = fresh_email("anna");
    assert_eq!(ann.send(link(&other)).problem(), "unverified-email");
    let code = mail.mail_to(&other).code();
    assert_eq!(ann.read("/v1/me/identities")["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(ann.send(with_code(&link(&other), &other, "0000-0000-0000")).problem(), "invalid-code");
    assert_eq!(ben.send(with_code(&link(&other), &other, &code)).problem(), "invalid-code");

    let linked = ann.send(with_code(&link(&other), &other, &code)).expect(201).json();

    assert!(linked["verified_at"].is_string(), "{linked}");
    let _ = User::log_in(client, &other, PASSWORD);
    assert_eq!(ann.send(link(&other)).expect(201).json(), linked);
    // Somebody else's is asked about as well, and taken all the same.
    assert_eq!(ann.send(link(&ben.email)).problem(), "unverified-email");
    let code = mail.mail_to(&ben.email).code();
    assert_eq!(ann.send(with_code(&link(&ben.email), &ben.email, &code)).problem(), "email-taken");
}

pub fn a_cookie_takes_the_code(client: &dyn Client, mail: &MailServer) {
    let email = fresh_email("ann");
    assert_eq!(client.send(&sign_up(&email, PASSWORD)).problem(), "unverified-email");
    let code = mail.mail_to(&email).code();
    let log_in = Request::new("POST", "/v1/auth/cookie").header("Sec-Fetch-Site", "same-origin");
    let log_in = log_in.json(&json!({"email": email, "password": PASSWORD}));
    assert_eq!(client.send(&log_in).problem(), "unverified-email");

    let session = client.send(&with_code(&log_in, &email, &code)).expect(200);

    assert!(session.header("set-cookie").is_some(), "{session:?}");
    assert_eq!(session.json()["user"]["email_verified"], true);
}
