//! Choosing a new password and verifying addresses with codes from a real mail server, where users are in DynamoDB.

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

fn asked() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| stores::serve(&borrowed(&MAIL.verifying("asked"))));
    ((tcp, &MAIL), server)
}

fn required() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| stores::serve(&borrowed(&MAIL.verifying("required"))));
    ((tcp, &MAIL), server)
}

tapebase_conformance::verification_tests!(asked(), required());
