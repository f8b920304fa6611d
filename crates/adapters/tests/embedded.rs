//! What one machine's adapters do beyond their ports: reopen, refuse what is newer, stay private.

#![expect(clippy::expect_used, reason = "a failed promise panics")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tapebase_adapters::{
    connect::{ConnectError, Locations, S3Dialect},
    fs::Fs,
    sqlite::Sqlite,
};
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, Provenance},
    digest::Sha256,
    id::{RecordingId, UserId},
    page::PageRequest,
    pending::Parts,
    ports::{
        Assembled, BlobError, BlobStore as _, Clock as _, Inventory, PartStore as _, RecordStore, StagedBlobs as _,
        SystemClock, UserStore,
    },
    recording::Revision,
    session::TokenHash,
    user::{Account, Email, Identity, PasswordHash, User},
};
use tempfile::TempDir;

/// Too large for a pack.
static LARGE: &[u8] = &[b's'; 300_000];

/// Whose all audio here is.
fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

fn account() -> Account {
    let now = SystemClock.now();
    let email = Email::parse("ann@example.com").expect("an address");
    Account { user: User::new(UserId::generate(now), Identity::Email(email), now), password: None }
}

fn parse(records: &str, blobs: &str) -> Result<Locations, ConnectError> {
    Locations::parse(records, blobs, S3Dialect::default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_database_reopens_with_everything_in_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let account = account();
    Sqlite::open(&path).expect("made").create(account.clone()).await.expect("created");

    let reopened = Sqlite::open(&path).expect("opened");

    assert_eq!(UserStore::account(&reopened, account.user.id).await.expect("read"), Some(account));
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    drop(Sqlite::open(&path).expect("made"));
    let connection = rusqlite::Connection::open(&path).expect("opened");
    connection.pragma_update(None, "user_version", 1_000).expect("written");

    assert!(Sqlite::open(&path).is_err());
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
    assert_eq!(version, 1_000);
}

#[tokio::test]
async fn recordings_of_an_older_version_are_taken_over() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let (owner, id) = ("01JD9Z8Q3NVX4T6M2K7C5B1ARE", "01JD9Z8Q3NVX4T6M2K7C5B1ARF");
    let old = rusqlite::Connection::open(&path).expect("made");
    old.execute_batch(include_str!("../src/sqlite/migrations/1-recordings-and-users.sql")).expect("version 1");
    old.execute_batch(include_str!("../src/sqlite/migrations/2-plans.sql")).expect("version 2");
    old.execute(
        "INSERT INTO recordings VALUES (?1, ?2, 'memo', 'audio/mp4', 6, zeroblob(32), 5, 3600, 7, 2, 'blob')",
        [owner, id],
    )
    .expect("inserted");
    old.pragma_update(None, "user_version", 2).expect("written");
    drop(old);

    let store = Sqlite::open(&path).expect("taken over");

    let owner = UserId::parse(owner).expect("a ULID");
    let found = RecordStore::find(&store, owner, &RecordingId::parse(id).expect("a ULID")).await.expect("read");
    let found = found.expect("it is there");
    assert_eq!(
        (found.details.name.as_str(), found.size, found.revision, found.blob.as_str()),
        ("memo", 6, Revision(2), "blob")
    );
    assert_eq!((found.details.recorded_at.timestamp_micros(), found.received_at.timestamp_micros()), (5, 7));
    assert_eq!(store.list(owner, PageRequest::default()).await.expect("listed"), [found]);
}

