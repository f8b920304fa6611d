//! Bodies that end early, stall, or come in chunks.

use std::{
    io::Read as _,
    net::{Shutdown, TcpStream},
};

use super::{MIB, Phone, TRUSTING, assert_success, audio_files, eventually};
use crate::server::Server;

/// Closes the sending half, and waits for what the server makes of it.
fn break_off(mut stream: TcpStream) -> String {
    // The server may have closed already.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

// Fault: truncated bodies are stored as success; chunked bodies are stored as 0 bytes.

#[test]
fn a_body_shorter_than_announced_is_never_a_recording() {
    let server = Server::start(&[TRUSTING]);
    let phone = Phone::sign_in(&server);
    for (announced, sent) in [(1, 0), (100, 99), (300_000, 299_999), (3 * MIB, 3 * MIB - 1), (50 * MIB, 2 * MIB)] {
        let stream = phone.begin_upload(&format!("Content-Length: {announced}"), &vec![7; sent]);

        let answer = break_off(stream);

        // Whether the client can still read is its own affair; it must not read of success.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{sent} of {announced}: {answer}");
        assert!(!answer.contains("success"), "{sent} of {announced}: {answer}");
        assert_eq!(phone.ids(), [""; 0], "{sent} of {announced}");
    }

    assert_success(&phone.upload("memo.m4a", b"whole"));
    let ids = phone.ids();
    assert_eq!(ids.len(), 1);
    assert_eq!(phone.get(&ids[0]).body, b"whole");
}

#[test]
fn a_body_that_stalls_is_never_a_recording() {
    let server = Server::start(&[TRUSTING, ("TAPEBASE_TIMEOUTS__BODY", "1s")]);
    let phone = Phone::sign_in(&server);
    let mut stream = phone.begin_upload("Content-Length: 100", b"half of it");

    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);

    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(r#""result":"fail""#), "{answer}");
    assert_eq!(phone.ids(), [""; 0]);
}

#[test]
fn a_body_that_breaks_off_leaves_no_file() {
    let server = Server::start(&[TRUSTING]);
    let phone = Phone::sign_in(&server);
    let stream = phone.begin_upload(&format!("Content-Length: {}", 8 * MIB), &vec![7; 3 * MIB]);
    eventually(&server, "the upload is on the disk", || !audio_files(server.data_dir()).is_empty());

    drop(stream);

    eventually(&server, "the file goes", || audio_files(server.data_dir()).is_empty());
    assert_eq!(phone.ids(), [""; 0]);
}

#[test]
fn a_chunked_body_is_stored_whole() {
    let server = Server::start(&[TRUSTING]);
    for length in [0, 10, 300_000, 3 * MIB] {
        let phone = Phone::sign_in(&server);
        let audio: Vec<u8> = (0..=250).cycle().take(length).collect();
        let mut body = Vec::new();
        for chunk in audio.chunks(70_001) {
            body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");

        let mut stream = phone.begin_upload("Transfer-Encoding: chunked", &body);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");

        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"result":"success"}"#), "{answer}");
        let ids = phone.ids();
        assert_eq!(ids.len(), 1);
        assert!(phone.get(&ids[0]).expect(200).body == audio, "{length} bytes");
        assert_success(&phone.delete(&ids[0]));
    }
}

#[test]
fn a_chunked_body_without_its_end_is_never_a_recording() {
    let server = Server::start(&[TRUSTING]);
    let phone = Phone::sign_in(&server);
    for body in ["", "a\r\n0123456789\r\n", "a\r\n01234", "a\r\n0123456789\r\n0\r\n"] {
        let answer = break_off(phone.begin_upload("Transfer-Encoding: chunked", body.as_bytes()));

        assert!(!answer.contains("success"), "{body:?}: {answer}");
        assert_eq!(phone.ids(), [""; 0], "{body:?}");
    }
    eventually(&server, "no file is left", || audio_files(server.data_dir()).is_empty());
}
