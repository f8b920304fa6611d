//! The operator looks after users, while the server runs.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tapebase_conformance::http::Request;

use crate::server::{Server, command, type_password};

const NEW: &str = "wrong donkey capacitor clip";
/// For how long another process may take a token for that of an open session.
const KNOWN: Duration = Duration::from_secs(10);

#[test]
fn a_password_that_the_operator_changes_ends_all_sessions() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let is_let_in = |password| {
        let credentials = json!({"email": "ann@example.com", "password": password});
        server.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).status == 200
    };

    let output = change(server.data_dir(), "Ann@Example.com", NEW);

    assert!(output.status.success(), "{output:?}");
    assert!(is_let_in(NEW) && !is_let_in("correct horse"));
    let since = Instant::now();
    while server.send(&Request::new("GET", "/v1/me").bearer(&token)).status != 401 {
        assert!(since.elapsed() < KNOWN, "a session has not ended");
    }
}

#[test]
fn all_users_are_listed() {
    let server = Server::start(&[]);
    for number in 0..3 {
        let _ = server.sign_up(&format!("ann{number}"));
    }
    let tapebase = |arguments: &[&str]| command(server.data_dir(), &[]).args(arguments).output().expect("it runs");
    assert!(tapebase(&["user", "disable", "ann1@example.com"]).status.success());

    let listed = String::from_utf8(tapebase(&["user", "list"]).stdout).expect("text");

    assert_eq!(listed.lines().count(), 3, "{listed}");
    for number in 0..3 {
        let line = listed.lines().find(|line| line.contains(&format!("ann{number}@example.com")));
        assert_eq!(line.map(|line| line.ends_with("disabled")), Some(number == 1), "{listed}");
    }
}

#[test]
fn the_operator_is_told_why_a_password_is_not_changed() {
    let server = Server::start(&[]);
    let _ = server.sign_up("ann");
    let nowhere = server.data_dir().join("nowhere");

    for (folder, email, password, reason) in [
        (server.data_dir(), "bob@example.com", NEW, "no user has this email address"),
        (server.data_dir(), "ann@example.com", "short", "shorter than 8 characters"),
        (server.data_dir(), "ann", NEW, "not an email address"),
        (&nowhere, "ann@example.com", NEW, "it has no user"),
    ] {
        let output = change(folder, email, password);

        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{email}: {said}");
    }
    assert!(!nowhere.exists());
}

fn change(data_dir: &Path, email: &str, password: &str) -> Output {
    let mut command = command(data_dir, &[]);
    command.args(["user", "password", email]);
    type_password(command, password)
}

#[test]
fn a_disabled_user_is_out_until_enabled() {
    let server = Server::start(&[("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true")]);
    let token = server.sign_up("ann");
    let recording = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", b"audio");
    let _ = server.send(&recording).expect(201);
    let log_in = |password| {
        let credentials = json!({"email": "ann@example.com", "password": password});
        server.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).outcome()
    };

    let said = user(&server, &["disable", "Ann@Example.com"]);

    assert!(said.contains("disabled the user"), "{said}");
    assert_eq!((log_in("correct horse"), log_in("something else")), {
        ("403 account-disabled".to_owned(), "401 wrong-credentials".to_owned())
    });
    let since = Instant::now();
    while server.send(&Request::new("GET", "/v1/me").bearer(&token)).status != 401 {
        assert!(since.elapsed() < KNOWN, "a session has not ended");
    }
    let shown = user(&server, &["show", "ann@example.com"]);
    let lines =
        ["\ndisabled    20", "\nemail       ann@example.com\n", "\nrecordings  1 of ", "\nsessions    0 of 100\n"];
    assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");
    let id = shown.lines().next().and_then(|line| line.strip_prefix("id ")).expect("the id").trim();
    assert!(user(&server, &["enable", id]).contains("can sign in"));
    assert_eq!(log_in("correct horse"), "200");
}

#[test]
fn a_disabled_phone_of_2018_is_out_too() {
    let server = Server::start(&[("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true")]);
    let log_in = || server.send(&Request::new("GET", "/login?social_id=1%0Aemail%1B&social_type=X"));
    let grant = log_in().expect(200).json();
    let me = Request::new("GET", "/v1/me").bearer(grant["auth_key"].as_str().expect("a key"));
    let id = server.send(&me).expect(200).json()["id"].as_str().expect("an id").to_owned();

    let _ = user(&server, &["disable", &id]);

    assert_eq!(log_in().status, 403);
    let shown = user(&server, &["show", &id]);
    // What somebody calls themselves is no line of its own, nor a command to a terminal.
    assert!(
        shown.contains("\nsocial id   1\\nemail\\u{1b} at X\n") && shown.contains("\npassword    none\n"),
        "{shown}"
    );
}

#[test]
fn the_operator_sees_sessions_and_ends_them() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let credentials = json!({"email": "ann@example.com", "password": "correct horse"});
    let phone = Request::new("POST", "/v1/auth/login").json(&credentials).header("User-Agent", "phone\u{9b}2J");
    let _ = server.send(&phone).expect(200);

    let listed = user(&server, &["sessions", "ann@example.com"]);

    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(!listed.contains('\u{9b}'), "{listed}");
    assert!(user(&server, &["sign-out", "ann@example.com"]).contains("end within seconds"));
    let since = Instant::now();
    while server.send(&Request::new("GET", "/v1/me").bearer(&token)).status != 401 {
        assert!(since.elapsed() < KNOWN, "a session has not ended");
    }
    assert_eq!(user(&server, &["sessions", "ann@example.com"]), "");
}

#[test]
fn the_operator_is_told_that_there_is_no_such_user() {
    let server = Server::start(&[]);
    let _ = server.sign_up("ann");

    for action in ["show", "sessions", "sign-out", "disable", "enable"] {
        for (name, reason) in [
            ("bob@example.com", "there is no such user"),
            ("01JD9Z8Q3NVX4T6M2K7C5B1ARE", "there is no such user"),
            ("bob", "neither a user's id nor an email address"),
        ] {
            let output = run(&server, &[action, name]);

            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains(reason), "{action} {name}: {said}");
        }
    }
}

/// What the command prints, which must succeed.
fn user(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn run(server: &Server, arguments: &[&str]) -> Output {
    let mut command = command(server.data_dir(), &[]);
    command.arg("user").args(arguments).stderr(Stdio::piped()).output().expect("it runs")
}
