//! Choosing a new password with a code from a real mail server: one function per behaviour, to be run through every front
//! end.
//!
//! ```text
//! fn front_end() -> ((Tcp, &'static MailServer), Server) { .. }
//!
//! tapebase_conformance::mail_tests!(front_end());
//! ```
//!
//! The expression yields a client of a server that has the mail server's settings, the mail server, and whatever must
//! outlive them.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Client, Request, Response,
    cases::{
        at_once,
        user::{PASSWORD, User, fresh_email, log_in},
    },
    text,
};
use crate::mail_server::{FROM, MailServer};

/// One test per behaviour.
#[macro_export]
macro_rules! mail_tests {
    ($front_end:expr) => {
        $crate::mail_tests! { @each $front_end;
            whoever_is_mailed_a_code_chooses_another_password,
            a_code_counts_once,
            a_code_of_somebody_else_counts_for_nobody,
            a_mail_is_of_the_operator_and_leads_to_the_app,
            an_address_that_nobody_has_is_answered_alike_and_sent_nothing,
            nobody_is_sent_more_than_a_few_mails,
            a_new_password_that_is_none_costs_no_code,
        }
    };
    (@each $front_end:expr; $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let ((client, mail), _kept) = $front_end;
            $crate::http::mail::$case(&client, &mail);
        }
    )*};
}

const NEW: &str = "wrong donkey capacitor clip";

/// Asks for a code.
#[must_use]
pub fn forget(email: &str) -> Request {
    Request::new("POST", "/v1/auth/password-reset").json(&json!({"email": email}))
}

/// Chooses a password with it.
#[must_use]
pub fn reset(email: &str, code: &str, password: &str) -> Request {
    let reset = json!({"email": email, "code": code, "new_password": password});
    Request::new("PUT", "/v1/auth/password").json(&reset)
}

/// The code that somebody is mailed.
pub fn code(client: &dyn Client, mail: &MailServer, email: &str) -> String {
    let _ = client.send(&forget(email)).expect(202);
    mail.mail_to(email).code()
}

pub fn whoever_is_mailed_a_code_chooses_another_password(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann");
    let wanted = json!({"name": "laptop", "scopes": ["full"]});
    let made = ann.send(Request::new("POST", "/v1/me/tokens").json(&wanted)).expect(201).json();
    let with_token = || client.send(&Request::new("GET", "/v1/recordings").bearer(text(&made, "access_token")));
    let _ = with_token().expect(200);
    let code = code(client, mail, &ann.email);

    let answer =
        client.send(&reset(&ann.email.to_uppercase(), &code.to_lowercase().replace('-', " "), NEW)).expect(204);

    assert!(answer.body.is_empty());
    assert_eq!(ann.get("/v1/me").problem(), "invalid-token");
    assert_eq!(with_token().problem(), "invalid-token");
    assert_eq!(client.send(&log_in(&ann.email, PASSWORD)).problem(), "wrong-credentials");
    let again = User::log_in(client, &ann.email, NEW);
    assert_eq!(again.read("/v1/me")["email"], ann.email);
}

pub fn a_code_counts_once(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann");
    let code = code(client, mail, &ann.email);

    let outcomes = at_once(6, |number| client.send(&reset(&ann.email, &code, &format!("{NEW} {number}"))).outcome());

    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "204").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "403 invalid-code").count(), 5, "{outcomes:?}");
    assert_eq!(client.send(&reset(&ann.email, &code, NEW)).problem(), "invalid-code");
    // The next mail has another one.
    assert_ne!(self::code(client, mail, &ann.email), code);
}

pub fn a_code_of_somebody_else_counts_for_nobody(client: &dyn Client, mail: &MailServer) {
    let [ann, ben] = ["ann", "ben"].map(|name| User::sign_up(client, name));
    let code = code(client, mail, &ben.email);

    for (email, code) in [
        (ann.email.as_str(), code.as_str()),
        (fresh_email("nobody").as_str(), &code),
        ("no address", &code),
        (&ben.email, ""),
        (&ben.email, "0000-0000-0000"),
        (&ben.email, &code[..13]),
        (&ben.email, &code.repeat(2)),
        (&ben.email, "ünïcödé"),
    ] {
        assert_eq!(client.send(&reset(email, code, NEW)).problem(), "invalid-code", "{email} {code}");
    }

    let _ = ann.read("/v1/me");
    let _ = client.send(&reset(&ben.email, &code, NEW)).expect(204);
}

pub fn a_mail_is_of_the_operator_and_leads_to_the_app(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann+memo");
    let _ = client.send(&forget(&ann.email.to_uppercase())).expect(202);

    let mail = mail.mail_to(&ann.email);

    assert_eq!(mail.from, FROM);
    let address = ann.email.replace('+', "%2B").replace('@', "%40").replace('-', "%2D").replace('.', "%2E");
    for line in [
        format!("From: Recorder <{FROM}>"),
        format!("To: {}", ann.email),
        "Subject: Choose a new password".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
        format!("    https://app.example.com/reset?email={address}&code={}", mail.code()),
    ] {
        assert!(mail.text.lines().any(|it| it.trim_end() == line), "{line:?} is not in {}", mail.text);
    }
}

pub fn an_address_that_nobody_has_is_answered_alike_and_sent_nothing(client: &dyn Client, mail: &MailServer) {
    let (ann, nobody) = (User::sign_up(client, "ann"), fresh_email("nobody"));

    let [known, unknown] = [&ann.email, &nobody].map(|email| client.send(&forget(email)).expect(202));

    let names = |answer: &Response| answer.headers.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    assert_eq!((known.body.as_slice(), names(&known)), (unknown.body.as_slice(), names(&unknown)));
    let _ = mail.mail_to(&ann.email);
    assert!(mail.all_mails_to(&nobody).is_empty());
    assert_eq!(client.send(&forget("no address")).problem(), "invalid-email");
}

pub fn nobody_is_sent_more_than_a_few_mails(client: &dyn Client, mail: &MailServer) {
    let [ann, ben] = ["ann", "ben"].map(|name| User::sign_up(client, name));

    for _ in 0..5 {
        let _ = client.send(&forget(&ann.email)).expect(202);
    }
    let mails = mail.mails_to(&ann.email, 3);
    let _ = code(client, mail, &ben.email);
    let _ = code(client, mail, &ben.email);

    let more = mail.all_mails_to(&ann.email);
    // There are, where half an hour ends in between.
    assert!(more.is_empty() || more.iter().any(|mail| mail.code() != mails[0].code()), "{mails:?}, {more:?}");
}

pub fn a_new_password_that_is_none_costs_no_code(client: &dyn Client, mail: &MailServer) {
    let ann = User::sign_up(client, "ann");
    let code = code(client, mail, &ann.email);

    assert_eq!(client.send(&reset(&ann.email, &code, "short")).problem(), "invalid-password");
    let _ = client.send(&reset(&ann.email, &code, NEW)).expect(204);
}
