//! Choosing a new password with a code from a real mail server, through TCP; and what becomes of codes where none answers.

use std::{
    fs::{self, File},
    net::TcpListener,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use tapebase_conformance::{
    http::{
        Request, Tcp,
        cases::user::{PASSWORD, User, fresh_email, id, log_in, sign_up},
        mail::{forget, reset},
    },
    mail_server::{FROM, MailServer},
};
use tempfile::TempDir;

use crate::server::{Server, Shared, borrowed, command};

/// Of all tests that leave it as it is; it ends with the process.
pub static MAIL: LazyLock<MailServer> = LazyLock::new(MailServer::start);

fn shared() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| Server::start(&borrowed(&MAIL.settings())));
    ((tcp, &MAIL), server)
}

tapebase_conformance::mail_tests!(shared());

/// A server that has this `auth.email_verification`.
fn verifying(mode: &'static str) -> ((Tcp, &'static MailServer), Arc<Server>) {
    static ASKED: Shared = Shared::new();
    static REQUIRED: Shared = Shared::new();
    let shared = if mode == "required" { &REQUIRED } else { &ASKED };
    let settings = || [&MAIL.settings()[..], &[("TAPEBASE_AUTH__EMAIL_VERIFICATION", mode.to_owned())]].concat();
    let (tcp, server) = shared.get(|| Server::start(&borrowed(&settings())));
    ((tcp, &MAIL), server)
}

tapebase_conformance::verification_tests!(verifying);

#[test]
fn without_a_mail_server_the_operator_has_codes() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    assert_eq!(server.send(&forget(&ann.email)).problem(), "mail-not-configured");

    let mut printed = command(server.data_dir(), &[]);
    let printed = printed.args(["user", "reset", &ann.email]).output().expect("it runs");

    assert!(printed.status.success(), "{printed:?}");
    let code = String::from_utf8(printed.stdout).expect("text");
    let _ = server.send(&reset(&ann.email, &code, "wrong donkey capacitor clip")).expect(204);
    assert_eq!(server.send(&log_in(&ann.email, PASSWORD)).problem(), "wrong-credentials");
    let mut nobody = command(server.data_dir(), &[]);
    assert!(!nobody.args(["user", "reset", "nobody@example.com"]).status().expect("it runs").success());
}

#[test]
fn without_a_mail_server_the_operator_verifies() {
    let server = Server::start(&[("TAPEBASE_AUTH__EMAIL_VERIFICATION", "required")]);
    let tcp = server.tcp();
    let email = fresh_email("ann");
    let _ = server.send(&sign_up(&email, PASSWORD)).expect(202);
    assert_eq!(server.send(&log_in(&email, PASSWORD)).problem(), "unverified-email");
    let tapebase = |arguments: &[&str]| {
        let mut tapebase = command(server.data_dir(), &[("TAPEBASE_AUTH__EMAIL_VERIFICATION", "required")]);
        tapebase.args(arguments).output().expect("it runs")
    };
    let doctor = tapebase(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("mail.smtp is not"), "{doctor:?}");

    let verified = tapebase(&["user", "verify", &email]);

    assert!(verified.status.success(), "{verified:?}");
    let ann = User::log_in(&tcp, &email, PASSWORD);
    assert_eq!(ann.read("/v1/me")["email_verified"], true);
    let identity = id(&ann.read("/v1/me/identities")["items"][0]);
    let asking = Request::new("POST", format!("/v1/me/identities/{identity}/verification"));
    assert_eq!(ann.send(asking).problem(), "mail-not-configured");
    let shown = String::from_utf8(tapebase(&["user", "show", &email]).stdout).expect("text");
    assert!(shown.lines().any(|line| line.contains(&email) && line.contains("verified")), "{shown}");
    assert!(!tapebase(&["user", "verify", "nobody@example.com"]).status.success());
}

#[test]
fn what_no_mail_server_takes_is_told_the_operator_and_nobody_else() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("smtp://{}", silent.local_addr().expect("an address"));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let wrong_password = MAIL.url().replace("s3cret", "other");
    for (url, cause) in [
        (silent.as_str(), "takes too long|timed out|timeout"),
        (&format!("smtp://{closed}"), "refused"),
        (MAIL.untrusted_url(), "certificate"),
        (&wrong_password, "wrong user or password"),
    ] {
        let folder = TempDir::new().expect("a temporary folder");
        let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
        let mut command = command(&data_dir, &[("TAPEBASE_MAIL__SMTP", url), ("TAPEBASE_MAIL__FROM", FROM)]);
        command.stderr(File::create(&log).expect("made"));
        let server = Server::run(command, &data_dir);
        let tcp = server.tcp();
        let ann = User::sign_up(&tcp, "ann");

        let begun = Instant::now();
        let _ = server.send(&forget(&ann.email)).expect(202);
        let took = begun.elapsed();

        server.wait_for_tasks(Duration::from_mins(1));
        let failing = server.send(&Request::new("GET", "/readyz")).expect(200).json()["failing"].clone();
        assert_eq!(failing[0]["task"], "mail", "{failing}");
        let log = fs::read_to_string(&log).expect("read");
        let line = log.lines().find(|line| line.contains("was not mailed")).unwrap_or_else(|| panic!("{url}: {log}"));
        assert!(cause.split('|').any(|cause| line.contains(cause)), "{url}: {line}");
        assert!(!log.contains("s3cret") && !log.contains(&ann.email), "{log}");
        assert!(took < Duration::from_secs(5), "{url}: the client waited for {took:?}");
    }
}

#[test]
fn an_address_that_the_mail_server_refuses_is_in_no_log() {
    let folder = TempDir::new().expect("a temporary folder");
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
    let settings = MAIL.settings();
    let mut command = command(&data_dir, &borrowed(&settings));
    command.stderr(File::create(&log).expect("made"));
    let server = Server::run(command, &data_dir);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "refused");

    let _ = server.send(&forget(&ann.email)).expect(202);

    server.wait_for_tasks(Duration::from_mins(1));
    let log = fs::read_to_string(&log).expect("read");
    assert!(log.contains("the mail server refuses its address"), "{log}");
    assert!(!log.contains("refused-"), "{log}");
    let ready = server.send(&Request::new("GET", "/readyz")).expect(200).json();
    assert_eq!(ready.get("failing"), None, "one address is no mail server: {ready}");
}

#[test]
fn doctor_signs_in_at_the_mail_server() {
    let server = Server::start(&[]);
    let doctor = |url: &str| {
        let mut doctor = command(server.data_dir(), &[("TAPEBASE_MAIL__SMTP", url), ("TAPEBASE_MAIL__FROM", FROM)]);
        doctor.arg("doctor").output().expect("it runs")
    };

    let fine = doctor(MAIL.url());
    assert!(fine.status.success(), "{fine:?}");
    assert!(String::from_utf8_lossy(&fine.stdout).contains("mail server"), "{fine:?}");

    let refused = doctor(&MAIL.url().replace("s3cret", "other"));
    assert!(!refused.status.success(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stdout).contains("wrong user or password"), "{refused:?}");
}
