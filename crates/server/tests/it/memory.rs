//! Memory does not grow with the recording.

use std::io::{Read as _, Write as _};

use serde_json::json;
use tapebase_conformance::http::{Client as _, Request};
use tapebase_domain::digest::Hasher;

use crate::server::Server;

const SIZE: usize = 256 << 20;

#[test]
fn a_large_recording_passes_through_little_memory() {
    let server = Server::start(&[]);
    let before = after_a_sign_in(&server);

    pass_a_large_recording(&server, SIZE);

    assert_little(&server, before);
}

/// The most memory a server had once somebody had signed in, which takes 19 MiB for a while. What is counted from there on
/// is not how large the program is, which is most of it in a build without optimisation.
pub fn after_a_sign_in(server: &Server) -> u64 {
    server.sign_up("somebody");
    server.peak_memory()
}

fn assert_little(server: &Server, before: u64) {
    let grown = (server.peak_memory() - before) >> 20;
    assert!(grown < 8, "the server took {grown} MiB more");
}

/// Uploads and downloads a recording of so many bytes.
pub fn pass_a_large_recording(server: &Server, size: usize) {
    let token = server.sign_up("ann");
    let piece = vec![42; 1 << 20];
    let mut sent = Hasher::default();

    let mut stream = server.tcp().connect();
    let head = format!(
        "PUT /v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: audio/mp4\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    for _ in 0..size / piece.len() {
        stream.write_all(&piece).expect("sent");
        sent.update(&piece);
    }
    let (_, sha256) = sent.finish();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains(&sha256.to_hex()), "{answer}");

    let mut stream = server.tcp().connect();
    let request = format!(
        "GET /v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE/audio HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut buffer = vec![0; 1 << 20];
    let mut received = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        received += read;
    }
    assert!(received > size, "{received} bytes came");
}

#[test]
fn a_form_full_of_almost_boundaries_takes_little_memory() {
    let server = Server::start(&[]);
    let before = after_a_sign_in(&server);
    let token = server.sign_up("ann");
    let audio = b"\r\n--".repeat(1 << 20);
    let head = b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.m4a\"\r\n\r\n";
    let form = [head.as_slice(), &audio, b"\r\n--XX--\r\n"].concat();

    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("multipart/form-data; boundary=XX", form);
    let recording = server.send(&upload).expect(201).json();

    assert_eq!(recording["size"], audio.len());
    assert_little(&server, before);
}

#[test]
fn a_form_that_is_all_headers_takes_little_memory() {
    let server = Server::start(&[]);
    let before = after_a_sign_in(&server);
    let token = server.sign_up("ann");
    let huge = "x".repeat(50 << 20);
    let in_front = format!("--XX\r\nContent-Disposition: form-data; name=\"{huge}");
    let file = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nspeech\r\n";
    let behind = format!("{file}--XX\r\nX: {huge}");

    for form in [in_front, behind] {
        let upload =
            Request::new("POST", "/v1/recordings").bearer(&token).body("multipart/form-data; boundary=XX", form);
        assert_eq!(server.send(&upload).problem(), "invalid-body");
    }

    assert!(server.list_all(&token).is_empty());
    assert_little(&server, before);
}

#[test]
fn an_upload_in_the_smallest_pieces_takes_little_memory() {
    let server = Server::start(&[]);
    let before = after_a_sign_in(&server);
    let token = server.sign_up("ann");
    let body = [b"1\r\nx\r\n".repeat(900_000), b"0\r\n\r\n".to_vec()].concat();

    let upload = Request { body, ..Request::new("POST", "/v1/recordings") };
    let upload = upload.bearer(&token).header("Content-Type", "audio/mp4").header("Transfer-Encoding", "chunked");
    assert_eq!(server.send(&upload).expect(201).json()["size"], 900_000);

    assert_little(&server, before);
}

#[test]
fn a_flood_of_sign_ins_takes_little_memory() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    // Each of another account: so many of one have to wait.
    let log_in = |number: u32| {
        let credentials = json!({"email": format!("nobody{number}@example.com"), "password": "wrong horse"});
        Request::new("POST", "/v1/auth/login").json(&credentials)
    };

    // Of the program itself, which grows with everything it learns.
    let _ = tcp.send(&Request::new("GET", "/healthz")).expect(200);
    let before = server.peak_memory() >> 20;
    for round in 0..3 {
        std::thread::scope(|scope| {
            for number in 0..50 {
                let (tcp, log_in) = (&tcp, log_in(round * 50 + number));
                scope.spawn(move || assert!(matches!(tcp.send(&log_in).status, 401 | 503)));
            }
        });
    }

    // Each core hashes in 19 MiB.
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let taken = (server.peak_memory() >> 20) - before;
    assert!(taken < 8 + 20 * cores, "the server took {taken} MiB");
}
