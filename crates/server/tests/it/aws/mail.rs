//! Choosing a new password with a code from a real mail server, where users are in DynamoDB.

use std::sync::Arc;

use tapebase_conformance::{http::Tcp, mail_server::MailServer};

use super::stores;
use crate::{
    mail::MAIL,
    server::{Server, Shared, borrowed},
};

fn shared() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| stores::serve(&borrowed(&MAIL.settings())));
    ((tcp, &MAIL), server)
}

tapebase_conformance::mail_tests!(shared());

/// A server that has this `auth.email_verification`.
fn verifying(mode: &'static str) -> ((Tcp, &'static MailServer), Arc<Server>) {
    static ASKED: Shared = Shared::new();
    static REQUIRED: Shared = Shared::new();
    let shared = if mode == "required" { &REQUIRED } else { &ASKED };
    let settings = || [&MAIL.settings()[..], &[("TAPEBASE_AUTH__EMAIL_VERIFICATION", mode.to_owned())]].concat();
    let (tcp, server) = shared.get(|| stores::serve(&borrowed(&settings())));
    ((tcp, &MAIL), server)
}

tapebase_conformance::verification_tests!(verifying);
