//! What becomes of SQLite's files and rows under a server that runs is noticed, and costs nobody else anything.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread::spawn,
    time::{Duration, Instant},
};

use tapebase_adapters::sqlite::Sqlite;
use tapebase_domain::{
    blob::BlobRef,
    details::Details,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, SessionId, UserId},
    media_type::MediaType,
    oidc::OidcSubject,
    page::{Limit, PageRequest},
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{
        ChangeFeed as _, ChangesRequest, Clock as _, InsertError, Inventory as _, RecordStore, StoreError, SystemClock,
        Terms, UploadStore as _, UserStore,
    },
    quota::Quota,
    recording::{DigestOrigin, Recording, RecordingName, Revision},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Email, Identity, SocialId, User},
};
use tempfile::TempDir;

const TERMS: Terms = Terms { quota: Quota::UNLIMITED, again: false };

fn recording(owner: UserId) -> Recording {
    received(owner, SystemClock.now())
}

fn received(owner: UserId, now: Timestamp) -> Recording {
    let id = RecordingId::generate(now);
    let media_type = MediaType::parse("audio/mp4").expect("a type");
    let name = RecordingName::parse("memo.m4a".into()).expect("a name");
    Recording {
        details: Details {
            name,
            media_type: media_type.clone(),
            recorded_at: now.fixed_offset(),
            client_duration_ms: None,
        },
        blob: BlobRef::new(format!("blob of {id}")),
        id,
        owner,
        media_type,
        size: 6,
        sha256: Sha256::of(b"speech"),
        digest: DigestOrigin::Computed,
        received_at: now,
        revision: Revision(1),
        changed: ChangeNumber(0),
        verified_at: None,
        damaged_at: None,
    }
}

/// A database with some recordings of one owner, their ids in the order in which they came: each has a millisecond of
/// its own.
async fn with_recordings(count: usize) -> (Sqlite, PathBuf, UserId, Vec<Recording>, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let (rows, owner) = (Sqlite::open(&path).expect("made"), UserId::generate(SystemClock.now()));
    let mut recordings = Vec::new();
    let mut now = SystemClock.now();
    for _ in 0..count {
        now += Duration::from_millis(1);
        recordings.push(rows.insert(received(owner, now), TERMS).await.expect("inserted"));
    }
    (rows, path, owner, recordings, folder)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[tokio::test]
async fn nothing_is_written_once_a_file_of_the_database_is_not_where_it_was() {
    for ending in ["", "-wal", "-shm"] {
        for is_replaced in [false, true] {
            let (rows, path, owner, recordings, _folder) = with_recordings(1).await;
            let found = RecordStore::find(&rows, owner, &recordings[0].id).await.expect("read");
            assert_eq!(found.as_ref(), Some(&recordings[0]));
            let (file, away) = (beside(&path, ending), beside(&path, "-away"));
            fs::rename(&file, &away).expect("moved away");
            if is_replaced {
                fs::copy(&away, &file).expect("replaced");
            }

            let refused = rows.insert(recording(owner), TERMS).await;

            assert!(matches!(refused, Err(InsertError::Store(StoreError::NotWritten(_)))), "{ending}: {refused:?}");
            assert!(RecordStore::ping(&rows).await.is_err(), "{ending}");
            let found = RecordStore::find(&rows, owner, &recordings[0].id).await.expect("read");
            assert_eq!(found.as_ref(), Some(&recordings[0]), "who reads is not concerned");
            assert!(is_replaced || !file.exists(), "{ending}: nobody makes another");
            fs::rename(&away, &file).expect("moved back");
            rows.insert(recording(owner), TERMS).await.expect("it is back");
        }
    }
}

#[tokio::test]
async fn a_removed_log_takes_nothing_with_it_that_was_acknowledged_after_it_went() {
    let (rows, path, owner, recordings, _folder) = with_recordings(3).await;
    assert!(RecordStore::find(&rows, owner, &recordings[2].id).await.expect("read").is_some());
    fs::remove_file(beside(&path, "-wal")).expect("removed");

    for _ in 0..3 {
        assert!(rows.insert(recording(owner), TERMS).await.is_err());
    }

    assert!(RecordStore::find(&rows, owner, &recordings[2].id).await.expect("read").is_some());
}

/// Changes a row behind the program's back, as a bit that turns over does.
fn damage(path: &Path, id: &RecordingId) {
    let other = rusqlite::Connection::open(path).expect("opened");
    let changed = other.execute("UPDATE recordings SET size = size + 1 WHERE id = ?1", [id.as_str()]);
    assert_eq!(changed.expect("changed"), 1);
}

/// An account that somebody else could get into, or a session that never ends, is worse than none.
#[tokio::test]
async fn nobody_is_let_in_by_a_damaged_row() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let now = SystemClock.now();
    let identity = Identity::Email(Email::parse("ann@example.com").expect("an address"));
    let user = User::new(UserId::generate(now), identity.clone(), now);
    let (token, other) = (TokenHash(Sha256::of(b"token")), TokenHash(Sha256::of(b"other")));
    let sessions = [1, 2].map(|number| Session {
        id: SessionId::generate(now + Duration::from_millis(number)),
        user: user.id,
        client: String::new(),
        created_at: now,
        last_used_at: now,
        expires_at: now + Duration::from_mins(5),
        ends_at: now + Duration::from_mins(5),
    });
    let rows = Sqlite::open(&path).expect("made");
    rows.create(Account { user: user.clone(), password: None }).await.expect("created");
    for (session, token) in sessions.iter().zip([token, other]) {
        rows.open_session(session.clone(), token, 10).await.expect("begun");
    }
    rows.touch_session(user.id, sessions[1].id, now, now).await.expect("used");
    drop(rows);
    let change = |statement: &str| rusqlite::Connection::open(&path).expect("opened").execute(statement, []);

    assert_eq!(
        change("UPDATE sessions SET expires_at = expires_at << 9 WHERE id = (SELECT min(id) FROM sessions)"),
        Ok(1)
    );
    let rows = Sqlite::open(&path).expect("opened");
    assert_eq!(rows.session(token).await.expect("read"), None);
    assert!(rows.session(other).await.expect("read").is_some());
    rows.touch_session(user.id, sessions[0].id, now, now).await.expect("left as it is");
    assert_eq!(rows.sessions(user.id, now - Duration::from_mins(1), Limit::MAX, None).await.expect("listed").len(), 1);
    assert_eq!(rows.unreadable().await.expect("looked through").len(), 1);

    assert_eq!(change("UPDATE users SET password = 'another'"), Ok(1));
    assert!(UserStore::find(&rows, &identity).await.is_err());
}

