//! Two servers on one table and one bucket: what one of them takes away is gone at the other at once.

use std::{
    fs::{self, File},
    time::{Duration, Instant},
};

use serde_json::json;
use tapebase_conformance::http::{
    Client as _, Request, Tcp,
    cases::user::{PASSWORD, User, id, log_in},
    text,
};
use tempfile::TempDir;

use super::stores;
use crate::server::{Server, borrowed, command};

const NEW: &str = "wrong donkey capacitor clip";

/// Two servers, each with a folder of its own, and what they share.
fn pair() -> ([Server; 2], Vec<(&'static str, String)>) {
    let settings = stores::fresh();
    let start = || Server::start(&borrowed(&settings));
    ([start(), start()], settings)
}

fn is_known(server: &Tcp, token: &str) -> bool {
    let answer = server.send(&Request::new("GET", "/v1/recordings").bearer(token));
    assert!(matches!(answer.outcome().as_str(), "200" | "401 invalid-token"), "{answer:?}");
    answer.status == 200
}

#[test]
fn a_session_or_token_that_ends_at_one_server_is_nothing_to_the_other() {
    let ([first, second], _) = pair();
    let (first, second) = (first.tcp(), second.tcp());
    let ann = User::sign_up(&first, "ann");
    let fresh = || User::log_in(&second, &ann.email, PASSWORD).token;
    let end = |request: Request, token: &str| {
        // Looked up at both before, so that whatever remembers it does.
        assert!(is_known(&first, token) && is_known(&second, token));
        let _ = first.send(&request).expect(204);
        assert!(!is_known(&second, token), "{} {}", request.method, request.target);
    };

    let token = fresh();
    end(Request::new("POST", "/v1/auth/logout").bearer(&token), &token);
    let token = fresh();
    let sessions = second.send(&Request::new("GET", "/v1/me/sessions").bearer(&token)).expect(200).json();
    let current = sessions["items"].as_array().expect("a list").iter().find(|session| session["current"] == true);
    let one = format!("/v1/me/sessions/{}", id(current.expect("the one in use")));
    end(Request::new("DELETE", one).bearer(&ann.token), &token);
    let wanted = json!({"name": "laptop", "scopes": ["full"]});
    let made = ann.send(Request::new("POST", "/v1/me/tokens").json(&wanted)).expect(201).json();
    let revoke = format!("/v1/me/tokens/{}", id(&made["token"]));
    end(Request::new("DELETE", revoke).bearer(&ann.token), text(&made, "access_token"));
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    end(Request::new("PUT", "/v1/me/password").bearer(&ann.token).json(&change), &fresh());
    assert!(is_known(&second, &ann.token), "the one that has changed it stays");
    end(Request::new("DELETE", "/v1/me/sessions").bearer(&ann.token), &ann.token);
}

#[test]
fn a_disabled_user_is_out_at_both_servers_at_once() {
    let ([first, second], settings) = pair();
    let tcp = [first.tcp(), second.tcp()];
    let ann = User::sign_up(&tcp[0], "ann");
    assert!(tcp.iter().all(|server| is_known(server, &ann.token)));
    let tapebase = |what: &str| {
        let mut tapebase = command(first.data_dir(), &borrowed(&settings));
        assert!(tapebase.args(["user", what, &ann.email]).status().expect("it runs").success());
    };

    tapebase("disable");

    assert!(!tcp.iter().any(|server| is_known(server, &ann.token)));
    for server in &tcp {
        assert_eq!(server.send(&log_in(&ann.email, PASSWORD)).problem(), "account-disabled");
    }
    tapebase("enable");
    let _ = User::log_in(&tcp[1], &ann.email, PASSWORD);
}

#[test]
fn guesses_at_one_server_count_at_the_other() {
    let ([first, second], _) = pair();
    let (first, second) = (first.tcp(), second.tcp());
    let ann = User::sign_up(&first, "ann");

    let guesses: Vec<_> = (0..8).map(|_| first.send(&log_in(&ann.email, "guess number one")).outcome()).collect();

    assert!(guesses.iter().all(|guess| guess == "401 wrong-credentials"), "{guesses:?}");
    let refused = second.send(&log_in(&ann.email, "guess number two"));
    assert_eq!(refused.problem(), "too-many-attempts");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
}

#[test]
fn of_several_servers_one_sweeps() {
    let (settings, folder) = (stores::fresh(), TempDir::new().expect("a folder"));
    let (every, sweeping) = (Duration::from_secs(1), ("TAPEBASE_SWEEP__EVERY", "1s"));
    let logs = ["first", "second", "third"].map(|name| folder.path().join(name));
    let begun = Instant::now();
    let servers = logs.each_ref().map(|log| {
        let data_dir = log.with_extension("data");
        let mut command = command(&data_dir, &[&borrowed(&settings)[..], &[sweeping]].concat());
        command.stderr(File::create(log).expect("made"));
        Server::run(command, &data_dir)
    });
    let swept = || -> usize {
        let logs = logs.iter().map(|log| fs::read_to_string(log).expect("read"));
        logs.map(|log| log.matches("\"swept\"").count()).sum()
    };

    while swept() < 4 {
        assert!(begun.elapsed() < Duration::from_mins(1), "nobody sweeps");
        let _ = servers[0].send(&Request::new("GET", "/healthz")).expect(200);
    }

    let (sweeps, periods) = (swept(), begun.elapsed().as_secs() + 2);
    assert!(sweeps as u64 <= periods, "{sweeps} sweeps in {periods} periods of {every:?}");
    drop(servers);
}
