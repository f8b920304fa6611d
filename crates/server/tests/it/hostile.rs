//! Clients that stop half way, and the operator's SIGTERM.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use tapebase_conformance::http::Request;

use crate::server::Server;

const IMPATIENT: [(&str, &str); 4] = [
    ("TAPEBASE_TIMEOUTS__HEAD", "1s"),
    ("TAPEBASE_TIMEOUTS__BODY", "1s"),
    ("TAPEBASE_TIMEOUTS__KEEP_ALIVE", "1s"),
    ("TAPEBASE_TIMEOUTS__SEND", "2s"),
];

/// Longer than every time-out above, shorter than anybody's patience.
const SOON: Duration = Duration::from_secs(8);

/// Reads until the server closes, which must be soon.
fn read_to_close(stream: &mut TcpStream) -> String {
    let started = Instant::now();
    let mut answer = Vec::new();
    // A reset is a close, too.
    let _ = stream.read_to_end(&mut answer);
    assert!(started.elapsed() < SOON, "the connection stayed open for {:?}", started.elapsed());
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_first_head_that_stalls_is_cut_off() {
    let server = Server::start(&IMPATIENT);
    let mut stream = server.tcp().connect();

    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: te").expect("sent");

    let answer = read_to_close(&mut stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn a_second_head_that_stalls_is_cut_off() {
    let server = Server::start(&IMPATIENT);
    let mut stream = server.tcp().connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").expect("sent");
    let mut first = [0; 15];
    stream.read_exact(&mut first).expect("answered");
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: te").expect("sent");

    let rest = read_to_close(&mut stream);
    assert!(!rest.contains("HTTP/1.1 200"), "{rest}");
}

#[test]
fn a_body_that_stalls_is_cut_off_and_nothing_is_stored() {
    let server = Server::start(&IMPATIENT);
    let token = server.sign_up("ann");
    for length in [100_000, 10_000_000] {
        let mut stream = server.tcp().connect();
        let head = format!(
            "POST /v1/recordings HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: audio/mp4\r\n\
             Content-Length: {length}\r\n\r\nhalf of it"
        );

        stream.write_all(head.as_bytes()).expect("sent");

        let answer = read_to_close(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("/problems/body-timeout"), "{answer}");
        assert!(server.list_all(&token).is_empty());
    }
}

#[test]
fn a_body_that_trickles_is_cut_off() {
    let server = Server::start(&IMPATIENT);
    let token = server.sign_up("ann");
    let mut stream = server.tcp().connect();
    let head = format!(
        "POST /v1/recordings HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: audio/mp4\r\n\
         Content-Length: 1000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");

    let mut trickle = stream.try_clone().expect("a second handle");
    let trickling = thread::spawn(move || {
        while trickle.write_all(b"x").is_ok() {
            #[expect(clippy::disallowed_methods, reason = "the client is slow on purpose")]
            thread::sleep(Duration::from_millis(200));
        }
    });

    let answer = read_to_close(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(stream);
    trickling.join().expect("it was cut off");
}

#[test]
fn a_download_nobody_takes_is_cut_off() {
    let server = Server::start(&IMPATIENT);
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![7; 40 << 20]);
    let id = server.send(&upload).expect(201).json()["id"].as_str().expect("an id").to_owned();
    let mut stream = server.tcp().connect();

    let request =
        format!("GET /v1/recordings/{id}/audio HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    #[expect(clippy::disallowed_methods, reason = "the client takes nothing on purpose")]
    thread::sleep(SOON);

    let mut came = Vec::new();
    let _ = stream.read_to_end(&mut came);
    assert!(came.len() < 40 << 20, "all of it was sent");
}

#[test]
fn sigterm_finishes_the_upload_in_flight() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let mut stream = server.tcp().connect();
    let head = format!(
        "POST /v1/recordings HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: audio/mp4\r\n\
         Content-Length: 1000000\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![7; 500_000])).expect("sent");
    // An answer on another connection shows that the server has come to read the first.
    let _ = server.send(&Request::new("GET", "/readyz")).expect(200);

    server.signal("TERM");
    #[expect(clippy::disallowed_methods, reason = "the server is to be stopping while the body still comes")]
    thread::sleep(Duration::from_millis(300));
    stream.write_all(&vec![7; 500_000]).expect("still taken");

    let answer = read_to_close(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.terminate().success());
}

#[test]
fn broken_requests_are_refused_and_the_server_stays() {
    let server = Server::start(&[]);
    let many_headers = format!("GET /healthz HTTP/1.1\r\nHost: test\r\n{}\r\n", "X: y\r\n".repeat(200));
    let long_header = format!("GET /healthz HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    let cases: [(&[u8], u16); 7] = [
        (
            b"GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: test\r\nX\0: y\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (many_headers.as_bytes(), 431),
        (long_header.as_bytes(), 431),
    ];
    for (bytes, status) in cases {
        let answer = server.tcp().send_raw(bytes);
        assert_eq!(
            answer.map(|answer| answer.status),
            Some(status),
            "{:?}",
            String::from_utf8_lossy(&bytes[..60.min(bytes.len())])
        );
    }
    let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
}