#[tokio::test]
async fn a_damaged_row_keeps_no_other_from_being_listed() {
    let (rows, path, owner, recordings, _folder) = with_recordings(5).await;
    for damaged in [0, 1, 4] {
        damage(&path, &recordings[damaged].id);
    }
    let left = [&recordings[2], &recordings[3]];

    let listed = rows.list(owner, PageRequest::default()).await.expect("listed");
    assert_eq!(listed.iter().rev().collect::<Vec<_>>(), left);
    let everything = ChangesRequest { after: ChangeNumber(0), no_deleted_up_to: ChangeNumber(0), limit: 100 };
    let changes = rows.changes(owner, everything).await.expect("listed");
    assert_eq!((changes.entries.len(), changes.reached, changes.has_more), (2, ChangeNumber(5), false));
    let page = rows.recordings(None).await.expect("walked");
    assert_eq!((page.recordings.iter().collect::<Vec<_>>(), page.unreadable.len()), (left.to_vec(), 2));
    let end = rows.recordings(Some((owner, recordings[3].id.clone()))).await.expect("walked");
    assert_eq!((end.recordings.len(), end.unreadable.len()), (0, 1), "{end:?}");
    assert!(end.unreadable[0].contains(recordings[4].id.as_str()), "{end:?}");
}

fn upload_of(owner: UserId, expires_at: Timestamp) -> PendingUpload {
    let Recording { id, details, size, sha256, .. } = received(owner, expires_at);
    let (staged, key) = (StagedRef::new(format!("parts of {id}")), LinkKey::generate());
    PendingUpload { id, owner, details, size, sha256, again: false, staged, key, expires_at }
}

#[tokio::test]
async fn a_damaged_upload_has_its_part_of_the_quota_until_its_time_is_over() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let rows = Sqlite::open(&path).expect("made");
    let expires_at = SystemClock.now();
    let upload = upload_of(UserId::generate(expires_at), expires_at);
    let other = upload_of(upload.owner, expires_at + Duration::from_mins(1));
    for upload in [&upload, &other] {
        rows.reserve(upload.clone(), Quota::UNLIMITED).await.expect("reserved");
        let database = rusqlite::Connection::open(&path).expect("opened");
        let damaged = database.execute("UPDATE uploads SET length = length + 1 WHERE id = ?1", [upload.id.as_str()]);
        assert_eq!(damaged.expect("written"), 1);
    }

    let expired = rows.expired_uploads(expires_at + Duration::from_secs(1)).await.expect("listed");

    assert_eq!(expired, []);
    let counters = rows.counters(upload.owner).await.expect("counted");
    assert_eq!(counters.uploads, 1, "the time of the other is not over");
    assert_eq!(rows.upload(upload.owner, &upload.id).await.expect("readable"), None);
    rows.reserve(upload, Quota::UNLIMITED).await.expect("its id is free again");
}

