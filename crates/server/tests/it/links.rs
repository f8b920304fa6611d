//! Playback links beyond one server's life: keys that rotate, copies of the data, and what is written down of them.

use std::{fs, path::Path};

use tapebase_conformance::http::{Request, Response, cases::fixtures::MEMO};

use crate::{
    server::{Server, command},
    shelf::Shelf,
};

/// Somebody's recording, and their token.
fn upload(server: &Server) -> (String, String) {
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", MEMO);
    (server.send(&upload).expect(201).json()["id"].as_str().expect("an id").to_owned(), token)
}

fn link(server: &Server, id: &str, token: &str) -> String {
    let link = server.send(&Request::new("POST", format!("/v1/recordings/{id}/link")).bearer(token)).expect(200).json();
    link["path"].as_str().expect("a path").to_owned()
}

fn play(server: &Server, path: &str) -> Response {
    server.send(&Request::new("GET", path))
}

#[test]
fn a_link_plays_after_one_rotation_of_keys_and_not_after_two() {
    let shelf = Shelf::new();
    let server = Server::start_on(&shelf.path("data"), &[]);
    let (id, token) = upload(&server);
    let first = link(&server, &id, &token);

    shelf.succeed("data", &["keys", "rotate"]);
    let second = link(&server, &id, &token);
    assert_ne!(first, second);
    for path in [&first, &second] {
        assert_eq!(play(&server, path).expect(200).body, MEMO);
    }

    shelf.succeed("data", &["keys", "rotate"]);
    assert_eq!(play(&server, &first).expect(403).problem(), "invalid-link");
    assert_eq!(play(&server, &second).expect(200).body, MEMO);
}

#[test]
fn a_link_plays_after_a_restart() {
    let shelf = Shelf::new();
    let server = Server::start_on(&shelf.path("data"), &[]);
    let (id, token) = upload(&server);
    let path = link(&server, &id, &token);
    assert!(server.terminate().success());

    let server = Server::start_on(&shelf.path("data"), &[]);

    assert_eq!(play(&server, &path).expect(200).body, MEMO);
}

#[test]
fn a_restored_copy_makes_no_link_that_counts_here_nor_the_other_way_round() {
    let shelf = Shelf::new();
    let server = Server::start_on(&shelf.path("data"), &[]);
    let (id, token) = upload(&server);
    let here = link(&server, &id, &token);
    shelf.succeed("data", &["backup", "backup"]);
    shelf.succeed("copy", &["restore", "backup"]);

    let copy = Server::start_on(&shelf.path("copy"), &[]);
    let there = link(&copy, &id, &token);

    assert_eq!(play(&server, &here).expect(200).body, MEMO);
    assert_eq!(play(&copy, &there).expect(200).body, MEMO);
    assert_eq!(play(&server, &there).expect(403).problem(), "invalid-link");
    assert_eq!(play(&copy, &here).expect(403).problem(), "invalid-link");
}

#[test]
fn links_are_not_in_the_log_nor_on_the_disk_nor_in_a_backup() {
    let shelf = Shelf::new();
    let (data, log) = (shelf.path("data"), shelf.path("log"));
    let mut command = command(&data, &[("TAPEBASE_LOG__FILTER", "trace")]);
    command.stderr(fs::File::create(&log).expect("made"));
    let server = Server::run(command, &data);
    let (id, token) = upload(&server);
    let path = link(&server, &id, &token);
    let listed = server.send(&Request::new("GET", "/v1/recordings?include=link").bearer(&token)).expect(200).json();
    assert_eq!(listed["items"][0]["link"]["path"], *path);
    let ticket = path.split('/').nth(3).expect("a ticket").to_owned();
    let _ = play(&server, &path).expect(200);
    let _ = play(&server, &path.replace(&ticket, &ticket[1..])).expect(403);
    let delete = Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&token);
    let _ = server.send(&delete).expect(204);
    let _ = play(&server, &path).expect(403);
    shelf.succeed("data", &["backup", "backup"]);
    assert!(server.terminate().success());

    let written = fs::read_to_string(&log).expect("text");
    assert!(written.contains("/v1/play/{ticket}/{file}"), "{written}");
    let is_in = |bytes: &[u8]| bytes.windows(20).any(|window| window == &ticket.as_bytes()[40..60]);
    assert!(!is_in(written.as_bytes()), "the log has the link");
    for folder in ["data", "backup"] {
        for_each_file(&shelf.path(folder), &|file, bytes| assert!(!is_in(bytes), "{} has the link", file.display()));
    }
}

fn for_each_file(folder: &Path, look: &dyn Fn(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            for_each_file(&path, look);
        } else {
            look(&path, &fs::read(&path).expect("read"));
        }
    }
}
