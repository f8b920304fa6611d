//! What a sweep leaves alone: nobody loses audio over a bit that turned over, nor over rows that were put back.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tapebase_adapters::sqlite::Sqlite;
use tapebase_conformance::http::Request;
use tapebase_domain::{
    blob::BlobRef,
    ports::{Inventory as _, RecordStore as _},
};

use crate::{
    leftovers::{age, batches, note_batch, pass_a_week, write_orphan},
    server::{Server, command},
    shelf::Shelf,
};

/// Audio that gets a file of its own.
const LARGE: usize = 300_000;

/// A server's folder, with recordings.
struct Swept {
    shelf: Shelf,
    token: String,
}

impl Swept {
    fn with_recordings(count: u8) -> Self {
        let shelf = Shelf::new();
        let server = Server::start_on(&shelf.path("data"), &[]);
        let token = server.sign_up("ann");
        let swept = Self { shelf, token };
        swept.upload(&server, 1..=count, LARGE);
        assert!(server.terminate().success());
        swept
    }

    /// The server is killed, and nobody knows any more what became of what it stored.
    fn by_a_killed_server(count: u8) -> Self {
        let swept = Self::with_recordings(0);
        let mut server = Server::start_on(&swept.data(), &[]);
        swept.upload(&server, 1..=count, LARGE);
        server.kill();
        assert!(batches(&swept.data()) > 0);
        swept
    }

    fn data(&self) -> PathBuf {
        self.shelf.path("data")
    }

    fn upload(&self, server: &Server, fills: impl Iterator<Item = u8>, size: usize) {
        for fill in fills {
            let upload = Request::new("POST", "/v1/recordings").bearer(&self.token);
            let _ = server.send(&upload.body("audio/mp4", vec![fill; size])).expect(201);
        }
    }

    fn database(&self) -> PathBuf {
        self.shelf.path("data").join("tapebase.db")
    }

    /// All audio that has a file of its own.
    fn files(&self) -> Vec<PathBuf> {
        let folders = entries(&self.shelf.path("data").join("blobs"));
        let is_prefix = |folder: &&PathBuf| folder.file_name().is_some_and(|name| name.len() == 2);
        folders.iter().filter(is_prefix).flat_map(|folder| entries(folder)).collect()
    }

