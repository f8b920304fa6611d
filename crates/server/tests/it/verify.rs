//! `tapebase verify`: every kind of damage that is planted is found, and what is sound is not touched.

mod repair;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, SystemTime},
};

use tapebase_adapters::sqlite::Sqlite;
use tapebase_conformance::http::Request;
use tapebase_domain::{
    blob::BlobRef,
    ports::{Inventory as _, RecordStore as _},
    recording::Recording,
};
use tempfile::TempDir;

use crate::{
    leftovers::{age, pass_a_week, write_orphan},
    server::{Server, command},
};

/// One that shares a pack, and one that has a file of its own.
const SIZES: [usize; 2] = [10_000, 300_000];

/// A data folder with a few recordings, and nobody serving it.
struct Store {
    folder: TempDir,
}

impl Store {
    fn with_recordings() -> Self {
        let store = Self { folder: TempDir::new().expect("a temporary folder") };
        let server = Server::start_on(&store.data_dir(), &[]);
        let token = server.sign_up("ann");
        for (fill, size) in (1..).zip(SIZES.repeat(2)) {
            let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![fill; size]);
            let _ = server.send(&upload).expect(201);
        }
        assert!(server.terminate().success());
        store
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn verify(&self, options: &[&str]) -> Output {
        command(&self.data_dir(), &[]).arg("verify").args(options).output().expect("it runs")
    }

    #[track_caller]
    fn assert_sound(&self) {
        let output = self.verify(&[]);
        assert!(output.status.success(), "{output:?}");
        assert!(text(&output).contains("4 recordings were checked"), "{output:?}");
    }

    /// Fails with one line for the damage.
    #[track_caller]
    fn assert_finds(&self, what: &str) {
        for options in [&[][..], &["--repair"]] {
            let output = self.verify(options);
            assert!(!output.status.success(), "{output:?}");
            assert_eq!(text(&output).matches(what).count(), 1, "{output:?}");
            assert!(text(&output).contains("1 are damaged"), "{output:?}");
        }
    }

    fn pack(&self) -> PathBuf {
        let packs = files(&self.data_dir().join("blobs/packs"));
        assert_eq!(packs.len(), 1);
        packs[0].clone()
    }

    fn open_pack(&self) -> File {
        File::options().read(true).write(true).open(self.pack()).expect("opened")
    }

    fn rows(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data_dir().join("tapebase.db")).expect("opened")
    }

    /// How many recordings are noted as damaged.
    fn noted(&self) -> usize {
        let path = self.data_dir().join("tapebase.db");
        let read = async { Sqlite::open(&path).expect("opened").recordings(None).await.expect("read").recordings };
        let recordings = tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(read);
        recordings.iter().filter(|recording| recording.damaged_at.is_some()).count()
    }

    /// Has a row lead to other audio.
    fn move_row(&self, to: &str) {
        let path = self.data_dir().join("tapebase.db");
        let moved = async {
            let rows = Sqlite::open(&path).expect("opened");
            let recordings = rows.recordings(None).await.expect("read").recordings;
            let Recording { owner, id, blob, .. } = recordings[0].clone();
            rows.move_blob(owner, &id, &blob, BlobRef::new(to.to_owned()), None).await.expect("moved")
        };
        assert!(tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(moved));
    }

    /// Is found, repaired, and not found again; what is repaired is said in so many words.
    #[track_caller]
    fn assert_repairs(&self, what: &str) {
        for (options, is_fine) in [(&[][..], false), (&["--repair"], true)] {
            let output = self.verify(options);
            assert_eq!(output.status.success(), is_fine, "{output:?}");
            assert_eq!(text(&output).matches(what).count(), 1, "{output:?}");
        }
    }

    /// A recording's own file.
    fn file(&self) -> PathBuf {
        let folders = files(&self.data_dir().join("blobs"));
        let digits = |folder: &&PathBuf| folder.file_name().is_some_and(|name| name.len() == 2);
        folders.iter().filter(digits).flat_map(|folder| files(folder)).next().expect("there are two")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("read").path()).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Turns one bit over.
fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("read");
    file.write_all_at(&[byte[0] ^ 1], offset).expect("written");
}

