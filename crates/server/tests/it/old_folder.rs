//! A data folder that the version before this one has left: nothing in it is lost, and life goes on in it.

mod export;
mod shelf;

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tapebase_conformance::http::{Request, cases::fixtures::noise, cases::user::id};

use self::shelf::{Account, DATA, Shelf, assert_is_as_told, items, text};

/// Small ones share a pack, large ones have files of their own.
const SIZES: [usize; 4] = [0, 700, 64 << 10, 300_000];

#[test]
fn an_old_folder_is_served_as_it_was() {
    let shelf = Shelf::with_old_folder();

    shelf.assert_serves_what_was_told(DATA);
    shelf.assert_serves_what_was_told(DATA);
}

#[test]
fn an_old_folder_is_sound_before_and_after_it_is_served() {
    let shelf = Shelf::with_old_folder();

    shelf.succeed(DATA, &["verify"]);
    shelf.assert_serves_what_was_told(DATA);
    shelf.succeed(DATA, &["verify"]);
    shelf.succeed(DATA, &["sweep"]);
    shelf.assert_serves_what_was_told(DATA);
}

#[test]
fn new_recordings_lie_beside_old_ones() {
    let shelf = Shelf::with_old_folder();
    let server = shelf.serve(DATA);
    let mut uploaded = Vec::new();
    for account in shelf.log_in(&server) {
        uploaded.push(SIZES.map(|size| account.upload(noise(size))));
        account.delete(&account.upload(noise(10_000)));
    }
    assert!(server.terminate().success());

    let server = shelf.serve(DATA);
    for (account, uploaded) in shelf.log_in(&server).iter().zip(&uploaded) {
        account.assert_has_what_was_told();
        for (id, size) in uploaded.iter().zip(SIZES) {
            assert!(account.audio(id) == noise(size), "{id} came back as something else");
        }
        assert_eq!(account.recordings().len(), items(account.told, "recordings").len() + SIZES.len());
    }
    assert!(server.terminate().success());
    shelf.succeed(DATA, &["verify"]);
}

#[test]
fn old_recordings_are_deleted_like_new_ones() {
    let shelf = Shelf::with_old_folder();
    let server = shelf.serve(DATA);

    for account in shelf.log_in(&server) {
        for recording in items(account.told, "recordings") {
            account.delete(&id(recording));
        }
        assert!(account.recordings().is_empty());
    }

    assert!(server.terminate().success());
    shelf.succeed(DATA, &["verify"]);
}

#[test]
fn direct_uploads_that_were_begun_in_an_old_folder_are_completed() {
    let shelf = Shelf::with_old_folder();
    let server = shelf.serve(DATA);
    let mut completed = 0;

    for account in shelf.log_in(&server) {
        for upload in items(account.told, "uploads") {
            if upload["sent"] == false {
                send_the_part(&account, upload);
            }
            complete(&account, upload);
            completed += 1;
        }
    }

    assert_eq!(completed, 2, "there are such uploads");
    assert!(server.terminate().success());
    shelf.succeed(DATA, &["verify"]);
    assert_eq!(recorded_usage(&shelf.path(DATA)), told_usage(&shelf));
}

/// Announces an upload again, and sends the only part it has.
fn send_the_part(account: &Account, upload: &Value) {
    let announce = Request::new("POST", "/v1/direct").json(&upload["announcement"]);
    let plan = account.send(announce).expect(200).json();
    let [part] = items(&plan, "parts") else { panic!("not one part: {plan}") };
    let url = text(part, "url");
    let put = Request::new("PUT", &url[url.find("/v1/").expect("a link to the server itself")..]);
    let _ = account.send(put.body("application/octet-stream", text(upload, "content"))).expect(204);
}

fn complete(account: &Account, upload: &Value) {
    let id = id(&upload["announcement"]);
    let recording = account.send(Request::new("POST", format!("/v1/direct/{id}/complete"))).expect(201).json();
    assert_is_as_told(&recording, &upload["announcement"]);
    assert_eq!(account.audio(&id), text(upload, "content").as_bytes());
}

#[test]
fn a_backup_of_an_old_folder_has_all_of_it() {
    let shelf = Shelf::with_old_folder();

    shelf.succeed(DATA, &["backup", "backup"]);
    shelf.succeed("restored", &["restore", "backup"]);

    for folder in [DATA, "backup", "restored"] {
        shelf.succeed(folder, &["verify"]);
        shelf.assert_serves_what_was_told(folder);
    }
}

#[test]
fn what_is_used_in_an_old_folder_counts_as_before() {
    let shelf = Shelf::with_old_folder();

    shelf.assert_serves_what_was_told(DATA);

    assert_eq!(recorded_usage(&shelf.path(DATA)), told_usage(&shelf));
}

/// How many bytes count towards each user's quota, as the database has it.
fn recorded_usage(data_dir: &Path) -> BTreeMap<String, u64> {
    let rows = rusqlite::Connection::open(data_dir.join("tapebase.db")).expect("opened");
    let mut usage = rows.prepare("SELECT owner, bytes FROM usage").expect("a table");
    let usage = usage.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("asked");
    usage.map(|row| row.expect("read")).collect()
}

/// The same as the sum of what was told: recordings, and what is announced.
fn told_usage(shelf: &Shelf) -> BTreeMap<String, u64> {
    let size = |told: &Value| told["size"].as_u64().expect("a size");
    let sum = |user: &Value| {
        let recordings: u64 = items(user, "recordings").iter().map(size).sum();
        let announced: u64 = items(user, "uploads").iter().map(|upload| size(&upload["announcement"])).sum();
        (text(user, "id").to_owned(), recordings + announced)
    };
    shelf.users().iter().map(sum).collect()
}