#[tokio::test]
async fn users_of_an_older_version_keep_what_they_sign_in_with() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let (ann, bob, nobody) = ("01JD9Z8Q3NVX4T6M2K7C5B1ARE", "01JD9Z8Q3NVX4T6M2K7C5B1ARF", "01JD9Z8Q3NVX4T6M2K7C5B1ARG");
    let old = rusqlite::Connection::open(&path).expect("made");
    old.pragma_update(None, "foreign_keys", false).expect("written");
    old.execute_batch(include_str!("../src/sqlite/migrations/1-recordings-and-users.sql")).expect("version 1");
    let add = "INSERT INTO users VALUES (?1, ?2, ?3, ?4, 5)";
    old.execute(add, rusqlite::params![ann, "", "ann@example.com", "hash"]).expect("inserted");
    old.execute(add, rusqlite::params![bob, "X", "1", None::<String>]).expect("inserted");
    let add = "INSERT INTO sessions VALUES (?1, ?2, ?3, 'phone', 5, 6, 7, 8)";
    for (number, user) in [(1_u8, ann), (2, bob), (3, nobody)] {
        let token = Sha256::of(&[number]);
        old.execute(add, rusqlite::params![token.0, format!("01JD9Z8Q3NVX4T6M2K7C5B1AS{number}"), user])
            .expect("inserted");
    }
    old.pragma_update(None, "user_version", 1).expect("written");
    drop(old);

    let store = Sqlite::open(&path).expect("taken over");

    let user = |id: &str| UserId::parse(id).expect("a ULID");
    for (id, number, password) in [(ann, 1, Some("hash")), (bob, 2, None)] {
        let account = store.account(user(id)).await.expect("read").expect("there");
        let [linked] = &account.user.identities[..] else { panic!("{account:?}") };
        assert_eq!((linked.id.to_string(), linked.linked_at), (id.to_owned(), account.user.created_at));
        assert_eq!(account.password.as_ref().map(PasswordHash::expose), password);
        assert_eq!(UserStore::find(&store, &linked.identity).await.expect("read").as_ref(), Some(&account));
        let session = store.session(TokenHash(Sha256::of(&[number]))).await.expect("read").expect("there");
        assert_eq!((session.user, session.client.as_str()), (user(id), "phone"));
    }
    assert_eq!(
        store.account(user(ann)).await.expect("read").expect("there").user.email().map(Email::as_str),
        Some("ann@example.com")
    );
    assert_eq!(store.session(TokenHash(Sha256::of(&[3]))).await.expect("read"), None);
    assert_eq!(Inventory::unreadable(&store).await.expect("looked through"), Vec::<String>::new());
}

#[tokio::test]
async fn a_part_is_kept_although_a_copy_has_left_out_its_empty_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(&folder.path().join("blobs")).expect("made");
    let parts = Parts::of(5);
    let staged = store.begin(parts, &whose(), Sha256::of(b"audio")).await.expect("begun");
    fs::remove_dir(folder.path().join("blobs/parts").join(staged.as_str())).expect("it is empty");

    store.put_part(&staged, 1, blob::once(b"audio"[..].into())).await.expect("kept");

    let assembled = store.assemble(&staged, parts, &whose()).await;
    assert!(matches!(&assembled, Ok(Assembled::Whole(whole)) if whole.sha256 == Sha256::of(b"audio")), "{assembled:?}");
}

#[tokio::test]
async fn what_two_processes_write_is_all_kept() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let (one, other) = (Sqlite::open(&path).expect("made"), Sqlite::open(&path).expect("opened"));

    let accounts: Vec<Account> = (0..40)
        .map(|n| {
            let email = Email::parse(&format!("{n}@example.com")).expect("an address");
            let User { created_at, .. } = account().user;
            let user = User::new(UserId::generate(created_at), Identity::Email(email), created_at);
            Account { user, password: None }
        })
        .collect();
    let writes = accounts.iter().enumerate().map(|(n, account)| {
        let store = if n % 2 == 0 { &one } else { &other };
        store.create(account.clone())
    });
    for written in futures_util::future::join_all(writes).await {
        written.expect("waited for the other, and written");
    }

    for account in accounts {
        assert_eq!(UserStore::account(&one, account.user.id).await.expect("read"), Some(account));
    }
}

#[tokio::test]
async fn a_corrupt_database_is_an_error_and_no_panic() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    fs::write(&path, [0x5a; 8192]).expect("written");

    assert!(Sqlite::open(&path).is_err());
}

#[tokio::test]
async fn blobs_reopen_and_read_back() {
    let folder = TempDir::new().expect("a temporary folder");
    let root = folder.path().join("blobs");
    let stored = Fs::open(&root).expect("made").put(&whose(), blob::once("speech".into())).await.expect("stored");

    let reopened = Fs::open(&root).expect("opened");

    assert!(reopened.open(&stored.blob, ByteRange::whole(6)).await.expect("read").is_some());
}

#[test]
fn a_blob_folder_of_a_newer_version_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    Fs::open(folder.path()).expect("made");
    fs::write(folder.path().join("VERSION"), "4\n").expect("written");

    assert!(Fs::open(folder.path()).is_err_and(|error| error.to_string().contains("layout 4")));
}