    /// Every recording that is listed can be played.
    fn assert_plays(&self, count: usize) {
        let server = Server::start_on(&self.shelf.path("data"), &[]);
        let recordings = server.list_all(&self.token);
        assert_eq!(recordings.len(), count);
        for recording in recordings {
            let audio = format!("/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
            let _ = server.send(&Request::new("GET", audio).bearer(&self.token)).expect(200);
        }
        assert!(server.terminate().success());
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("read").path()).collect()
}

/// Turns over one bit of an entry of the index that tells which blobs recordings refer to.
fn damage_index(database: &Path) {
    let rows = rusqlite::Connection::open(database).expect("opened");
    let find = |query: &str| rows.query_row(query, [], |row| row.get::<_, u64>(0)).expect("found");
    let page = find("SELECT rootpage FROM sqlite_schema WHERE name = 'recordings_by_blob'");
    let size = find("PRAGMA page_size");
    let blob: String = rows.query_row("SELECT blob FROM recordings LIMIT 1", [], |row| row.get(0)).expect("one");
    drop(rows);
    let file = File::options().read(true).write(true).open(database).expect("opened");
    let mut bytes = vec![0; usize::try_from(size).expect("small")];
    file.read_exact_at(&mut bytes, (page - 1) * size).expect("read");
    let place = bytes.windows(blob.len()).position(|window| window == blob.as_bytes()).expect("in the index");
    file.write_all_at(&[bytes[place + 7] ^ 1], (page - 1) * size + place as u64 + 7).expect("written");
}

#[test]
fn one_wrong_bit_in_an_index_costs_nobody_their_audio() {
    let swept = Swept::by_a_killed_server(8);
    // What the log has is in the database then.
    assert!(Server::start_on(&swept.data(), &[]).terminate().success());
    age(&swept.data());
    damage_index(&swept.database());

    let doubt = "its recording refers to it, and an index of the rows does not know";
    let shown = swept.shelf.succeed("data", &["sweep", "--dry-run"]);
    assert!(shown.contains(doubt), "{shown}");
    let said = swept.shelf.succeed("data", &["sweep"]);
    assert!(said.contains("audio of broken-off uploads   0,") && said.contains("somebody's  1,"), "{said}");
    for options in [&["--repair"][..], &["--repair", "--yes", "--drop-orphans"]] {
        let said = command(&swept.data(), &[]).arg("verify").args(options).output().expect("it runs");
        let said = String::from_utf8_lossy(&said.stdout);
        assert!(!said.contains("sweeps remove them") && !said.contains("of them were removed"), "{said:?}");
    }

    assert_eq!(swept.files().len(), 8);
    swept.assert_plays(8);
}

#[test]
fn a_server_that_ends_leaves_nothing_to_look_through() {
    let swept = Swept::with_recordings(1);
    assert_eq!(batches(&swept.data()), 0);
    let server = Server::start_on(&swept.data(), &[]);
    swept.upload(&server, 2..=5, 1_000);
    swept.upload(&server, 6..=9, LARGE);
    assert!(batches(&swept.data()) > 0);

    assert!(server.terminate().success());

    assert_eq!(batches(&swept.data()), 0);
    swept.assert_plays(9);
}

#[test]
fn what_a_killed_server_stored_is_looked_through_once_and_stays() {
    let swept = Swept::by_a_killed_server(3);
    let server = Server::start_on(&swept.data(), &[]);
    swept.upload(&server, 4..=6, 1_000);
    age(&swept.data());

    // That of the files, and two packs each: one that is open, and one made ready.
    assert_eq!(batches(&swept.data()), 3);

    // Beside a server, whose own is left alone.
    let _ = swept.shelf.succeed("data", &["sweep"]);

    assert_eq!(batches(&swept.data()), 2);
    assert!(server.terminate().success());
    let _ = swept.shelf.succeed("data", &["sweep"]);
    assert_eq!(batches(&swept.data()), 0);
    swept.assert_plays(6);
}

/// Rows as they were, and audio that has gone on without them.
fn with_rows_put_back(copy: impl FnOnce(&Swept) -> PathBuf) -> (Swept, Vec<u8>) {
    let swept = Swept::with_recordings(2);
    let earlier = copy(&swept);
    let server = Server::start_on(&swept.shelf.path("data"), &[]);
    swept.upload(&server, 3..=5, LARGE);
    assert!(server.terminate().success());
    let later = fs::read(swept.database()).expect("read");
    age(&swept.data());
    fs::copy(&earlier, swept.database()).expect("put back");
    (swept, later)
}

/// A copy of a database that nobody has open.
fn copy_cold(swept: &Swept) -> PathBuf {
    let earlier = swept.shelf.path("earlier.db");
    fs::copy(swept.database(), &earlier).expect("copied");
    earlier
}

/// A copy of a database that a server has open, as `sqlite3 .backup` makes it.
fn copy_hot(swept: &Swept) -> PathBuf {
    let (earlier, server) = (swept.shelf.path("earlier.db"), Server::start_on(&swept.shelf.path("data"), &[]));
    let rows = rusqlite::Connection::open(swept.database()).expect("opened");
    rows.execute("VACUUM INTO ?1", [earlier.to_str().expect("text")]).expect("copied");
    drop(rows);
    assert!(server.terminate().success());
    earlier
}

#[test]
fn rows_that_were_put_back_have_nothing_removed_of_what_came_since() {
    for copy in [copy_cold, copy_hot] {
        let (swept, later) = with_rows_put_back(copy);

        let drop_orphans = ["verify", "--repair", "--yes", "--drop-orphans"];
        for command in [&["sweep"][..], &["sweep", "--dry-run"], &drop_orphans] {
            let said = swept.shelf.fail("data", command);
            assert!(said.contains("rows and audio have different histories"), "{command:?}: {said}");
        }
        let said = swept.shelf.fail("data", &["doctor"]);
        assert!(said.contains("FAILED  audio and database have the same history"), "{said}");
        let server = Server::start_on(&swept.shelf.path("data"), &[("TAPEBASE_SWEEP__EVERY", "100ms")]);
        let failing = || server.send(&Request::new("GET", "/readyz")).expect(200).json()["failing"].to_string();
        wait_for(&server, Duration::from_secs(20), || failing().contains("\"sweep\""));
        assert!(failing().contains("\"history\"") && failing().contains("\"sweep\""), "{}", failing());
        assert!(server.terminate().success());
        assert_eq!(swept.files().len(), 5);

        // Whoever has noticed puts the right rows back.
        fs::write(swept.database(), later).expect("put back");
        let _ = swept.shelf.succeed("data", &["sweep"]);
        let _ = swept.shelf.succeed("data", &["doctor"]);
        swept.assert_plays(5);
    }
}

#[test]
fn a_damaged_generation_is_another_until_an_operator_says_so() {
    for damage in ["", "0123456789abcdeg\n", "\u{fffd}"] {
        let swept = Swept::with_recordings(1);
        age(&swept.data());
        fs::write(swept.shelf.path("data").join("blobs/GENERATION"), damage).expect("damaged");

        for command in ["sweep", "doctor", "verify"] {
            let said = swept.shelf.fail("data", &[command]);
            assert!(said.contains("rows and audio have different histories"), "{command}: {said}");
        }
        let _ = swept.shelf.succeed("data", &["history", "renew"]);

        let _ = swept.shelf.succeed("data", &["doctor"]);
        let _ = swept.shelf.succeed("data", &["verify", "--repair"]);
        swept.assert_plays(1);
    }
}

#[test]
fn an_operator_has_older_rows_go_on() {
    let (swept, _) = with_rows_put_back(copy_cold);

    let said = swept.shelf.succeed("data", &["history", "renew"]);

    assert!(said.contains("what they do not know is removed a week after"), "{said}");
    let _ = swept.shelf.succeed("data", &["doctor"]);
    let _ = swept.shelf.succeed("data", &["sweep"]);
    assert_eq!(swept.files().len(), 5, "nobody has said that it may go");
    let said = swept.shelf.succeed("data", &["verify", "--repair"]);
    assert!(said.contains("sweeps remove them in 7 days"), "{said}");
    let _ = swept.shelf.succeed("data", &["sweep"]);
    assert_eq!(swept.files().len(), 5);
    pass_a_week(&swept.data());
    let said = swept.shelf.succeed("data", &["sweep"]);
    assert!(said.contains("audio that was due            3"), "{said}");
    assert_eq!(swept.files().len(), 2);
    swept.assert_plays(2);
}

/// What had no recording a week ago may have one by now.
#[test]
fn audio_that_was_noted_stays_once_its_rows_are_there_again() {
    let (swept, later) = with_rows_put_back(copy_cold);
    let _ = swept.shelf.succeed("data", &["history", "renew"]);
    let _ = swept.shelf.succeed("data", &["verify", "--repair"]);
    let noted = "INSERT INTO later.due SELECT * FROM due WHERE kind = 'audio'";
    fs::write(swept.shelf.path("later.db"), later).expect("written");
    let rows = rusqlite::Connection::open(swept.database()).expect("opened");
    rows.execute("ATTACH ?1 AS later", [swept.shelf.path("later.db").to_str().expect("text")]).expect("attached");
    assert_eq!(rows.execute(noted, []).expect("copied"), 3);
    drop(rows);
    fs::copy(swept.shelf.path("later.db"), swept.database()).expect("put back");
    let _ = swept.shelf.succeed("data", &["history", "renew"]);
    pass_a_week(&swept.data());

    let said = swept.shelf.succeed("data", &["sweep"]);

    assert!(said.contains("audio that was due            0"), "{said}");
    swept.assert_plays(5);
}

#[test]
fn so_much_audio_without_a_recording_stays_until_somebody_has_looked() {
    let swept = Swept::with_recordings(2);
    for number in 0..108 {
        let _ = write_orphan(&swept.data(), &format!("7f{number:010x}"));
    }
    age(&swept.data());

    let _ = swept.shelf.succeed("data", &["sweep"]);
    let said = swept.shelf.fail("data", &["verify", "--repair"]);
    assert!(said.contains("108 of 110 pieces of audio have no recording") && said.contains("--yes"), "{said}");
    assert!(said.contains("they stay as they are"), "{said}");
    let shown = swept.shelf.fail("data", &["verify"]);
    assert_eq!(shown.matches("audio without a recording").count(), 108, "{shown}");
    pass_a_week(&swept.data());
    let _ = swept.shelf.succeed("data", &["sweep"]);
    assert_eq!(swept.files().len(), 110);

    let said = swept.shelf.succeed("data", &["verify", "--repair", "--yes"]);
    assert!(said.contains("sweeps remove them in 7 days"), "{said}");
    assert_eq!(swept.files().len(), 110);
    let said = swept.shelf.succeed("data", &["verify", "--repair", "--yes", "--drop-orphans"]);
    assert!(said.contains("108 of them were removed"), "{said}");
    assert_eq!(swept.files().len(), 2);
    swept.assert_plays(2);
}

/// Every way in which a folder gets elsewhere as it is.
#[test]
fn a_data_folder_is_moved_and_copied_without_a_word() {
    let swept = Swept::with_recordings(2);
    let run = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.env("LD_LIBRARY_PATH", lent("RSYNC_LIBRARIES")).current_dir(swept.shelf.path("")).args(arguments);
        assert!(command.status().expect("it runs").success(), "{program} {arguments:?}");
    };
    // On a file system of its own, as a volume of a container is.
    let volume = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let volume = volume.path().join("volume");
    let volume = volume.to_str().expect("text");

