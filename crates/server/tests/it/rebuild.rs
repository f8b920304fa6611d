//! `tapebase rebuild`: every recording whose audio says whose it is comes back after its database is lost.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::json;
use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::{Server, command, type_password};

/// What is uploaded: under which id, and how many bytes. Two that share a pack, and two that have files of their own.
pub const UPLOADS: [(&str, usize); 4] = [
    ("01JD9Z8Q3NVX4T6M2K7C5B1ARF", 10_000),
    ("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e", 100_000),
    ("01JD9Z8Q3NVX4T6M2K7C5B1ARG", 300_000),
    ("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6f", 9_000_000),
];

/// Audio of this size, and no other's.
pub fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|number| number.wrapping_mul(size).to_le_bytes()[1]).collect()
}

pub fn upload_all(server: &Server, token: &str) {
    for (id, size) in UPLOADS {
        let upload = Request::new("PUT", format!("/v1/recordings/{id}")).bearer(token);
        let _ = server.send(&upload.body("audio/mp4", sample(size))).expect(201);
    }
}

/// Fails unless somebody has exactly [`UPLOADS`], byte for byte.
#[track_caller]
pub fn assert_all_back(server: &Server, token: &str) {
    assert_eq!(server.list_all(token).len(), UPLOADS.len());
    for (id, size) in UPLOADS {
        let played = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(token));
        assert!(played.expect(200).body == sample(size), "{id} is another now");
    }
}

/// Somebody's token and user id.
pub fn sign_up(server: &Server, name: &str) -> (String, String) {
    let token = server.sign_up(name);
    let me = server.send(&Request::new("GET", "/v1/me").bearer(&token)).expect(200).json();
    (token, me["id"].as_str().expect("an id").to_owned())
}

/// Gives somebody the account back that their recordings are under.
pub fn add_user(data_dir: &Path, settings: &[(&str, &str)], name: &str, id: &str) -> Output {
    let mut add = command(data_dir, settings);
    add.args(["user", "add", &format!("{name}@example.com"), "--id", id]);
    type_password(add, "correct horse")
}

pub fn log_in(server: &Server, name: &str) -> String {
    let credentials = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
    let grant = server.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).expect(200).json();
    grant["access_token"].as_str().expect("a token").to_owned()
}

pub fn rebuild(data_dir: &Path, settings: &[(&str, &str)], options: &[&str]) -> Output {
    command(data_dir, settings).arg("rebuild").args(options).stderr(Stdio::piped()).output().expect("it runs")
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// A data folder with recordings, nobody serving it, and whose they are.
fn with_recordings() -> (TempDir, PathBuf, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[]);
    let (token, user) = sign_up(&server, "ann");
    upload_all(&server, &token);
    assert!(server.terminate().success());
    (folder, data_dir, user)
}

fn lose_database(data_dir: &Path) {
    for name in ["tapebase.db", "tapebase.db-wal", "tapebase.db-shm"] {
        let _ = fs::remove_file(data_dir.join(name));
    }
    assert!(!data_dir.join("tapebase.db").exists());
}

#[test]
fn all_recordings_come_back_after_the_database_was_lost() {
    let (_folder, data_dir, user) = with_recordings();
    lose_database(&data_dir);

    let rebuilt = rebuild(&data_dir, &[], &[]);

    assert!(rebuilt.status.success() && text(&rebuilt).contains("back             4,"), "{}", text(&rebuilt));
    assert!(text(&rebuilt).contains(&format!("  {user}  4\n")), "{}", text(&rebuilt));
    let added = add_user(&data_dir, &[], "ann", &user);
    assert!(added.status.success(), "{}", text(&added));
    let server = Server::start_on(&data_dir, &[]);
    assert_all_back(&server, &log_in(&server, "ann"));
    assert!(server.terminate().success());
    let verified = command(&data_dir, &[]).arg("verify").output().expect("it runs");
    assert!(verified.status.success(), "{}", text(&verified));
}

#[test]
fn whoever_follows_changes_begins_anew_after_the_database_was_lost() {
    let (_folder, data_dir, user) = with_recordings();
    let changes = |server: &Server, query: &str| {
        let list = Request::new("GET", format!("/v1/changes{query}")).bearer(&log_in(server, "ann"));
        server.send(&list)
    };
    let server = Server::start_on(&data_dir, &[]);
    let before = changes(&server, "").expect(200).json();
    assert!(server.terminate().success());
    lose_database(&data_dir);
    assert!(rebuild(&data_dir, &[], &[]).status.success());
    assert!(add_user(&data_dir, &[], "ann", &user).status.success());

    let server = Server::start_on(&data_dir, &[]);

    let cursor = before["cursor"].as_str().expect("a cursor");
    assert_eq!(changes(&server, &format!("?cursor={cursor}")).outcome(), "410 history-changed");
    let anew = changes(&server, "").expect(200).json();
    assert_eq!(anew["items"].as_array().expect("changes").len(), UPLOADS.len());
}