#[test]
fn a_sound_store_is_left_alone() {
    let store = Store::with_recordings();

    store.assert_sound();
    assert!(store.verify(&["--repair", "--rate", "100MB"]).status.success());
    store.assert_sound();
}

#[test]
fn a_bit_that_fell_over_is_found_in_a_pack_and_in_a_file() {
    let store = Store::with_recordings();

    flip(&store.pack(), 5_000);
    store.assert_finds("its audio is damaged");
    flip(&store.pack(), 5_000);
    store.assert_sound();
    flip(&store.file(), 5_000);
    store.assert_finds("its audio is damaged");
}

#[test]
fn what_is_found_is_noted_where_it_may_be_written() {
    let store = Store::with_recordings();
    let (file, away) = (store.file(), store.folder.path().join("away"));
    flip(&store.pack(), 5_000);
    fs::rename(&file, &away).expect("moved away");

    for (options, noted) in [(&[][..], 0), (&["--repair"], 2), (&["--repair"], 2)] {
        assert!(!store.verify(options).status.success());
        assert_eq!(store.noted(), noted, "{options:?}");
    }

    flip(&store.pack(), 5_000);
    fs::rename(&away, &file).expect("moved back");
    for (options, noted) in [(&[][..], 2), (&["--repair"], 0)] {
        assert!(store.verify(options).status.success());
        assert_eq!(store.noted(), noted, "{options:?}");
    }
}

#[test]
fn audio_that_is_not_there_is_found_missing() {
    let store = Store::with_recordings();

    let file = store.file();
    fs::rename(&file, store.folder.path().join("away")).expect("moved away");
    store.assert_finds("its audio is missing");
    fs::rename(store.folder.path().join("away"), file).expect("moved back");
    store.assert_sound();
    let entry = [0; 12 << 10];
    store.open_pack().write_all_at(&entry, 0).expect("written");
    store.assert_finds("its audio is missing");
}

#[test]
fn a_whole_pack_that_is_not_there_is_found_missing() {
    let store = Store::with_recordings();

    fs::rename(store.pack(), store.folder.path().join("away")).expect("moved away");

    let output = store.verify(&["--repair"]);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(text(&output).matches("its audio is missing").count(), 2, "{output:?}");
}

#[test]
fn audio_that_was_cut_short_is_found() {
    let store = Store::with_recordings();

    File::options().write(true).open(store.file()).and_then(|file| file.set_len(299_999)).expect("cut");

    store.assert_finds("its audio is damaged, or cut short");
}

#[test]
fn audio_without_a_recording_is_found_and_removed_a_week_later() {
    let store = Store::with_recordings();
    let orphan = write_orphan(&store.data_dir(), "7f3a");
    let anonymous = store.data_dir().join("blobs/7f").join("7f3a".repeat(8));
    fs::write(&anonymous, "of an older version, perhaps").expect("written");
    age(&store.data_dir());
    let young = write_orphan(&store.data_dir(), "ab12");

    let found = store.verify(&[]);
    assert!(!found.status.success() && orphan.exists(), "{found:?}");
    assert_eq!(text(&found).matches("audio without a recording").count(), 1, "{found:?}");
    assert_eq!(text(&found).matches("it does not say whose it is").count(), 1, "{found:?}");

    // It is only named, and put away by whoever knows what it is.
    assert!(!store.verify(&["--repair"]).status.success());
    fs::remove_file(&anonymous).expect("removed");
    let repaired = store.verify(&["--repair"]);
    assert!(repaired.status.success() && orphan.exists() && young.exists(), "{repaired:?}");
    pass_a_week(&store.data_dir());
    let swept = command(&store.data_dir(), &[]).arg("sweep").output().expect("it runs");
    assert!(swept.status.success() && !orphan.exists() && young.exists(), "{swept:?}");
    store.assert_sound();
}

