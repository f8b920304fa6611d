//! Choosing a new password and verifying addresses with codes from a real mail server, with the function on DynamoDB.

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

fn asked() -> ((Caller, &'static MailServer), ()) {
    static SHARED: Shared = Shared::new(&[]);
    let stores = || stores::fresh().into_iter().chain(MAIL.verifying("asked")).collect();
    ((SHARED.caller_on(stores), &MAIL), ())
}

fn required() -> ((Caller, &'static MailServer), ()) {
    static SHARED: Shared = Shared::new(&[]);
    let stores = || stores::fresh().into_iter().chain(MAIL.verifying("required")).collect();
    ((SHARED.caller_on(stores), &MAIL), ())
}

tapebase_conformance::verification_tests!(asked(), required());
