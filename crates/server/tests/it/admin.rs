//! Operators look after accounts over HTTP, with tokens that are made on the command line.

use std::sync::Arc;

use serde_json::json;
use tapebase_conformance::http::{Request, Tcp, cases::user::User};

use crate::server::{Server, Shared, command, operators_token};

fn shared() -> ((Tcp, Arc<Server>), impl Fn(&str) -> String) {
    static SERVER: Shared = Shared::new();
    let (tcp, server) = SERVER.get(|| Server::start(&[]));
    let data_dir = server.data_dir().to_owned();
    ((tcp, server), move |email: &str| operators_token(&data_dir, &[], email))
}

tapebase_conformance::admin_tests!(shared());

#[test]
fn tokens_are_made_listed_and_revoked_on_the_command_line() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let run = |arguments: &[&str]| {
        let output = command(server.data_dir(), &[]).arg("user").args(arguments).output().expect("it starts");
        (output.status.success(), String::from_utf8(output.stdout).expect("text").trim_end().to_owned())
    };

    let scopes = ["--scope", "read", "--scope", "upload", "--expires-in", "7", "--name", "Backup"];
    let (_, secret) = run(&[&["create-token", &ann.email], &scopes[..]].concat());

    let made = ann.read("/v1/me/tokens")["items"][0].clone();
    assert_eq!((&made["name"], &made["scopes"]), (&json!("Backup"), &json!(["read", "upload"])));
    assert!(server.send(&Request::new("GET", "/v1/recordings").bearer(&secret)).status == 200);
    let (_, listed) = run(&["tokens", &ann.email]);
    let id = made["id"].as_str().expect("an id");
    assert!(listed.starts_with(&format!("{id}  read upload  until 20")) && listed.ends_with("  Backup"), "{listed}");
    assert_eq!(run(&["revoke-token", &ann.email, id]), (true, "revoked the token".to_owned()));
    assert_eq!(server.send(&Request::new("GET", "/v1/recordings").bearer(&secret)).problem(), "invalid-token");
    for refused in [
        &["revoke-token", &ann.email, id][..],
        &["create-token", &ann.email],
        &["create-token", &ann.email, "--scope", "root"],
        &["create-token", "nobody@example.com", "--scope", "read"],
        &["create-token", &ann.email, "--scope", "read", "--name", " "],
        &["create-token", &ann.email, "--scope", "read", "--expires-in", "0"],
    ] {
        assert!(!run(refused).0, "{refused:?}");
    }
}
