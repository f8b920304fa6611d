//! Stores that go down in the middle, and what they leave behind.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    iter::repeat_n,
    path::{Path, PathBuf},
    thread,
};

use rustix::fs::{FlockOperation, fcntl_lock};
use tempfile::TempDir;

use super::{MIB, Phone, TRUSTING, assert_failed, assert_success, audio_files, eventually, login};
use crate::{
    leftovers::{age, note_batch, pass_a_week, write_orphan},
    server::{Server, command},
};

/// Has the sweeper come by soon after the start.
const SWEEPING: (&str, &str) = ("TAPEBASE_SWEEP__EVERY", "500ms");

/// Lets a sweep look at what was left behind, and a week pass for what it has noted.
fn pass_the_sweeps(data_dir: &Path) {
    age(data_dir);
    let swept = command(data_dir, &[]).arg("sweep").output().expect("it runs");
    assert!(swept.status.success(), "{swept:?}");
    pass_a_week(data_dir);
}

/// Audio that gets a file of its own, and begins with `text`.
fn large(text: &str) -> Vec<u8> {
    text.bytes().chain(repeat_n(0, 300_000)).collect()
}

// Fault: store down in mid-upload leaves an orphan, in mid-delete audio its owner can never delete.

#[test]
fn a_delete_removes_the_audio_from_the_disk() {
    let server = Server::start(&[TRUSTING]);
    let phone = Phone::sign_in(&server);
    for name in ["1.m4a", "2.m4a"] {
        assert_success(&phone.upload(name, &large(name)));
    }
    assert_eq!(audio_files(server.data_dir()).len(), 2);
    let ids = phone.ids();

    assert_success(&phone.delete(&ids[0]));

    let files = audio_files(server.data_dir());
    assert_eq!(files.len(), 1);
    // The recording is what the file begins with; behind it stands its trailer.
    assert!(fs::read(&files[0]).expect("readable").starts_with(&large("2.m4a")));
}

#[test]
fn audio_without_a_recording_is_swept_and_the_rest_stays() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[TRUSTING]);
    let phone = Phone::sign_in(&server);
    assert_success(&phone.upload("memo.m4a", &large("audio")));
    let kept = audio_files(&data_dir);
    assert!(server.terminate().success());
    let orphans = ["000000000000", "7f3a09c1d2e4", "ffffffffffff"].map(|batch| {
        note_batch(&data_dir, batch);
        write_orphan(&data_dir, batch)
    });
    pass_the_sweeps(&data_dir);
    let young = write_orphan(&data_dir, "7f3a09c1d2e4f");

    let server = Server::start_on(&data_dir, &[TRUSTING, SWEEPING]);

    eventually(&server, "the orphans go", || !orphans.iter().any(|orphan| orphan.exists()));
    assert!(kept[0].exists() && young.exists());
    let phone = phone.reconnect(&server);
    assert_eq!(phone.get(&phone.ids()[0]).expect(200).body, large("audio"));
}

#[test]
fn what_a_killed_server_left_of_an_upload_is_swept() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let mut server = Server::start_on(&data_dir, &[TRUSTING]);
    let phone = Phone::sign_in(&server);
    let stream = phone.begin_upload(&format!("Content-Length: {}", 8 * MIB), &vec![7; 3 * MIB]);
    eventually(&server, "the upload is on the disk", || !audio_files(&data_dir).is_empty());

    server.kill();

    drop(stream);
    let left = audio_files(&data_dir);
    assert_eq!(left.len(), 1);
    pass_the_sweeps(&data_dir);
    let server = Server::start_on(&data_dir, &[TRUSTING, SWEEPING]);
    assert_eq!(phone.reconnect(&server).ids(), [""; 0]);
    eventually(&server, "the orphan goes", || audio_files(&data_dir).is_empty());
}

/// Takes the audio away from under a running server.
struct StoreDown {
    blobs: PathBuf,
    away: PathBuf,
}

impl StoreDown {
    fn begin(data_dir: &Path) -> Self {
        let down = Self { blobs: data_dir.join("blobs"), away: data_dir.join("blobs-away") };
        fs::rename(&down.blobs, &down.away).expect("moved away");
        down
    }

    fn end(self) {
        fs::rename(&self.away, &self.blobs).expect("moved back");
    }
}

#[test]
fn uploads_and_downloads_without_a_store_are_503_and_all_is_well_afterwards() {
    let server = Server::start(&[TRUSTING]);
    let phone = Phone::sign_in(&server);
    assert_success(&phone.upload("before.m4a", b"before"));
    let before = phone.ids();

    let down = StoreDown::begin(server.data_dir());
    for length in [5, 300_000] {
        let refused = phone.upload("meanwhile.m4a", &vec![7; length]);
        assert_failed(&refused, 503);
        assert!(!format!("{refused:?}").contains(&server.data_dir().display().to_string()), "{refused:?}");
    }
    assert_failed(&phone.get(&before[0]), 503);
    assert_eq!(phone.ids(), before);

    down.end();
    assert_eq!(phone.ids(), before);
    assert_eq!(phone.get(&before[0]).expect(200).body, b"before");
    assert_success(&phone.upload("after.m4a", b"after"));
    assert_eq!(phone.get(&phone.ids()[1]).expect(200).body, b"after");
    assert_eq!(server.blobs(), 2);
}