#[test]
fn nobody_serves_what_is_not_all_back_and_nothing_is_rebuilt_that_is_not_lost() {
    let (_folder, data_dir, _) = with_recordings();
    let refused = rebuild(&data_dir, &[], &[]);
    assert!(!refused.status.success() && text(&refused).contains("nothing is lost"), "{}", text(&refused));

    // Another database, with recordings of its own.
    let (_elsewhere, elsewhere, _) = with_recordings();
    lose_database(&data_dir);
    for name in ["tapebase.db", "tapebase.db-wal"].iter().filter(|name| elsewhere.join(name).exists()) {
        fs::copy(elsewhere.join(name), data_dir.join(name)).expect("copied");
    }
    let refused = rebuild(&data_dir, &[], &[]);
    assert!(!refused.status.success() && text(&refused).contains("start with none"), "{}", text(&refused));

    let served = command(&data_dir, &[]).arg("sweep").output().expect("it runs");
    assert!(!served.status.success(), "it would have all audio swept");
}

#[test]
fn other_audio_of_the_same_id_comes_back_under_a_fresh_one_and_the_same_audio_once() {
    let (_folder, data_dir, user) = with_recordings();
    let (_other_folder, other_dir, _) = with_recordings();
    let large = |data_dir: &Path, id: &str| {
        let folders = fs::read_dir(data_dir.join("blobs")).expect("there").map(|entry| entry.expect("listed").path());
        let mut files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        files.find_map(|file| Some(file.ok()?.path()).filter(|path| path.to_string_lossy().ends_with(id)))
    };
    // The same once more under another name, and what somebody else has under this id as if it were hers.
    for (from, id, named) in [(&data_dir, UPLOADS[2].0, UPLOADS[2].0), (&other_dir, UPLOADS[3].0, UPLOADS[2].0)] {
        let file = large(from, id).expect("it has a file of its own");
        let name = format!("{}.{user}.{named}", if id == named { "ab12".repeat(8) } else { "ff34".repeat(8) });
        fs::copy(file, data_dir.join("blobs").join(&name[..2]).join(&name)).expect("copied");
    }
    // And one that says nothing.
    fs::write(data_dir.join("blobs/7f").join("7f3a".repeat(8)), "speech").expect("written");
    lose_database(&data_dir);
    let refused = rebuild(&data_dir, &[], &[]);
    assert!(!refused.status.success() && text(&refused).contains("--leave-anonymous"), "{}", text(&refused));

    let rebuilt = rebuild(&data_dir, &[], &["--leave-anonymous"]);

    let said = text(&rebuilt);
    assert!(rebuilt.status.success() && said.contains("back             5,"), "{said}");
    assert!(said.contains("a second time         1") && said.contains("whose it is  1"), "{said}");
    assert!(said.contains(&format!("two recordings are {user}/{}", UPLOADS[2].0)), "{said}");
    assert!(add_user(&data_dir, &[], "ann", &user).status.success());
    let server = Server::start_on(&data_dir, &[]);
    let token = log_in(&server, "ann");
    let mut sizes: Vec<u64> = Vec::new();
    for recording in server.list_all(&token) {
        let (id, size) = (recording["id"].as_str().expect("an id"), recording["size"].as_u64().expect("a size"));
        let played = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&token));
        assert!(played.expect(200).body == sample(usize::try_from(size).expect("it fits")), "{id}");
        sizes.push(size);
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [10_000, 100_000, 300_000, 9_000_000, 9_000_000]);
    assert!(server.terminate().success());
    let verified = command(&data_dir, &[]).arg("verify").output().expect("it runs");
    assert!(verified.status.success(), "{}", text(&verified));
}

#[test]
fn damaged_audio_is_named_and_the_rest_comes_back_once_that_is_wanted() {
    let (_folder, data_dir, _) = with_recordings();
    lose_database(&data_dir);
    let folders = fs::read_dir(data_dir.join("blobs")).expect("there").map(|entry| entry.expect("listed").path());
    let mut files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let large =
        files.find_map(|file| Some(file.ok()?.path()).filter(|path| path.to_string_lossy().ends_with(UPLOADS[2].0)));
    let file = File::options().write(true).open(large.expect("it has a file of its own")).expect("opened");
    file.write_all_at(b"XX", 300_001).expect("written");

    let rebuilt = rebuild(&data_dir, &[], &[]);

    let said = text(&rebuilt);
    assert!(!rebuilt.status.success() && said.contains("audio that is damaged"), "{said}");
    assert!(said.contains("--leave-damaged"), "{said}");
    let swept = command(&data_dir, &[]).arg("sweep").output().expect("it runs");
    assert!(!swept.status.success(), "it would have the damaged audio swept");

    lose_database(&data_dir);
    let rebuilt = rebuild(&data_dir, &[], &["--leave-damaged"]);

    let said = text(&rebuilt);
    assert!(rebuilt.status.success() && said.contains("back             3,"), "{said}");
}
