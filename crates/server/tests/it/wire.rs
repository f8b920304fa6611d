//! What only a connection can show: chunks, bodies that break off, and requests that share it.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use tapebase_conformance::http::{
    Client as _, Request, Tcp,
    cases::{
        User,
        fixtures::{MEMO, fresh_ulid, noise},
        form::Form,
        user::id,
    },
};

use crate::server::Server;

/// Far less than any time-out of the server.
const SOON: Duration = Duration::from_secs(5);

/// The head of a request of a user; `rest` is header lines without the last line break.
pub fn head(user: &User, method_and_target: &str, rest: &str) -> Vec<u8> {
    let token = &user.token;
    format!("{method_and_target} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n{rest}\r\n\r\n")
        .into_bytes()
}

/// The head of an upload.
fn upload(user: &User, framing: &str) -> Vec<u8> {
    head(user, "POST /v1/recordings", &format!("Content-Type: audio/mp4\r\nConnection: close\r\n{framing}"))
}

/// Sends these bytes and no more, and reads the problem that is answered all the same.
pub fn problem_without_waiting(tcp: Tcp, bytes: &[u8]) -> String {
    let started = Instant::now();
    let mut stream = tcp.connect();
    // A server that has answered already may not read on.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => answer.extend(&buffer[..read]),
            ended => panic!("{ended:?} after {}", String::from_utf8_lossy(&answer)),
        }
    }
    assert!(started.elapsed() < SOON, "the answer took {:?}", started.elapsed());
    String::from_utf8(answer).expect("UTF-8")
}

/// Sends these bytes, and reads until the server closes.
fn exchange(tcp: Tcp, bytes: &[u8]) -> String {
    let mut stream = tcp.connect();
    let _ = stream.write_all(bytes);
    read_to_close(&mut stream)
}

/// Sends these bytes, tells that no more will come, and reads until the server closes.
fn break_off(tcp: Tcp, bytes: &[u8]) -> String {
    let mut stream = tcp.connect();
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    read_to_close(&mut stream)
}

fn read_to_close(stream: &mut TcpStream) -> String {
    let started = Instant::now();
    let mut answer = Vec::new();
    // A reset is a close, too.
    let _ = stream.read_to_end(&mut answer);
    assert!(started.elapsed() < SOON, "the connection stayed open for {:?}", started.elapsed());
    String::from_utf8_lossy(&answer).into_owned()
}

/// Chunks of this many bytes, and the last one.
pub fn chunks(body: &[u8], length: usize) -> Vec<u8> {
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    [body.chunks(length).map(chunk).collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat()
}

fn chunked(body: Vec<u8>) -> Request {
    Request { body, ..Request::new("POST", "/v1/recordings") }
        .header("Content-Type", "audio/mp4")
        .header("Transfer-Encoding", "chunked")
}

#[test]
fn a_body_in_chunks_comes_back_whole() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");

    for (body, length) in [(&b""[..], 1), (MEMO, 10), (MEMO, 4_096), (MEMO, MEMO.len()), (&noise(1_000_000), 70_000)] {
        let recording = ann.send(chunked(chunks(body, length))).expect(201).json();
        assert!(ann.audio(&id(&recording)) == body, "chunks of {length} bytes came back as others");
    }
    for body in [
        "06\r\nspeech\r\n0\r\n\r\n",
        "6;name=value;other=\"quoted\"\r\nspeech\r\n0\r\n\r\n",
        "1\r\ns\r\n5\r\npeech\r\n000\r\n\r\n",
        "6\r\nspeech\r\n0\r\nX-Trailer: value\r\n\r\n",
    ] {
        let recording = ann.send(chunked(body.into())).expect(201).json();
        assert_eq!(ann.audio(&id(&recording)), b"speech", "{body:?}");
    }
}

#[test]
fn a_form_may_arrive_in_pieces_of_any_length() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let content = b"\r\n--boundar\r\n\r\n--boundar-y--\r\r\n\n--\r\n-\r\n";

    for length in 1..=40 {
        let form = Form::of("boundary").text("name", "memo").file("\"memo.m4a\"", "audio/mp4", content).finished();
        let form = Request { body: chunks(&form.body, length), ..form };
        let recording = ann.send(form.header("Transfer-Encoding", "chunked")).expect(201).json();

        assert_eq!(recording["name"], "memo");
        assert_eq!(ann.audio(&id(&recording)), content, "in pieces of {length} bytes");
    }
}