    run("cp", &["-a", "data", "copied"]);
    run("sh", &["-c", "mkdir unpacked && tar -cf - -C copied . | tar -xf - -C unpacked"]);
    run("mv", &["unpacked", "moved"]);
    run(&lent("RSYNC"), &["--archive", "data/", "synced"]);
    run("cp", &["-a", "data", volume]);
    for folder in ["copied", "moved", "synced", volume, "data"] {
        for round in 0..2 {
            let server = Server::start_on(&swept.shelf.path(folder), &[]);
            let ready = server.send(&Request::new("GET", "/readyz")).expect(200).json();
            assert!(ready.get("failing").is_none(), "{folder}, {round}: {ready}");
            assert_eq!(server.list_all(&swept.token).len(), 2, "{folder}");
            assert!(server.terminate().success());
        }
        let _ = swept.shelf.succeed(folder, &["sweep"]);
        let _ = swept.shelf.succeed(folder, &["doctor"]);
    }
}

/// What whoever starts the engines says of a program that the tests use.
fn lent(name: &str) -> String {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    value.expect("start the engines: `cargo xtask engines run -- cargo test`, or `cargo xtask test`")
}

#[test]
fn a_server_that_is_killed_goes_on_with_its_audio() {
    let swept = Swept::with_recordings(1);
    for _ in 0..20 {
        let mut server = Server::start_on(&swept.shelf.path("data"), &[("TAPEBASE_SWEEP__EVERY", "1ms")]);
        server.kill();
    }
    let _ = swept.shelf.succeed("data", &["doctor"]);
    let _ = swept.shelf.succeed("data", &["sweep"]);
    swept.assert_plays(1);
}