#[tokio::test]
async fn a_blob_folder_of_an_older_version_is_taken_over() {
    for version in ["1\n", "2\n"] {
        let folder = TempDir::new().expect("a temporary folder");
        let name = "7f3a".repeat(8);
        fs::create_dir(folder.path().join("7f")).expect("made");
        fs::write(folder.path().join("7f").join(&name), "speech").expect("written");
        fs::write(folder.path().join("VERSION"), version).expect("written");

        let store = Fs::open(folder.path()).expect("taken over");

        let blob = BlobRef::new(name);
        assert!(store.open(&blob, ByteRange::whole(6)).await.expect("read").is_some());
        store.put(&whose(), blob::once("small".into())).await.expect("stored");
        let listed = store.list(None).await.expect("listed");
        assert_eq!(listed.iter().map(|entry| &entry.blob).collect::<Vec<_>>(), [&blob]);
        assert_eq!(store.list(Some(blob)).await.expect("listed").len(), 1);
        let version = fs::read_to_string(folder.path().join("VERSION")).expect("read");
        assert_eq!(version, "3\n", "an older program must refuse it");
    }
}

#[tokio::test]
async fn blobs_are_readable_for_their_owner_alone() {
    let folder = TempDir::new().expect("a temporary folder");
    let root = folder.path().join("blobs");
    let store = Fs::open(&root).expect("made");
    let stored = store.put(&whose(), blob::once(LARGE.into())).await.expect("stored");
    store.put(&whose(), blob::once("speech".into())).await.expect("stored");

    let directory = root.join(&stored.blob.as_str()[..2]);
    assert_eq!((mode(&root), mode(&directory), mode(&directory.join(stored.blob.as_str()))), (0o700, 0o700, 0o600));
    for pack in fs::read_dir(root.join("packs")).expect("it is there") {
        assert_eq!(mode(&pack.expect("listed").path()), 0o600);
    }
    assert_eq!(mode(&root.join("packs")), 0o700);
}

#[tokio::test]
async fn a_reference_of_another_store_reaches_no_path() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(&folder.path().join("blobs")).expect("made");
    fs::write(folder.path().join("secret"), "secret").expect("written");

    for text in [
        "../secret",
        "..",
        "",
        "/etc/passwd",
        "blobs/x",
        "../../../../../../../../../etc/pass",
        "7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3a.01JD9Z8Q3NVX4T6M2K7C5B1ARE.../secret",
        "0000000000000001.v2/../../secret-00000000",
    ] {
        let blob = BlobRef::new(text.to_owned());
        let opened = store.open(&blob, ByteRange::whole(1)).await;
        assert!(matches!(opened, Err(BlobError::Unavailable(_))), "{text}");
        assert!(store.delete(&blob).await.is_err(), "{text}");
    }
    assert!(folder.path().join("secret").exists());
}

#[tokio::test]
async fn a_blob_that_was_cut_short_is_an_error_and_no_short_read() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let stored = store.put(&whose(), blob::once(LARGE.into())).await.expect("stored");
    let path = folder.path().join(&stored.blob.as_str()[..2]).join(stored.blob.as_str());
    fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(3)).expect("cut");

    let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await;

    assert!(matches!(opened, Err(BlobError::Damaged(_))));
}

#[tokio::test]
async fn stores_are_picked_by_url() {
    let folder = TempDir::new().expect("a temporary folder");
    let url = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());

    let locations = parse(&url("sqlite", "rows.db"), &url("file", "blobs")).expect("both are known");
    let ports = locations.connect().await.expect("both open");
    ports.records.ping().await.expect("it serves");
    assert!(folder.path().join("rows.db").exists() && folder.path().join("blobs").exists());
    assert!(parse("memory:", "memory:").is_ok());

    let refused = |records, blobs| parse(records, blobs).expect_err("it is none").to_string();
    let unknown = refused("postgres://ann:s3cret@db/rows", "memory:");
    assert!(unknown.starts_with("records: \"postgres\" is not sqlite:PATH or "), "{unknown}");
    let unknown = refused("memory:", "sqlite:rows.db");
    assert!(unknown.starts_with("blobs: \"sqlite\" is not file:PATH or "), "{unknown}");
    assert!(refused("sqlite:", "memory:").starts_with("records: \"sqlite\" is not sqlite:PATH or "));
    assert!(refused("dynamodb://x", "memory:").starts_with("records: \"dynamodb\" is not sqlite:PATH or "));
}

#[tokio::test]
async fn audio_is_not_left_to_rows_that_know_nothing_of_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let url = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());
    let (rows, blobs) = (url("sqlite", "rows.db"), url("file", "blobs"));
    parse(&rows, &blobs).expect("known").connect().await.expect("a fresh pair");

    let strangers = parse(&url("sqlite", "mistyped.db"), &blobs).expect("known");
    assert!(strangers.connect().await.is_err(), "it would have every blob swept");
    assert!(parse("memory:", &blobs).is_err());
    assert!(parse(&rows, "memory:").is_err());
    parse(&rows, &blobs).expect("known").connect().await.expect("the same pair");
}