#[test]
fn a_body_in_chunks_that_breaks_off_is_not_stored() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let head = upload(&ann, "Transfer-Encoding: chunked");

    for body in
        ["", "6", "6\r\n", "6\r\nspe", "6\r\nspeech", "6\r\nspeech\r\n", "6\r\nspeech\r\n0", "6\r\nspeech\r\n0\r\n"]
    {
        let answer = break_off(tcp, &[&head, body.as_bytes()].concat());
        refused_as_incomplete(&answer, body);
        assert!(ann.recordings().is_empty(), "{body:?}");
    }
    let large = chunks(&noise(1_000_000), 10_000);
    let answer = break_off(tcp, &[head, large[..large.len() - 5].to_vec()].concat());
    refused_as_incomplete(&answer, "a large body");
    assert!(ann.recordings().is_empty());
}

#[test]
fn a_body_in_broken_chunks_is_not_stored() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let head = upload(&ann, "Transfer-Encoding: chunked");

    for body in [
        "speech",
        "zz\r\nspeech\r\n0\r\n\r\n",
        "-6\r\nspeech\r\n0\r\n\r\n",
        "+6\r\nspeech\r\n0\r\n\r\n",
        "0x6\r\nspeech\r\n0\r\n\r\n",
        "6\r\nspeech0\r\n\r\n",
        "5\r\nspeech\r\n0\r\n\r\n",
        "7\r\nspeech\r\n0\r\n\r\n",
        "\r\n6\r\nspeech\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nspeech\r\n0\r\n\r\n",
    ] {
        let answer = break_off(tcp, &[&head, body.as_bytes()].concat());
        refused_as_incomplete(&answer, body);
        assert!(ann.recordings().is_empty(), "{body:?}");
    }
}

#[test]
fn a_body_shorter_than_announced_is_not_stored() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");

    for (announced, sent) in [(1, 0), (100, 99), (MEMO.len() + 1, MEMO.len()), (1_000_001, 1_000_000), (2_000_000, 10)]
    {
        let head = upload(&ann, &format!("Content-Length: {announced}"));
        let answer = break_off(tcp, &[head, noise(sent)].concat());
        refused_as_incomplete(&answer, &format!("{sent} of {announced} bytes"));
        assert!(ann.recordings().is_empty(), "{sent} of {announced} bytes");
    }
}

#[test]
fn a_form_shorter_than_announced_is_not_stored() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let form = Form::of("boundary").text("name", "memo").file("\"memo.m4a\"", "audio/mp4", MEMO).finished();
    let length = form.body.len();
    let framing = format!("Content-Type: multipart/form-data; boundary=boundary\r\nContent-Length: {length}");
    let head = head(&ann, "POST /v1/recordings", &framing);

    for missing in [10, 20, 1_000, length - 50, length - 1, length] {
        let answer = break_off(tcp, &[&head, &form.body[..length - missing]].concat());
        refused_as_incomplete(&answer, &format!("{missing} bytes missing"));
        assert!(ann.recordings().is_empty(), "{missing} bytes missing");
    }
}

#[test]
fn what_the_head_rules_out_is_refused_without_the_body() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let taken = fresh_ulid();
    let put = Request::new("PUT", format!("/v1/recordings/{taken}")).body("audio/mp4", MEMO);
    let _ = ann.send(put).expect(201);
    let close = "Connection: close\r\nContent-Length: 1000000";
    let nobody = "POST /v1/recordings HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";

    for (head, slug) in [
        (nobody.into(), "unauthenticated"),
        (head(&ann, "POST /v1/recordings", &format!("Content-Type: text/html\r\n{close}")), "unsupported-media-type"),
        (head(&ann, "POST /v1/recordings", &format!("Content-Encoding: gzip\r\n{close}")), "unsupported-media-type"),
        (head(&ann, "POST /v1/recordings", &format!("X-Recorded-At: now\r\n{close}")), "invalid-parameter"),
        (head(&ann, "POST /v1/recordings", &format!("Repr-Digest: sha-256\r\n{close}")), "invalid-parameter"),
        (head(&ann, "POST /v1/recordings?name=%0A", close), "invalid-name"),
        (head(&ann, "PUT /v1/recordings/memo", close), "invalid-id"),
        (head(&ann, &format!("PUT /v1/recordings/{taken}"), close), "recording-conflict"),
        (head(&ann, "PUT /v1/me", close), "method-not-allowed"),
        (head(&ann, "PUT /nothing", close), "not-found"),
    ] {
        let answer = problem_without_waiting(tcp, &head);
        assert!(answer.contains(&format!("/problems/{slug}")), "{slug}: {answer}");
    }
}