/// Turns over a bit of an entry of an index.
fn damage_index(store: &Store, index: &str) {
    let rows = store.rows();
    let number = |query: &str| rows.query_row(query, [], |row| row.get::<_, u64>(0)).expect("found");
    let page = number(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{index}'"));
    let size = number("PRAGMA page_size");
    drop(rows);
    // Entries are at the end of a page.
    flip(&store.data_dir().join("tapebase.db"), page * size - 4);
}

#[test]
fn an_index_that_is_broken_is_found_and_made_anew() {
    for index in ["recordings_by_blob", "recordings_by_id", "recordings_by_changed"] {
        let store = Store::with_recordings();
        damage_index(&store, index);

        let found = store.verify(&[]);
        assert!(!found.status.success() && text(&found).contains("the rows: "), "{index}: {found:?}");
        let repaired = store.verify(&["--repair"]);
        assert!(repaired.status.success(), "{index}: {repaired:?}");
        assert!(text(&repaired).contains("the indexes were made anew, and 0 things are wrong now"), "{repaired:?}");

        store.assert_sound();
    }
}

#[test]
fn a_row_that_is_damaged_is_named_and_the_others_are_read() {
    let store = Store::with_recordings();
    assert_eq!(store.rows().execute("UPDATE recordings SET size = 7 WHERE changed = 2", []).expect("damaged"), 1);
    let orphan = store.data_dir().join("blobs/7f").join("7f3a".repeat(8));
    fs::write(&orphan, "perhaps the row's").expect("written");
    let past = SystemTime::now() - Duration::from_hours(48);
    File::options().write(true).open(&orphan).and_then(|file| file.set_modified(past)).expect("aged");

    for options in [&[][..], &["--repair"]] {
        let output = store.verify(options);
        let said = text(&output);
        assert!(!output.status.success() && said.contains("3 recordings were checked"), "{output:?}");
        assert_eq!(said.matches("the row is damaged: its checksum is another").count(), 1, "{output:?}");
        assert!(orphan.exists(), "nobody can tell that it is not the damaged row's");
    }
}

#[test]
fn a_damaged_row_of_anything_else_is_named_too() {
    let store = Store::with_recordings();
    for (wrong, what) in [
        ("UPDATE users SET created_at = created_at + 1", "row of users "),
        ("UPDATE sessions SET last_used_at = 7", "row of sessions "),
        ("UPDATE store SET history = '00000000000000ff'", "row of store "),
        ("UPDATE counters SET forgotten = 1", "row of counters "),
        (
            "INSERT INTO deleted (owner, id, changed, deleted_at) VALUES ('ann', 'memo', 1, 7)",
            "row of deleted ann/memo",
        ),
    ] {
        assert_eq!(store.rows().execute(wrong, []).expect("damaged"), 1);

        let output = store.verify(&[]);

        assert!(!output.status.success(), "{output:?}");
        assert_eq!(text(&output).matches(what).count(), 1, "{output:?}");
    }
    let renewed = command(&store.data_dir(), &[]).args(["history", "renew"]).status();
    assert!(renewed.expect("it runs").success());
    assert!(!text(&store.verify(&[])).contains("row of store"), "another history was drawn");
}

#[test]
fn a_layout_that_is_not_what_was_made_is_found() {
    let store = Store::with_recordings();
    store.rows().execute_batch("ALTER TABLE uploads RENAME COLUMN kind TO jind").expect("renamed");

    let output = store.verify(&[]);

    assert!(!output.status.success(), "{output:?}");
    assert!(text(&output).contains("the rows: uploads is not laid out as it was made"), "{output:?}");
}

#[test]
fn a_run_that_was_broken_off_goes_on_where_it_was() {
    let store = Store::with_recordings();
    flip(&store.file(), 5_000);
    let line = text(&store.verify(&[]));
    let place = line.split_whitespace().nth(1).expect("recording OWNER/ID").to_owned();

    let rest = store.verify(&["--after", &place]);

    assert!(rest.status.success(), "{rest:?}");
    assert!(!store.verify(&["--after", "nowhere"]).status.success());
}

#[test]
fn a_store_that_is_served_is_verified_beside_it() {
    let store = Store::with_recordings();
    let server = Server::start_on(&store.data_dir(), &[]);
    let _ = server.send(&Request::new("GET", "/healthz")).expect(200);

    store.assert_sound();

    assert!(server.terminate().success());
}
