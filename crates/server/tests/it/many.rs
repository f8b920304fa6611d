//! Somebody who has very much holds up nobody else.

use std::{
    io::Read as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tapebase_adapters::sqlite::Sqlite;
use tapebase_conformance::http::{Client as _, Request};
use tapebase_domain::{
    details::Details,
    id::UserId,
    ports::{RecordStore as _, Terms},
    quota::Quota,
    recording::{Recording, RecordingName},
};

use crate::{rebuild::sign_up, rows::recording, server::Server};

const MANY: usize = 24_000;
/// How many ask for everything at once.
const LISTS: usize = 4;

/// Writes so many recordings into the rows of a server, each with a name as long as names get.
fn write_recordings(server: &Server, owner: &str, many: usize) {
    let rows = Sqlite::open(&server.data_dir().join("tapebase.db")).expect("rows");
    let owner = UserId::parse(owner).expect("an id");
    let terms = Terms { quota: Quota::UNLIMITED, again: false };
    let writing = async {
        for some in (0..many).collect::<Vec<_>>().chunks(1_000) {
            let inserts = some.iter().map(|number| rows.insert(named(owner, *number), terms));
            for inserted in join_all(inserts).await {
                inserted.expect("inserted");
            }
        }
    };
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(writing);
}

fn named(owner: UserId, number: usize) -> Recording {
    let name = format!("{number:05}{}", "x".repeat(RecordingName::MAX_BYTES - 5));
    let any = recording(owner);
    let details = Details { name: RecordingName::parse(name).expect("a name"), ..any.details };
    Recording { size: 0, details, ..any }
}

#[test]
fn a_list_of_very_many_holds_up_nobody_and_takes_little_memory() {
    let server = Server::start(&[]);
    let ((token, id), (other, _)) = (sign_up(&server, "ann"), sign_up(&server, "bob"));
    write_recordings(&server, &id, MANY);
    let tcp = server.tcp();
    let list = Request::new("GET", "/record/list").header("Authorization", format!("{id} {token}"));
    let (before, over) = (server.peak_memory(), AtomicUsize::new(0));

    let waits = thread::scope(|scope| {
        for _ in 0..LISTS {
            scope.spawn(|| {
                let answer = tcp.send(&list).expect(200).json();
                over.fetch_add(1, Ordering::Relaxed);
                let names: Vec<&str> = answer["records"].as_array().expect("a list").iter().map(name).collect();
                assert_eq!(names.len(), MANY);
                assert!(names.is_sorted_by(|one, next| one < next), "some came twice, or in another order");
            });
        }
        let mut waits = Vec::new();
        while over.load(Ordering::Relaxed) < LISTS {
            let began = Instant::now();
            let _ = tcp.send(&Request::new("GET", "/v1/me").bearer(&other)).expect(200);
            waits.push(began.elapsed());
        }
        waits.sort_unstable();
        waits
    });

    // Alone it takes a few milliseconds, on a machine that does much else many more; behind a whole list, seconds.
    let (usual, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    assert!(usual < Duration::from_millis(500) && longest < Duration::from_secs(10), "others waited for {waits:?}");
    let grown = (server.peak_memory() - before) >> 20;
    assert!(grown < 32, "the lists took {grown} MiB");
}

fn name(record: &serde_json::Value) -> &str {
    record["file_name"].as_str().expect("a name")
}

#[test]
fn a_long_list_can_be_asked_for_its_head() {
    let server = Server::start(&[]);
    let (token, id) = sign_up(&server, "ann");
    write_recordings(&server, &id, 201);

    let head = Request::new("HEAD", "/record/list").header("Authorization", format!("{id} {token}"));
    let answer = server.send(&head).expect(200);

    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.body.is_empty(), "{answer:?}");
}

#[test]
fn a_list_that_fails_on_its_way_breaks_off() {
    let server = Server::start(&[]);
    let (token, id) = sign_up(&server, "ann");
    // More than what the system keeps of an answer that nobody reads.
    write_recordings(&server, &id, 12_000);
    let list = Request::new("GET", "/record/list").header("Authorization", format!("{id} {token}"));

    let mut answer = server.tcp().begin(&list);
    let mut begun = [0; 12];
    answer.read_exact(&mut begun).expect("it begins");
    let rows = rusqlite::Connection::open(server.data_dir().join("tapebase.db")).expect("rows");
    rows.execute("ALTER TABLE recordings RENAME TO lost", []).expect("renamed");
    let mut rest = Vec::new();
    // It may be reset.
    let _ = answer.read_to_end(&mut rest);

    assert_eq!(&begun, b"HTTP/1.1 200");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the answer has an end");
    assert_eq!(server.send(&Request::new("GET", "/healthz")).outcome(), "200");
}