/// Otherwise whoever chooses a body could speak for whoever sends the next request (RFC 9112 section 11.2).
#[test]
fn the_body_of_a_refused_request_is_never_taken_for_a_request() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let smuggled = "GET /v1/smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    let framings =
        [format!("Content-Length: {}", smuggled.len()), "Transfer-Encoding: chunked".to_owned()].map(|framing| {
            let body = if framing.starts_with('C') {
                smuggled.to_owned()
            } else {
                String::from_utf8(chunks(smuggled.as_bytes(), 20)).expect("ASCII")
            };
            (framing, body)
        });
    let last = "GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

    for (framing, body) in &framings {
        for refused in [
            format!("POST /v1/recordings HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n").into_bytes(),
            head(&ann, "POST /v1/recordings", &format!("Content-Type: text/html\r\n{framing}")),
            head(&ann, "PUT /v1/recordings/memo", framing),
            head(&ann, "PUT /v1/me", framing),
            head(&ann, "GET /v1/me", framing),
            head(&ann, "DELETE /v1/recordings/memo", framing),
            head(&ann, "POST /nothing", framing),
        ] {
            let answer = exchange(tcp, &[&refused, body.as_bytes(), last.as_bytes()].concat());
            let answers = answer.matches("HTTP/1.1 ").count();
            let is_whole = answers == 1 || (answers == 2 && answer.contains("\"ready\""));
            assert!(is_whole, "{}\n{answer}", String::from_utf8_lossy(&refused));
        }
    }
}

#[test]
fn a_client_that_waits_for_leave_to_send_gets_it() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let expecting = format!("Expect: 100-continue\r\nContent-Length: {}", MEMO.len());
    let mut stream = tcp.connect();
    stream.write_all(&upload(&ann, &expecting)).expect("sent");

    let mut leave = [0; 25];
    stream.read_exact(&mut leave).expect("leave to send");
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(MEMO).expect("sent");

    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(ann.recordings().len(), 1);
}

#[test]
fn answers_without_a_body_have_none_on_the_wire() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let recording = format!("/v1/recordings/{}", id(&ann.upload(MEMO)));
    let last = b"GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

    for (request, extra) in [
        (format!("HEAD {recording}/audio"), "X: y"),
        (format!("HEAD {recording}/audio"), "Range: bytes=0-1"),
        (format!("HEAD {recording}"), "X: y"),
        ("HEAD /v1/recordings".to_owned(), "X: y"),
        ("HEAD /v1/nothing".to_owned(), "X: y"),
        ("HEAD /docs".to_owned(), "X: y"),
        (format!("GET {recording}"), "If-None-Match: *"),
        (format!("GET {recording}/audio"), "If-None-Match: *"),
        (format!("DELETE {recording}"), "X: y"),
    ] {
        let mut stream = tcp.connect();
        stream.write_all(&head(&ann, &request, extra)).expect("sent");
        let mut first = Vec::new();
        while !first.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{request}: {error}"));
            first.extend(byte);
        }
        stream.write_all(last).expect("sent");
        let mut second = String::new();
        stream.read_to_string(&mut second).expect("answered");
        assert!(second.starts_with("HTTP/1.1 200 OK"), "{request}: {second}");
    }
}

#[test]
fn requests_can_share_a_connection() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let framing = |length: usize| format!("Content-Type: audio/mp4\r\nContent-Length: {length}");
    let put = |body: &str| {
        [head(&ann, &format!("PUT /v1/recordings/{}", fresh_ulid()), &framing(body.len())), body.into()].concat()
    };
    let last = head(&ann, "GET /v1/recordings", "Connection: close");

    let answer = exchange(tcp, &[put("first"), put("second"), put(""), last].concat());

    let statuses: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["201", "201", "201", "200"], "{answer}");
    assert_eq!(ann.recordings().len(), 3);
    assert_eq!(tcp.send(&Request::new("GET", "/healthz")).status, 200);
}

/// A server may also close instead of answering somebody who has gone.
fn refused_as_incomplete(answer: &str, what: &str) {
    let is_told = answer.starts_with("HTTP/1.1 400") && answer.contains("/problems/incomplete-body");
    assert!(is_told || answer.is_empty(), "{what:?}: {answer}");
}
