//! Memory does not grow with the recording.

use std::io::{Read as _, Write as _};

use tapebase_domain::digest::Hasher;

use crate::server::Server;

const SIZE: usize = 256 << 20;

#[test]
fn a_large_recording_passes_through_little_memory() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let piece = vec![42; 1 << 20];
    let mut sent = Hasher::default();

    let mut stream = server.tcp().connect();
    let head = format!(
        "PUT /v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: audio/mp4\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    for _ in 0..SIZE / piece.len() {
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
    assert!(received > SIZE, "{received} bytes came");

    let peak = server.peak_memory() >> 20;
    assert!(peak < 64, "the server took {peak} MiB");
}