#[test]
fn a_row_put_back_to_audio_that_is_gone_keeps_what_is_there() {
    let swept = Swept::with_recordings(1);
    let elsewhere = "7f3a".repeat(8);
    let rows = swept.database();
    let moved = async {
        let rows = Sqlite::open(&rows).expect("opened");
        let recording = rows.recordings(None).await.expect("read").recordings.remove(0);
        let elsewhere = BlobRef::new(elsewhere.clone());
        rows.move_blob(recording.owner, &recording.id, &recording.blob, elsewhere, None).await.expect("moved")
    };
    assert!(tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(moved));
    age(&swept.data());

    let shown = swept.shelf.fail("data", &["verify", "--repair", "--yes", "--drop-orphans"]);
    assert!(shown.contains("its recording refers to other audio, which is missing or damaged"), "{shown}");

    assert_eq!(swept.files().len(), 1);
}

#[test]
fn a_server_sweeps_after_a_while_and_not_at_its_start() {
    let swept = Swept::with_recordings(1);
    note_batch(&swept.data(), "7f3a09c1d2e4");
    let orphan = write_orphan(&swept.data(), "7f3a09c1d2e4");
    age(&swept.data());

    let server = Server::start_on(&swept.data(), &[]);
    wait_for(&server, Duration::from_secs(1), || false);
    assert!(server.terminate().success());
    assert_eq!(batches(&swept.data()), 1, "it sweeps once an hour");

    let sweeping = [("TAPEBASE_SWEEP__EVERY", "300ms")];
    let server = Server::start_on(&swept.data(), &sweeping);
    wait_for(&server, Duration::from_secs(20), || batches(&swept.data()) == 0);
    assert!(server.terminate().success());
    assert!(batches(&swept.data()) == 0 && orphan.exists(), "it is looked at again in a week");

    pass_a_week(&swept.data());
    let server = Server::start_on(&swept.data(), &sweeping);
    wait_for(&server, Duration::from_secs(20), || !orphan.exists());
    assert!(!orphan.exists());
    assert!(server.terminate().success());
}

/// Asks the server for something until it is so, for so long at most.
fn wait_for(server: &Server, at_most: Duration, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() && since.elapsed() < at_most {
        let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
    }
}