#[test]
fn a_store_that_goes_down_in_mid_upload_leaves_nothing_for_long() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[TRUSTING]);
    let phone = Phone::sign_in(&server);
    let mut stream = phone.begin_upload(&format!("Content-Length: {}", 3 * MIB), &vec![7; 2 * MIB]);
    eventually(&server, "the upload is on the disk", || !audio_files(&data_dir).is_empty());

    let down = StoreDown::begin(&data_dir);
    // The server may refuse before it has read everything.
    let _ = stream.write_all(&vec![7; MIB]);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);

    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""result":"fail""#), "{answer}");
    assert_eq!(phone.ids(), [""; 0]);
    down.end();
    assert_eq!(phone.ids(), [""; 0]);
    assert!(server.terminate().success());
    pass_the_sweeps(&data_dir);
    let server = Server::start_on(&data_dir, &[TRUSTING, SWEEPING]);
    eventually(&server, "the orphan goes", || audio_files(&data_dir).is_empty());
    assert_eq!(phone.reconnect(&server).ids(), [""; 0]);
}

#[test]
fn a_delete_finishes_even_if_the_store_goes_down_in_the_middle() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[TRUSTING]);
    let phone = Phone::sign_in(&server);
    for name in ["1.m4a", "2.m4a"] {
        assert_success(&phone.upload(name, &large(name)));
    }
    let ids = phone.ids();

    let down = StoreDown::begin(&data_dir);
    let response = phone.delete(&ids[0]);
    down.end();

    // Refused, and the owner can try again; or done, and nothing of it is left for long.
    if response.status != 200 {
        assert_failed(&response, 503);
        assert_eq!(phone.ids(), ids);
        assert_success(&phone.delete(&ids[0]));
    }
    assert_eq!(phone.ids(), ids[1..]);
    assert_failed(&phone.delete(&ids[0]), 404);
    assert!(server.terminate().success());
    pass_a_week(&data_dir);
    let server = Server::start_on(&data_dir, &[TRUSTING, SWEEPING]);
    eventually(&server, "the audio goes", || audio_files(&data_dir).len() == 1);
    let phone = phone.reconnect(&server);
    assert_eq!(phone.get(&ids[1]).expect(200).body, large("2.m4a"));
}

#[test]
fn logins_uploads_and_deletes_without_a_database_are_503_and_all_is_well_afterwards() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[TRUSTING]);
    let phone = Phone::sign_in(&server);
    assert_success(&phone.upload("before.m4a", &large("before")));
    let before = phone.ids();

    // A shared lock on SQLite's locks: it reads, and waits five seconds for every write.
    let locks = File::open(data_dir.join("tapebase.db-shm")).expect("SQLite's locks");
    fcntl_lock(&locks, FlockOperation::NonBlockingLockShared).expect("nobody writes");
    let (login_answer, uploaded, deleted) = thread::scope(|scope| {
        let login = scope.spawn(|| login(&server, "0815"));
        let upload = scope.spawn(|| phone.upload("meanwhile.m4a", &large("meanwhile")));
        let delete = scope.spawn(|| phone.delete(&before[0]));
        (login.join().expect("answered"), upload.join().expect("answered"), delete.join().expect("answered"))
    });
    assert_eq!(login_answer.status, 503, "{login_answer:?}");
    assert!(login_answer.json()["error"].is_string(), "{login_answer:?}");
    assert_failed(&uploaded, 503);
    assert_failed(&deleted, 503);
    for answer in [&login_answer, &uploaded, &deleted] {
        let shown = format!("{answer:?}");
        assert!(!shown.contains("tapebase.db") && !shown.contains(&data_dir.display().to_string()), "{shown}");
    }
    assert_eq!(phone.ids(), before);
    assert_eq!(audio_files(&data_dir).len(), 1, "what was never begun left nothing");
    drop(locks);

    assert_eq!(phone.ids(), before);
    let _ = login(&server, "0815").expect(200);
    assert_success(&phone.upload("after.m4a", &large("after")));
    assert_success(&phone.delete(&before[0]));
    let after = phone.ids();
    assert_eq!(after.len(), 1);
    assert!(server.terminate().success());
    pass_the_sweeps(&data_dir);
    let server = Server::start_on(&data_dir, &[TRUSTING, SWEEPING]);
    eventually(&server, "the orphan goes", || audio_files(&data_dir).len() == 1);
    let phone = phone.reconnect(&server);
    assert_eq!(phone.get(&after[0]).expect(200).body, large("after"));
}