#[tokio::test]
async fn the_log_stays_small_while_rows_are_read_and_written_without_a_pause() {
    let (rows, path, owner, _, _folder) = with_recordings(300).await;
    let since = Instant::now();
    let rows = Arc::new(rows);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let rows = rows.clone();
            spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                while since.elapsed() < Duration::from_secs(6) {
                    runtime.block_on(rows.recordings(None)).expect("walked");
                    runtime.block_on(rows.miscounted()).expect("counted");
                }
            })
        })
        .collect();

    let mut largest = 0;
    while since.elapsed() < Duration::from_secs(6) {
        let many = (0..200).map(|_| rows.insert(recording(owner), TERMS));
        for inserted in futures_util::future::join_all(many).await {
            inserted.expect("inserted");
        }
        largest = largest.max(fs::metadata(beside(&path, "-wal")).expect("there").len());
    }
    for reader in readers {
        reader.join().expect("read");
    }

    assert!(largest < 64 << 20, "it had {largest} bytes");
}

#[tokio::test]
async fn a_damaged_proof_lets_nobody_in_by_the_social_id_it_was_of() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let now = SystemClock.now();
    let oidc = OidcSubject::parse("https://id.example.com".to_owned(), "7".to_owned()).map(Identity::Oidc);
    let social = SocialId::parse("kakao".to_owned(), "7".to_owned()).map(Identity::Social).expect("a social id");
    let mut user = User::new(UserId::generate(now), oidc.expect("a subject"), now);
    user.identities.extend(User::new(user.id, social.clone(), now + Duration::from_secs(1)).identities);
    let id = user.id;
    let rows = Sqlite::open(&path).expect("made");
    rows.create(Account { user, password: None }).await.expect("created");
    drop(rows);
    let connection = rusqlite::Connection::open(&path).expect("opened");
    let change = "UPDATE identities SET linked_at = linked_at + 1 WHERE network LIKE 'oidc%'";
    assert_eq!(connection.execute(change, []), Ok(1));

    let rows = Sqlite::open(&path).expect("opened");

    assert!(!matches!(UserStore::find(&rows, &social).await, Ok(Some(_))), "nothing says any more that it was proved");
    assert!(!matches!(UserStore::account(&rows, id).await, Ok(Some(_))));
}

#[tokio::test]
async fn a_damaged_identity_lets_nobody_in_and_keeps_no_other_from_doing_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("rows.db");
    let now = SystemClock.now();
    let email = |text: &str| Identity::Email(Email::parse(text).expect("an address"));
    let mut user = User::new(UserId::generate(now), email("ann@example.com"), now);
    user.identities.extend(User::new(user.id, email("anna@example.com"), now + Duration::from_secs(1)).identities);
    let rows = Sqlite::open(&path).expect("made");
    rows.create(Account { user: user.clone(), password: None }).await.expect("created");
    drop(rows);
    let connection = rusqlite::Connection::open(&path).expect("opened");
    let change = "UPDATE identities SET subject = 'bob@example.com' WHERE subject = 'anna@example.com'";
    assert_eq!(connection.execute(change, []), Ok(1));

    let rows = Sqlite::open(&path).expect("opened");

    for nobody in ["anna@example.com", "bob@example.com"] {
        assert_eq!(UserStore::find(&rows, &email(nobody)).await.expect("looked up"), None, "{nobody}");
    }
    let found = UserStore::find(&rows, &email("ann@example.com")).await.expect("looked up").expect("there");
    assert_eq!(found.user.identities, user.identities[..1]);
    assert_eq!(connection.execute("UPDATE identities SET linked_at = 0", []), Ok(2));
    assert!(rows.account(user.id).await.is_err(), "somebody who has no identity is not nobody");
    let nobody = UserStore::find(&rows, &email("carl@example.com")).await;
    assert_eq!(nobody.expect("whoever signed up last, who is read for the time it takes, is no matter"), None);
    assert_eq!(rows.unreadable().await.expect("looked through").len(), 2);
}
