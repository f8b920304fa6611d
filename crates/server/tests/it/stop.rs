//! A server that is told to stop leaves its data folder as if it had never been open.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::Server;

/// Enough servers at once that their threads wait for a core, and so end in any order.
const SERVERS: usize = 8;

#[test]
fn a_server_that_stops_gives_back_the_room_it_did_not_use() {
    thread::scope(|scope| {
        for _ in 0..SERVERS {
            scope.spawn(|| (0..5).for_each(|_| stop_after_one_upload()));
        }
    });
}

fn stop_after_one_upload() {
    let folder = TempDir::new().expect("a temporary folder");
    let server = Server::start_on(&folder.path().join("data"), &[]);
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![1; 9_000]);
    let _ = server.send(&upload).expect(201);

    assert!(server.terminate().success());

    let packs = fs::read_dir(folder.path().join("data/blobs/packs")).expect("read");
    let sizes: Vec<_> = packs.map(|pack| pack.expect("read").metadata().expect("read").len()).collect();
    assert!(matches!(sizes[..], [0..16_384]), "{sizes:?}");
    let names = fs::read_dir(folder.path().join("data")).expect("read").map(|entry| entry.expect("read").file_name());
    let log: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with("-wal")).collect();
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn whoever_sends_requests_learns_that_no_more_are_to_be_sent_before_a_server_stops() {
    let server = Server::start(&[("TAPEBASE_TIMEOUTS__DRAIN", "5m")]);
    let ready = || server.send(&Request::new("GET", "/readyz"));
    let _ = ready().expect(200);

    let since = Instant::now();
    server.signal("TERM");
    while ready().status == 200 {
        assert!(since.elapsed() < Duration::from_mins(1), "it says that it is ready");
    }

    let answer = ready();
    assert_eq!(answer.problem(), "unavailable");
    assert!(answer.json()["detail"].as_str().expect("a detail").contains("stopping"), "{answer:?}");
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![1; 9_000]);
    let _ = server.send(&upload).expect(201);
    // Whoever is in a hurry.
    assert!(server.interrupt().success());
    assert!(since.elapsed() < Duration::from_mins(4), "after {:?}", since.elapsed());
}

#[test]
fn whoever_is_in_a_hurry_breaks_off_what_a_stopping_server_finishes() {
    let server = Server::start(&[("TAPEBASE_TIMEOUTS__SHUTDOWN", "5m"), ("TAPEBASE_TIMEOUTS__BODY", "5m")]);
    let token = server.sign_up("ann");
    let mut upload = TcpStream::connect(server.tcp().0).expect("connected");
    let head = format!(
        "POST /v1/recordings HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: audio/mp4\r\n\
         Content-Length: 9000\r\n\r\nbegun"
    );
    upload.write_all(head.as_bytes()).expect("sent");
    // Answered after it: the server has begun with the upload.
    let _ = server.send(&Request::new("GET", "/readyz")).expect(200);

    let since = Instant::now();
    server.signal("TERM");
    while server.tcp().try_send(&Request::new("GET", "/healthz")).is_some() {
        assert!(since.elapsed() < Duration::from_mins(1), "it takes requests");
    }
    assert!(server.interrupt().success());

    assert!(since.elapsed() < Duration::from_mins(1), "after {:?}", since.elapsed());
}
