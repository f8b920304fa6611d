//! Choosing a new password with a code from a real mail server, with the function on DynamoDB.

use std::sync::LazyLock;

use tapebase_conformance::mail_server::MailServer;

use crate::{
    rie::{Caller, Shared},
    stores,
};

/// It ends with the process.
static MAIL: LazyLock<MailServer> = LazyLock::new(MailServer::start);

fn shared() -> ((Caller, &'static MailServer), ()) {
    static SHARED: Shared = Shared::new(&[]);
    let stores = || stores::fresh().into_iter().chain(MAIL.settings()).collect();
    ((SHARED.caller_on(stores), &MAIL), ())
}

tapebase_conformance::mail_tests!(shared());

/// A function that has this `auth.email_verification`.
fn verifying(mode: &'static str) -> ((Caller, &'static MailServer), ()) {
    static ASKED: Shared = Shared::new(&[]);
    static REQUIRED: Shared = Shared::new(&[]);
    let shared = if mode == "required" { &REQUIRED } else { &ASKED };
    let verification = ("TAPEBASE_AUTH__EMAIL_VERIFICATION", mode.to_owned());
    let stores = || stores::fresh().into_iter().chain(MAIL.settings()).chain([verification]).collect();
    ((shared.caller_on(stores), &MAIL), ())
}

tapebase_conformance::verification_tests!(verifying);
