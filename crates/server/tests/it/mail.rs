//! Choosing a new password and verifying addresses with codes from a real mail server, through TCP; and what becomes of codes where none answers.

use std::{
    fs::{self, File},
    net::TcpListener,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use serde_json::json;
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

fn asked() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| Server::start(&borrowed(&MAIL.verifying("asked"))));
    ((tcp, &MAIL), server)
}

fn required() -> ((Tcp, &'static MailServer), Arc<Server>) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| Server::start(&borrowed(&MAIL.verifying("required"))));
    ((tcp, &MAIL), server)
}

tapebase_conformance::verification_tests!(asked(), required());

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
    let server = Server::start(&[("TAPEBASE_AUTH__EMAIL_VERIFICATION", "asked")]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let identity = id(&ann.read("/v1/me/identities")["items"][0]);
    let asking = Request::new("POST", format!("/v1/me/verifications/{identity}"));
    assert_eq!(ann.send(asking).problem(), "mail-not-configured");
    let tapebase = |arguments: &[&str]| {
        let mut tapebase = command(server.data_dir(), &[("TAPEBASE_AUTH__EMAIL_VERIFICATION", "asked")]);
        tapebase.args(arguments).output().expect("it runs")
    };
    let doctor = tapebase(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("mail.smtp is not"), "{doctor:?}");

    let verified = tapebase(&["user", "verify", &ann.email]);

    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(ann.read("/v1/me")["email_verified"], true);
    let shown = String::from_utf8(tapebase(&["user", "show", &ann.email]).stdout).expect("text");
    assert!(shown.lines().any(|line| line.contains(&ann.email) && line.contains("verified")), "{shown}");
    assert!(!tapebase(&["user", "verify", "nobody@example.com"]).status.success());
}

#[test]
fn who_is_invited_signs_up_where_nobody_else_does() {
    for with_mail in [false, true] {
        let mail = if with_mail { MAIL.verifying("required") } else { Vec::new() };
        let closed = [("TAPEBASE_AUTH__OPEN_SIGNUP", "false"), ("TAPEBASE_AUTH__EMAIL_VERIFICATION", "required")];
        let settings = [&borrowed(&mail)[..], &closed].concat();
        let server = Server::start(&settings);
        let (tcp, email) = (server.tcp(), fresh_email("ann"));
        assert_eq!(server.send(&sign_up(&email, PASSWORD)).problem(), "signup-closed");
        let invite =
            || command(server.data_dir(), &settings).args(["user", "invite", &email]).output().expect("it runs");

        let invited = invite();

        assert!(invited.status.success(), "{invited:?}");
        let code = String::from_utf8(invited.stdout).expect("text").trim().to_owned();
        if with_mail {
            let mail = MAIL.mail_to(&email);
            assert_eq!(mail.code(), code);
            assert!(mail.text.contains("Subject: You are invited"), "{}", mail.text);
        }
        let signing_up = |code: &str| {
            let body = json!({"email": email, "password": PASSWORD, "code": code});
            server.send(&Request::new("POST", "/v1/auth/signup").json(&body))
        };
        assert_eq!(signing_up("").problem(), "signup-closed");
        assert_eq!(signing_up("0000-0000-0000").problem(), "invalid-code");
        assert_eq!(signing_up(&code).expect(201).json()["user"]["email_verified"], true);
        assert_eq!(signing_up(&code).problem(), "email-taken");
        let _ = User::log_in(&tcp, &email, PASSWORD);
        assert!(!invite().status.success(), "somebody has the address");
    }
}

#[test]
fn without_mail_nobody_makes_an_account_that_needs_a_code() {
    let server = Server::start(&[("TAPEBASE_AUTH__EMAIL_VERIFICATION", "required")]);

    assert_eq!(server.send(&sign_up(&fresh_email("ann"), PASSWORD)).problem(), "mail-not-configured");
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
