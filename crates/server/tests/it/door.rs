//! Connections that want more than their share, and clients that are answered before they have sent everything.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use tapebase_conformance::http::{Client as _, Request, Tcp, cases::User};
use tempfile::TempDir;

use crate::{
    server::{Server, command},
    wire::head,
};

/// The head of a request without a token.
fn nobody(framing: &str) -> Vec<u8> {
    format!("POST /v1/recordings HTTP/1.1\r\nHost: test\r\nContent-Type: audio/mp4\r\n{framing}\r\n\r\n").into_bytes()
}

fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the client is slow on purpose")]
    std::thread::sleep(time);
}

/// Sends a body of so many pieces of so many bytes as a slow link does, and reads only then.
fn send_slowly(tcp: Tcp, head: &[u8], (pieces, bytes): (usize, usize)) -> String {
    let mut stream = tcp.connect();
    stream.write_all(head).expect("sent");
    for _ in 0..pieces {
        pause(Duration::from_millis(400));
        stream.write_all(&vec![7; bytes]).expect("it is still read");
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn an_answer_before_the_body_reaches_a_client_that_sends_on() {
    let server = Server::start(&[("TAPEBASE_LIMITS__RECORDING", "900000"), ("TAPEBASE_LIMITS__QUOTA", "1000")]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let upload = |rest: &str| head(&ann, "POST /v1/recordings", &format!("{rest}\r\nContent-Length: 800000"));
    // Received in one piece, unless it is refused.
    let small = head(&ann, "POST /v1/recordings", "Content-Type: audio/mp4\r\nContent-Length: 200000");
    let large = head(&ann, "POST /v1/recordings", "Content-Type: audio/mp4\r\nContent-Length: 1200000");

    let (upload, small, large) = (&upload, &small, &large);
    std::thread::scope(|scope| {
        for (head, pieces, slug) in [
            (nobody("Content-Length: 800000"), (8, 100_000), "unauthenticated"),
            (large.clone(), (12, 100_000), "too-large"),
            (upload("Content-Type: text/html"), (8, 100_000), "unsupported-media-type"),
            (upload("Content-Type: audio/mp4"), (8, 100_000), "quota-exceeded"),
            (small.clone(), (20, 10_000), "quota-exceeded"),
        ] {
            scope.spawn(move || {
                let answer = send_slowly(tcp, &head, pieces);
                assert!(answer.contains(&format!("/problems/{slug}")), "{slug}: {answer:?}");
            });
        }
    });
}

#[test]
fn a_refused_body_that_never_ends_is_not_read_for_long() {
    let server = Server::start(&[]);
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000000000000"] {
        let mut stream = server.tcp().connect();
        stream.write_all(&nobody(framing)).expect("sent");
        let piece = [b"10000\r\n".to_vec(), vec![7; 0x10000], b"\r\n".to_vec()].concat();

        let (started, mut sent) = (Instant::now(), 0_u64);
        while stream.write_all(&piece).is_ok() {
            sent += piece.len() as u64;
            assert!(sent < 200 << 20, "{framing}: it is read on");
        }

        assert!(started.elapsed() < Duration::from_secs(20), "{framing}: {:?}", started.elapsed());
    }
}

#[test]
fn a_refused_body_that_stops_is_not_waited_for_for_long() {
    let server = Server::start(&[]);
    let started = Instant::now();
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000000"] {
        let mut stream = server.tcp().connect();
        stream.write_all(&nobody(framing)).expect("sent");

        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);

        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn one_client_of_a_proxy_cannot_take_all_there_is() {
    let limits = [("TAPEBASE_HTTP__PROXIES", "127.0.0.1"), ("TAPEBASE_LIMITS__CONNECTIONS_PER_ADDRESS", "2")];
    let server = Server::start(&limits);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let framing = "X-Forwarded-For: 203.0.113.7\r\nContent-Type: audio/mp4\r\nContent-Length: 100000";
    let slow: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = tcp.connect();
            stream.write_all(&head(&ann, "POST /v1/recordings", framing)).expect("sent");
            stream
        })
        .collect();
    let ask = |client: &str| tcp.send(&Request::new("GET", "/v1/me").header("X-Forwarded-For", client)).outcome();
    let until = |client: &str, expected: &str| {
        let started = Instant::now();
        loop {
            let answer = ask(client);
            if answer == expected {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{client} is answered {answer}, not {expected}");
        }
    };

    // Whoever asks in between takes the place of one of them.
    let started = Instant::now();
    while tcp.send(&Request::new("GET", "/readyz")).expect(200).json()["tasks"] != 2 {
        assert!(started.elapsed() < Duration::from_secs(10), "the uploads are not begun");
    }
    assert_eq!(ask("203.0.113.7"), "429 too-many-requests");
    assert_eq!(ask("203.0.113.8"), "401 unauthenticated");

    drop(slow);
    until("203.0.113.7", "401 unauthenticated");
}

#[test]
fn a_proxy_that_is_not_configured_is_told_of_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let log = folder.path().join("log");
    let mut command = command(&folder.path().join("data"), &[]);
    command.stderr(File::create(&log).expect("made"));
    let server = Server::run(command, folder.path());

    for _ in 0..3 {
        let _ = server.send(&Request::new("GET", "/healthz").header("X-Forwarded-For", "203.0.113.7")).expect(200);
    }

    let log = std::fs::read_to_string(log).expect("read");
    assert_eq!(log.matches("TAPEBASE_HTTP__PROXIES=127.0.0.1").count(), 1, "{log}");
}

/// The server is stopped, as one is that has no core to run on, while the rest of a head comes.
#[test]
fn a_head_that_the_server_was_too_slow_to_read_is_answered() {
    let server = Server::start(&[("TAPEBASE_TIMEOUTS__HEAD", "1s"), ("TAPEBASE_TIMEOUTS__KEEP_ALIVE", "1s")]);
    for first in ["", "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"] {
        let mut stream = server.tcp().connect();
        stream.write_all(first.as_bytes()).expect("sent");
        let mut answer = vec![0; first.len().min(15)];
        stream.read_exact(&mut answer).expect("answered");
        stream.write_all(b"GET /health").expect("sent");
        pause(Duration::from_millis(300));
        server.signal("STOP");
        stream.write_all(b"z HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("sent");
        pause(Duration::from_millis(2_500));
        server.signal("CONT");

        let mut answers = String::new();
        let _ = stream.read_to_string(&mut answers);

        assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    }
}
