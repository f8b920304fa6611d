//! Bits that fell over while nobody served: what is shown and played is right or an error, and `verify` finds the rest.

mod shown;

use std::{
    env, fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use fastrand::Rng;
use serde_json::json;
use tapebase_conformance::http::{
    Request,
    cases::{
        User,
        fixtures::{fresh_ulid, noise},
        user::id,
    },
};
use tapebase_domain::{digest::Sha256, id::UserId, session::SessionToken, user::Email};
use tempfile::TempDir;

use self::shown::{Difference, Person, Shown};
use crate::server::{Server, command};

/// How many bits, one at a time, unless `FLIPS` says otherwise.
const FLIPS: u64 = 200;
const WORKERS: usize = 4;
/// What shares packs, to the last bytes that do, and what has files of its own.
const SIZES: [usize; 10] = [0, 1, 300, 4_096, 10_000, 65_536, 100_000, 262_144, 300_000, 700_001];

#[test]
fn whatever_bit_falls_over_nothing_wrong_is_taken_for_right() {
    let store = Store::filled();
    let sound = store.copied().shown();
    assert!(sound.has(store.people.len() * SIZES.len()), "{sound:?}");
    let number = |name: &str| env::var_os(name)?.to_str()?.parse().ok();
    let (flips, seed) = (number("FLIPS").unwrap_or(FLIPS), number("FLIPS_SEED").unwrap_or_else(|| fastrand::u64(..)));

    let (next, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let copy = store.copied();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= flips {
                        return;
                    }
                    let flip = copy.draw(&mut Rng::with_seed(seed.wrapping_add(turn)));
                    if let Err(what) = copy.check(&flip, &sound) {
                        let again = seed.wrapping_add(turn);
                        wrong.lock().expect("no panic").push(format!("FLIPS=1 FLIPS_SEED={again} {flip:?}: {what}"));
                    }
                }
            });
        }
    });

    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {flips}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A data folder of several people, which nobody serves.
struct Store {
    folder: TempDir,
    people: Vec<Person>,
}

/// A bit of a file.
#[derive(Debug)]
struct Flip {
    path: PathBuf,
    byte: u64,
    bit: u8,
}

impl Store {
    /// What a server leaves that stopped: everything is in the database, nothing in its log.
    fn filled() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let server = Server::start_on(&folder.path().join("data"), &[]);
        let tcp = server.tcp();
        let people = ["ann", "bob", "cem"].map(|name| fill(&User::sign_up(&tcp, name))).into();
        assert!(server.terminate().success());
        let store = Self { folder, people };
        let log = store.database().with_extension("db-wal");
        assert!(fs::metadata(log).map_or(true, |log| log.len() == 0), "what is in the log is not in the database");
        store
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn database(&self) -> PathBuf {
        self.data_dir().join("tapebase.db")
    }

    fn copied(&self) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        copy(&self.data_dir(), &folder.path().join("data"));
        Self { folder, people: self.people.clone() }
    }

    /// Everything there is to see.
    fn shown(&self) -> Shown {
        Shown::in_folder(&self.data_dir(), &self.people)
    }

    /// A bit of a pack, of another file of audio, or of the database.
    fn draw(&self, rng: &mut Rng) -> Flip {
        let blobs = self.data_dir().join("blobs");
        let (packs, files) = files(&blobs).into_iter().partition(|path| path.starts_with(blobs.join("packs")));
        let kinds: [Vec<PathBuf>; 3] = [packs, files, vec![self.database()]];
        let kind = &kinds[rng.usize(..kinds.len())];
        let path = kind[rng.usize(..kind.len())].clone();
        let bytes = fs::read(&path).expect("read");
        let mut byte = rng.usize(..bytes.len());
        // Half of the time something that is in use: pages of so small a database have little in them.
        while rng.bool() && bytes[byte] == 0 {
            byte = rng.usize(..bytes.len());
        }
        Flip { path, byte: byte as u64, bit: rng.u8(..8) }
    }

    /// Says what is wrong with what one is shown after a flip.
    fn check(&self, flip: &Flip, sound: &Shown) -> Result<(), String> {
        let rows = fs::read(self.database()).expect("read");
        flip.apply();
        let damaged = fs::read(self.database()).expect("read");
        let difference = self.shown().compare(sound);
        // Damage that was met is noted.
        self.put_database(&damaged);
        let result = match difference {
            Difference::Wrong(what) => Err(format!("{what} is taken for right")),
            Difference::None => Ok(()),
            Difference::Missed(what) => self.verify().map_err(|said| format!("{what}, and verify {said}")),
        };
        if !flip.path.starts_with(self.database()) {
            flip.apply();
        }
        self.put_database(&rows);
        result
    }

    /// Has the command look for damage, of which there is some.
    fn verify(&self) -> Result<(), String> {
        let output = command(&self.data_dir(), &[]).arg("verify").output().expect("it runs");
        if output.status.code() == Some(1) { Ok(()) } else { Err(format!("said {output:?}")) }
    }

    fn put_database(&self, rows: &[u8]) {
        for log in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(self.database().with_extension(log));
        }
        fs::write(self.database(), rows).expect("written");
    }
}

impl Flip {
    fn apply(&self) {
        let file = fs::File::options().read(true).write(true).open(&self.path).expect("opened");
        let mut byte = [0];
        file.read_exact_at(&mut byte, self.byte).expect("read");
        file.write_all_at(&[byte[0] ^ (1 << self.bit)], self.byte).expect("written");
    }
}

/// Has somebody use everything there is to use.
fn fill(user: &User) -> Person {
    let uploaded: Vec<String> = SIZES.iter().map(|size| id(&user.upload(noise(*size)))).collect();
    for (number, id) in uploaded.iter().enumerate().step_by(3) {
        let rename = Request::new("PATCH", format!("/v1/recordings/{id}"));
        let _ = user.send(rename.json(&json!({"name": format!("memo {number}")}))).expect(200);
    }
    user.delete(&id(&user.upload(noise(20_000))));
    user.log_in_again();
    let announced = json!({"id": fresh_ulid(), "size": 5_000, "sha256": Sha256::of(b"to come").to_hex()});
    let _ = user.send(Request::new("POST", "/v1/direct").json(&announced)).expect(201);
    Person {
        id: UserId::parse(&id(&user.read("/v1/me"))).expect("an id"),
        email: Email::parse(&user.email).expect("an address"),
        token: SessionToken::parse(&user.token).expect("a token").hash(),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("read").path()) {
        if entry.is_dir() { files.extend(self::files(&entry)) } else { files.push(entry) }
    }
    files.sort_unstable();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("read")) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}
