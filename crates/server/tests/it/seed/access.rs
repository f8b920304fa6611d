//! Who is let in, for how long, and what of it can be read on the disk.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;
use tapebase_conformance::http::Request;
use tempfile::TempDir;

use super::{Phone, TRUSTING, assert_success, audio_files, eventually, login, text};
use crate::server::Server;

// Fault: anyone who knows a social id logs in as its owner.

#[test]
fn an_untrusted_social_id_is_refused_and_makes_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let id = "nobody-may-come-in-by-this";

    for settings in [&[] as &[(&str, &str)], &[("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "false")]] {
        let server = Server::start_on(&data_dir, settings);
        for _ in 0..2 {
            let response = login(&server, id).expect(403);
            assert_eq!(response.header("content-type"), Some("application/json"));
            assert!(response.json()["error"].is_string() && response.json()["auth_key"].is_null(), "{response:?}");
        }
        assert!(server.terminate().success());
        assert!(!contains(&data_dir, id));
    }

    let server = Server::start_on(&data_dir, &[TRUSTING]);
    let _ = login(&server, id).expect(200);
    assert!(server.terminate().success());
    assert!(contains(&data_dir, id), "the search finds accounts that are there");
}

#[test]
fn a_key_is_not_stored_in_clear() {
    let server = Server::start(&[TRUSTING]);

    let grant = login(&server, "4711").expect(200).json();

    assert!(contains(server.data_dir(), "4711"), "the search finds what is there");
    assert!(!contains(server.data_dir(), text(&grant, "auth_key")));
}

#[test]
fn a_key_expires() {
    let server = Server::start(&[TRUSTING, ("TAPEBASE_AUTH__SESSION_ABSOLUTE", "2s")]);
    let phone = Phone::sign_in(&server);
    let list = || phone.send(Request::new("GET", "/record/list"));
    assert_eq!(list().status, 200);

    eventually(&server, "the key expires", || list().status == 401);

    assert_eq!(list().json(), json!({"error": "Not Authorization"}));
}

// Fault: all audio is world-readable.

#[test]
fn audio_is_private_on_the_disk() {
    let server = Server::start(&[TRUSTING]);
    assert_success(&Phone::sign_in(&server).upload("memo.m4a", &vec![7; 300_000]));

    let files = audio_files(server.data_dir());

    assert_eq!(files.len(), 1);
    let database = server.data_dir().join("tapebase.db");
    for path in [&files[0], files[0].parent().expect("a folder"), server.data_dir(), &database] {
        let mode = fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
    }
}

/// Whether a file beside the audio, such as the database, has this text in it.
fn contains(data_dir: &Path, needle: &str) -> bool {
    let files = fs::read_dir(data_dir).expect("readable").map(|entry| entry.expect("readable").path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = fs::read(path).expect("readable");
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}
