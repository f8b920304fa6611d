//! The operator looks after users, while the server runs.

use std::{
    path::Path,
    process::Output,
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
