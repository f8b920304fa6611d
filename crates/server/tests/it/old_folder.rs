//! A data folder that the version before this one has left: nothing in it is lost, and life goes on in it.

mod copied;
mod export;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
};

use serde_json::Value;
use tapebase_conformance::http::{
    Request,
    cases::{User, fixtures::noise, user::id},
    text,
};

use self::copied::{DATA, OldFolder, assert_is_as_told, items};

/// Small ones share a pack, large ones have files of their own.
const SIZES: [usize; 4] = [0, 700, 64 << 10, 300_000];

#[test]
fn an_old_folder_is_served_as_it_was() {
    let old = OldFolder::copied();

    old.assert_serves_what_was_told(DATA);
    old.assert_serves_what_was_told(DATA);
}

#[test]
fn an_old_folder_is_sound_before_and_after_it_is_served() {
    let old = OldFolder::copied();

    old.shelf.succeed(DATA, &["verify"]);
    old.assert_serves_what_was_told(DATA);
    old.shelf.succeed(DATA, &["verify"]);
    old.shelf.succeed(DATA, &["sweep"]);
    old.assert_serves_what_was_told(DATA);
}

#[test]
fn new_recordings_lie_beside_old_ones() {
    let old = OldFolder::copied();
    let server = old.serve(DATA);
    let mut uploaded = Vec::new();
    for account in old.log_in(&server.tcp()) {
        uploaded.push(SIZES.map(|size| id(&account.user.upload(noise(size)))));
        account.user.delete(&id(&account.user.upload(noise(10_000))));
    }
    assert!(server.terminate().success());

    let server = old.serve(DATA);
    for (account, uploaded) in old.log_in(&server.tcp()).iter().zip(&uploaded) {
        account.assert_has_what_was_told();
        for (id, size) in uploaded.iter().zip(SIZES) {
            assert!(account.user.audio(id) == noise(size), "{id} came back as something else");
        }
        assert_eq!(account.user.recordings().len(), items(account.told, "recordings").len() + SIZES.len());
    }
    assert!(server.terminate().success());
    old.shelf.succeed(DATA, &["verify"]);
}

#[test]
fn old_recordings_are_deleted_like_new_ones() {
    let old = OldFolder::copied();
    let server = old.serve(DATA);

    for account in old.log_in(&server.tcp()) {
        for recording in items(account.told, "recordings") {
            account.user.delete(&id(recording));
        }
        assert!(account.user.recordings().is_empty());
    }

    assert!(server.terminate().success());
    old.shelf.succeed(DATA, &["verify"]);
}

#[test]
fn direct_uploads_that_were_begun_in_an_old_folder_are_completed() {
    let old = OldFolder::copied();
    let server = old.serve(DATA);
    let mut completed = 0;

    for account in old.log_in(&server.tcp()) {
        for upload in items(account.told, "uploads") {
            if upload["sent"] == false {
                send_the_part(&account.user, upload);
            }
            complete(&account.user, upload);
            completed += 1;
        }
    }

    assert_eq!(completed, 2, "there are such uploads");
    assert!(server.terminate().success());
    old.shelf.succeed(DATA, &["verify"]);
    let completed = |[bytes, announced, recordings, uploads]: [u64; 4]| [bytes + announced, 0, recordings + uploads, 0];
    let told = told_counters(&old).into_iter().map(|(user, counters)| (user, completed(counters)));
    assert_eq!(counters(&old.shelf.path(DATA)), told.collect());
}

/// Announces an upload again, and sends the only part it has.
fn send_the_part(user: &User, upload: &Value) {
    let announce = Request::new("POST", "/v1/direct").json(&upload["announcement"]);
    let plan = user.send(announce).expect(200).json();
    let [part] = items(&plan, "parts") else { panic!("not one part: {plan}") };
    let url = text(part, "url");
    let put = Request::new("PUT", &url[url.find("/v1/").expect("a link to the server itself")..]);
    let _ = user.send(put.body("application/octet-stream", text(upload, "content"))).expect(204);
}

fn complete(user: &User, upload: &Value) {
    let id = id(&upload["announcement"]);
    let recording = user.send(Request::new("POST", format!("/v1/direct/{id}/complete"))).expect(201).json();
    assert_is_as_told(&recording, &upload["announcement"]);
    assert_eq!(user.audio(&id), text(upload, "content").as_bytes());
}

#[test]
fn a_backup_of_an_old_folder_has_all_of_it() {
    let old = OldFolder::copied();

    old.shelf.succeed(DATA, &["backup", "backup"]);
    old.shelf.succeed("restored", &["restore", "backup"]);

    for folder in [DATA, "backup", "restored"] {
        old.shelf.succeed(folder, &["verify"]);
        old.assert_serves_what_was_told(folder);
    }
}

#[test]
fn what_is_used_in_an_old_folder_is_counted_in_blocks_at_least() {
    let old = OldFolder::copied();

    old.assert_serves_what_was_told(DATA);

    assert_eq!(counters(&old.shelf.path(DATA)), told_counters(&old));
}

/// It would go on writing rows as it knows them.
#[test]
fn nobody_changes_an_old_folder_below_a_server_that_has_it() {
    let old = OldFolder::copied();
    let rows = old.shelf.path(DATA).join("tapebase.db");
    let server = File::create(rows.with_file_name("tapebase.db-serve")).expect("made");
    server.lock().expect("locked");
    let before = fs::read(&rows).expect("read");

    for arguments in [&["verify"][..], &["sweep"], &["backup", "backup"], &["history", "renew"]] {
        let said = old.shelf.fail(DATA, arguments);
        assert!(said.contains("a server of an older version uses this database"), "{arguments:?}: {said}");
    }

    assert!(fs::read(&rows).expect("read") == before);
    drop(server);
    old.assert_serves_what_was_told(DATA);
}

/// Bytes, reserved bytes, recordings and uploads under way of each user, as the database counts them.
fn counters(data_dir: &Path) -> BTreeMap<String, [u64; 4]> {
    let rows = rusqlite::Connection::open(data_dir.join("tapebase.db")).expect("opened");
    let query = "SELECT owner, bytes, reserved_bytes, recordings, uploads FROM counters";
    let mut counters = rows.prepare(query).expect("a table");
    let counters =
        counters.query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])));
    counters.expect("asked").map(|row| row.expect("read")).collect()
}

/// The same of what was told, before what was announced is completed.
fn told_counters(old: &OldFolder) -> BTreeMap<String, [u64; 4]> {
    // Since then what is smaller than a block counts as one.
    let size = |told: &Value| told["size"].as_u64().expect("a size").max(4_096);
    let told = old.users.iter().map(|user| {
        let (recordings, uploads) = (items(user, "recordings"), items(user, "uploads"));
        let announced = uploads.iter().map(|upload| size(&upload["announcement"])).sum();
        let bytes = recordings.iter().map(size).sum();
        (text(user, "id").to_owned(), [bytes, announced, recordings.len() as u64, uploads.len() as u64])
    });
    told.collect()
}
