//! `tapebase backup` and `tapebase restore`: what was acknowledged is in it, and all of it is sound.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tapebase_conformance::http::{Client as _, Request, Tcp};
use tapebase_domain::digest::Sha256;

use crate::{server::Server, shelf::Shelf};

/// Small ones share a pack, large ones have files of their own.
const SIZES: [usize; 4] = [700, 10_000, 64 << 10, 300_000];

impl Shelf {
    /// A data folder with one recording of each size; somebody's token.
    fn fill(&self, data_dir: &str) -> String {
        let server = Server::start_on(&self.path(data_dir), &[]);
        let token = server.sign_up("ann");
        for (seed, size) in (1..).zip(SIZES) {
            upload(server.tcp(), &token, seed, size);
        }
        assert!(server.terminate().success());
        token
    }
}

/// Uploads a recording; its id and its digest.
fn upload(tcp: Tcp, token: &str, seed: u8, size: usize) -> (String, String) {
    let audio: Vec<u8> = (0..=u8::MAX).map(|byte| byte ^ seed).cycle().take(size).collect();
    let sha256 = Sha256::of(&audio).to_hex();
    let created = tcp.send(&Request::new("POST", "/v1/recordings").bearer(token).body("audio/mp4", audio)).expect(201);
    (created.json()["id"].as_str().expect("an id").to_owned(), sha256)
}

fn delete(tcp: Tcp, token: &str, id: &str) {
    let _ = tcp.send(&Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(token)).expect(204);
}

/// Every recording somebody has, by id, with the digest of what is played.
fn play_all(data_dir: &Path, token: &str) -> HashMap<String, String> {
    let server = Server::start_on(data_dir, &[]);
    let played = server.list_all(token).into_iter().map(|item| {
        let id = item["id"].as_str().expect("an id").to_owned();
        let audio = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(token)).expect(200);
        (id, Sha256::of(&audio.body).to_hex())
    });
    let played = played.collect();
    assert!(server.terminate().success());
    played
}

#[test]
fn a_backup_under_load_restores_to_all_that_was_acknowledged_before_it_began() {
    let shelf = Shelf::new();
    let server = Server::start_on(&shelf.path("data"), &[]);
    let (token, is_over) = (server.sign_up("ann"), AtomicBool::new(false));
    let (stays, all) = (Mutex::new(HashMap::new()), Mutex::new(HashMap::new()));

    let acknowledged = thread::scope(|scope| {
        for seed in 1..4 {
            let (tcp, token, is_over, stays, all) = (server.tcp(), &token, &is_over, &stays, &all);
            scope.spawn(move || {
                for round in 0.. {
                    let (id, sha256) = upload(tcp, token, seed, SIZES[round % SIZES.len()]);
                    all.lock().expect("nobody panicked").insert(id.clone(), sha256.clone());
                    if round % 3 == 0 {
                        stays.lock().expect("nobody panicked").insert(id, sha256);
                    } else {
                        delete(tcp, token, &id);
                    }
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        while stays.lock().expect("nobody panicked").len() < 60 {
            thread::yield_now();
        }
        let acknowledged = stays.lock().expect("nobody panicked").clone();
        shelf.succeed("data", &["backup", "backup"]);
        is_over.store(true, Ordering::Relaxed);
        acknowledged
    });
    assert!(server.terminate().success());

    shelf.succeed("restored", &["restore", "backup"]);
    for folder in ["data", "backup", "restored"] {
        shelf.succeed(folder, &["verify"]);
    }
    let all = all.into_inner().expect("nobody panicked");
    let played = play_all(&shelf.path("restored"), &token);
    for (id, sha256) in &acknowledged {
        assert_eq!(played.get(id), Some(sha256), "{id} was acknowledged before the backup began");
    }
    for (id, sha256) in &played {
        assert_eq!(all.get(id), Some(sha256), "{id} is what was uploaded");
    }
}

#[test]
fn a_backup_can_be_served_as_it_is() {
    let shelf = Shelf::new();
    let token = shelf.fill("data");

    let said = shelf.succeed("data", &["backup", "backup"]);

    assert!(said.starts_with("4 recordings are in backup"), "{said}");
    assert_eq!(play_all(&shelf.path("backup"), &token), play_all(&shelf.path("data"), &token));
}

#[test]
fn what_is_there_is_never_written_over() {
    let shelf = Shelf::new();
    let token = shelf.fill("data");
    shelf.succeed("data", &["backup", "backup"]);

    assert!(shelf.fail("data", &["backup", "backup"]).contains("already"));
    assert!(shelf.fail("data", &["restore", "backup"]).contains("already"));
    assert!(shelf.fail("data", &["backup", "data"]).contains("already"));

    assert_eq!(play_all(&shelf.path("data"), &token).len(), SIZES.len());
    assert_eq!(play_all(&shelf.path("backup"), &token).len(), SIZES.len());
}

#[test]
fn a_backup_that_is_broken_off_is_none() {
    let shelf = Shelf::new();
    shelf.fill("data");
    let mut slow = shelf.command("data", &["backup", "backup", "--rate", "1"]).spawn().expect("it runs");
    while !shelf.path("backup/blobs/ROWS").exists() {
        thread::yield_now();
    }
    slow.kill().expect("it runs");
    slow.wait().expect("it ended");

    assert!(!shelf.path("backup/tapebase.db").exists());
    assert!(shelf.fail("restored", &["restore", "backup"]).contains("a backup that was broken off has none"));
    assert!(!shelf.path("restored").exists());
    fs::remove_dir_all(shelf.path("backup")).expect("removed");
    shelf.succeed("data", &["backup", "backup"]);
    shelf.succeed("restored", &["restore", "backup"]);
}

/// Turns over a bit of audio in the pack that has any: another one may be ready for what comes.
fn damage_the_first_recording(packs: &Path) {
    for entry in fs::read_dir(packs).expect("there") {
        let pack = entry.expect("read").path();
        let mut bytes = fs::read(&pack).expect("read");
        if bytes.get(200).is_some_and(|byte| *byte != 0) {
            bytes[200] ^= 1;
            fs::write(&pack, bytes).expect("written");
        }
    }
}

#[test]
fn what_is_damaged_is_left_out_and_said() {
    let shelf = Shelf::new();
    let token = shelf.fill("data");
    damage_the_first_recording(&shelf.path("data/blobs/packs"));

    let said = shelf.fail("data", &["backup", "backup"]);

    assert!(said.contains("is left out: its audio is damaged") && said.contains("3 recordings are in"), "{said}");
    shelf.succeed("backup", &["verify"]);
    shelf.succeed("restored", &["restore", "backup"]);
    assert_eq!(play_all(&shelf.path("restored"), &token).len(), SIZES.len() - 1);
}

#[test]
fn rows_and_audio_of_a_backup_do_not_pass_for_those_of_the_original() {
    let shelf = Shelf::new();
    shelf.fill("data");
    shelf.succeed("data", &["backup", "backup"]);
    fs::rename(shelf.path("data/blobs"), shelf.path("away")).expect("moved");
    fs::rename(shelf.path("backup/blobs"), shelf.path("data/blobs")).expect("moved");

    let said = shelf.fail("data", &["sweep"]);

    assert!(said.contains("the audio belongs to other rows than these"), "{said}");
}
