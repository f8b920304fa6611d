//! How large a recording may be, and how much everybody has.

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tapebase_conformance::http::{
    Client as _, Request,
    cases::{
        Strict, User,
        fixtures::{fresh_ulid, noise},
        form::Form,
        user::id,
    },
};

use crate::{
    server::Server,
    wire::{chunks, head, problem_without_waiting},
};

const RECORDING: usize = 100_000;
const QUOTA: usize = 250_000;
const LIMITS: [(&str, &str); 2] = [("TAPEBASE_LIMITS__RECORDING", "100000"), ("TAPEBASE_LIMITS__QUOTA", "250000")];

/// The header lines of an upload without a length.
const CHUNKED: &str = "Content-Type: audio/mp4\r\nTransfer-Encoding: chunked";

/// The bytes that end a body in chunks.
const LAST_CHUNK: usize = "0\r\n\r\n".len();

/// Far less than any time-out of the server.
const SOON: Duration = Duration::from_secs(5);

fn post(length: usize) -> Request {
    Request::new("POST", "/v1/recordings").body("audio/mp4", noise(length))
}

fn form(length: usize) -> Request {
    Form::chrome().file("\"memo.m4a\"", "audio/mp4", noise(length)).finished()
}

/// An upload without a length of its own.
fn chunked(length: usize) -> Request {
    let request = Request { body: chunks(&noise(length), 30_000), ..Request::new("POST", "/v1/recordings") };
    request.header("Content-Type", "audio/mp4").header("Transfer-Encoding", "chunked")
}

/// The sizes of all recordings.
fn sizes(user: &User) -> Vec<usize> {
    let size = |recording: &Value| usize::try_from(recording["size"].as_u64().expect("a size")).expect("small");
    user.recordings().iter().map(size).collect()
}

#[test]
fn a_recording_of_the_largest_size_is_taken_and_no_larger_one() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);

    for upload in [post, form, chunked] {
        let ann = User::sign_up(&client, "ann");
        ann.expect_all([
            (upload(RECORDING + 1), "413 too-large"),
            (upload(QUOTA + 1), "413 too-large"),
            (upload(1_000_000), "413 too-large"),
        ]);
        assert!(ann.recordings().is_empty());
        ann.expect_all([(upload(RECORDING), "201")]);
    }
    assert_eq!(server.blobs(), 3);
}

#[test]
fn a_quota_is_filled_to_the_last_byte_and_no_further() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);

    for upload in [post, form, chunked] {
        let ann = User::sign_up(&client, "ann");
        ann.expect_all([
            (upload(RECORDING), "201"),
            (upload(RECORDING), "201"),
            (upload(50_001), "507 quota-exceeded"),
            (upload(RECORDING), "507 quota-exceeded"),
            (upload(50_000), "201"),
            (upload(1), "507 quota-exceeded"),
            (upload(0), "507 quota-exceeded"),
        ]);
        assert_eq!(sizes(&ann), [50_000, RECORDING, RECORDING]);
    }
    assert_eq!(server.blobs(), 3 * 3);
}

#[test]
fn what_is_too_much_is_refused_from_its_head_alone() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    for size in [RECORDING, RECORDING] {
        let _ = ann.send(post(size)).expect(201);
    }

    for (length, slug) in [
        ("100001", "too-large"),
        ("18446744073709551615", "too-large"),
        ("50001", "quota-exceeded"),
        ("100000", "quota-exceeded"),
    ] {
        for upload in ["POST /v1/recordings", &format!("PUT /v1/recordings/{}", fresh_ulid())] {
            let head = head(&ann, upload, &format!("Content-Type: audio/mp4\r\nContent-Length: {length}"));
            let answer = problem_without_waiting(tcp, &head);
            assert!(answer.contains(&format!("/problems/{slug}\"")), "{upload} of {length}: {answer}");
        }
    }
}

#[test]
fn what_turns_out_to_be_too_much_is_refused_while_it_still_comes() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let endless = || {
        let body = chunks(&noise(RECORDING + 1), 10_000);
        [&head(&ann, "POST /v1/recordings", CHUNKED), &body[..body.len() - LAST_CHUNK]].concat()
    };

    let answer = problem_without_waiting(tcp, &endless());
    assert!(answer.contains("/problems/too-large"), "{answer}");
    for size in [RECORDING, RECORDING] {
        let _ = ann.send(post(size)).expect(201);
    }
    let answer = problem_without_waiting(tcp, &endless());
    assert!(answer.contains("/problems/quota-exceeded"), "{answer}");

    assert_eq!(sizes(&ann).len(), 2);
    assert_eq!(server.blobs(), 2);
}

/// A client that is refused may take some time to notice, but not for ever.
#[test]
fn a_client_that_sends_on_after_it_was_refused_is_cut_off() {
    let impatience = [("TAPEBASE_TIMEOUTS__HEAD", "1s"), ("TAPEBASE_TIMEOUTS__KEEP_ALIVE", "1s")];
    let server = Server::start(&[&LIMITS[..], &impatience].concat());
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let chunk = chunks(&noise(10_000), 10_000);
    let chunk = &chunk[..chunk.len() - LAST_CHUNK];

    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000000000000"] {
        let mut stream = tcp.connect();
        stream.write_all(&head(&ann, "POST /v1/recordings", framing)).expect("sent");

        let started = Instant::now();
        while stream.write_all(chunk).is_ok() {
            assert!(started.elapsed() < SOON, "it is still read: {framing}");
        }
    }

    assert!(ann.recordings().is_empty());
}

#[test]
fn deleting_makes_room() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");
    let stored = [(), ()].map(|()| id(&ann.send(post(RECORDING)).expect(201).json()));
    ann.expect_all([(post(60_000), "507 quota-exceeded")]);

    ann.delete(&stored[0]);

    ann.expect_all([(post(60_000), "201"), (post(RECORDING), "507 quota-exceeded"), (post(90_000), "201")]);
    assert_eq!(server.blobs(), 3);
}

#[test]
fn a_quota_is_each_users_own() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let [ann, bob] = ["ann", "bob"].map(|name| User::sign_up(&client, name));

    for user in [&ann, &bob] {
        user.expect_all([(post(RECORDING), "201"), (post(RECORDING), "201"), (post(RECORDING), "507 quota-exceeded")]);
    }
}

#[test]
fn repeating_an_upload_takes_no_room() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");
    let id = fresh_ulid();
    let put = |length| Request { method: "PUT", target: format!("/v1/recordings/{id}"), ..post(length) };
    ann.expect_all([(put(RECORDING), "201"), (post(RECORDING), "201"), (post(50_000), "201")]);

    let mut another = put(RECORDING);
    another.body.reverse();

    ann.expect_all([
        (put(RECORDING), "200"),
        (another, "409 recording-conflict"),
        (put(RECORDING + 1), "409 recording-conflict"),
    ]);
    assert_eq!(server.blobs(), 3);
}

#[test]
fn uploads_at_once_fill_the_quota_and_no_more() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");

    let outcomes: Vec<String> = thread::scope(|scope| {
        let uploads = [post, form, chunked].into_iter().cycle().take(12);
        let ann = &ann;
        let uploads: Vec<_> = uploads.map(|upload| scope.spawn(move || ann.send(upload(50_000)).outcome())).collect();
        uploads.into_iter().map(|upload| upload.join().expect("answered")).collect()
    });

    let stored = outcomes.iter().filter(|outcome| *outcome == "201").count();
    let refused = outcomes.iter().filter(|outcome| *outcome == "507 quota-exceeded").count();
    assert_eq!((stored, refused), (5, 7), "{outcomes:?}");
    assert_eq!(sizes(&ann), [50_000; 5]);
    assert_eq!(server.blobs(), 5);
}

#[test]
fn one_id_uploaded_many_times_at_once_is_stored_once() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");
    let put = Request { method: "PUT", target: format!("/v1/recordings/{}", fresh_ulid()), ..post(20_000) };

    let mut outcomes: Vec<String> = thread::scope(|scope| {
        let uploads: Vec<_> = (0..8).map(|_| scope.spawn(|| ann.send(put.clone()).outcome())).collect();
        uploads.into_iter().map(|upload| upload.join().expect("answered")).collect()
    });

    outcomes.sort();
    assert_eq!(outcomes, ["200", "200", "200", "200", "200", "200", "200", "201"]);
    assert_eq!(sizes(&ann), [20_000]);
    assert_eq!(server.blobs(), 1);
}

#[test]
fn a_server_that_is_full_for_one_still_serves_them() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");
    let stored = [RECORDING, RECORDING, 50_000].map(|size| id(&ann.send(post(size)).expect(201).json()));
    ann.expect_all([(post(1), "507 quota-exceeded")]);

    for id in &stored {
        let target = format!("/v1/recordings/{id}");
        ann.expect_all([
            (Request::new("GET", format!("{target}/audio")), "200"),
            (Request::new("PATCH", &target).body("application/json", r#"{"name": "new"}"#), "200"),
        ]);
    }
    assert_eq!(client.send(&Request::new("GET", "/readyz")).outcome(), "200");
}

#[test]
fn somebody_has_so_many_recordings_and_no_more() {
    let server = Server::start(&[("TAPEBASE_LIMITS__RECORDINGS", "5"), ("TAPEBASE_LIMITS__UPLOADS", "2")]);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let (ann, bob) = (User::sign_up(&client, "ann"), User::sign_up(&client, "bob"));
    let announce = |size: usize| {
        let announced = serde_json::json!({"size": size, "sha256": "0".repeat(64), "media_type": "audio/mp4"});
        Request::new("POST", "/v1/direct").json(&announced)
    };

    let outcomes: Vec<String> = thread::scope(|scope| {
        let ann = &ann;
        let uploads: Vec<_> = (0..8).map(|_| scope.spawn(move || ann.send(announce(0)).outcome())).collect();
        uploads.into_iter().map(|upload| upload.join().expect("answered")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "201").count(), 2);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "507 too-many-uploads").count(), 6);
    let outcomes: Vec<String> = thread::scope(|scope| {
        let ann = &ann;
        let uploads: Vec<_> = (0..8).map(|_| scope.spawn(move || ann.send(post(0)).outcome())).collect();
        uploads.into_iter().map(|upload| upload.join().expect("answered")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "201").count(), 3);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "507 too-many-recordings").count(), 5);

    ann.expect_all([(form(0), "507 too-many-recordings"), (chunked(0), "507 too-many-recordings")]);
    bob.expect_all([(post(0), "201")]);
    let me = ann.read("/v1/me");
    assert_eq!((&me["usage"]["recordings"], &me["usage"]["uploads"]), (&3.into(), &2.into()));
    assert_eq!((&me["limits"]["recordings"], &me["limits"]["uploads"]), (&5.into(), &2.into()));
    ann.delete(&id(&ann.recordings()[0]));
    ann.expect_all([(post(0), "201"), (post(0), "507 too-many-recordings")]);
}

#[test]
fn recordings_without_bytes_use_up_the_quota() {
    let server = Server::start(&LIMITS);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let ann = User::sign_up(&client, "ann");

    let stored = (0..100).take_while(|_| ann.send(post(0)).outcome() == "201").count();

    assert_eq!(stored, QUOTA / 4_096);
    ann.expect_all([(post(0), "507 quota-exceeded"), (post(1), "507 quota-exceeded")]);
}

#[test]
fn the_session_used_least_recently_ends_for_one_more() {
    let server = Server::start(&[("TAPEBASE_LIMITS__SESSIONS", "3")]);
    let tcp = server.tcp();
    let client = Strict(&tcp);
    let first = User::sign_up(&client, "ann");
    let others = [first.log_in_again(), first.log_in_again()];
    assert_eq!(first.get("/v1/me").outcome(), "200");

    let fourth = first.log_in_again();

    assert_eq!(first.get("/v1/me").outcome(), "401 invalid-token");
    for open in others.iter().chain([&fourth]) {
        assert_eq!(open.get("/v1/me").outcome(), "200");
    }
    assert_eq!(fourth.read("/v1/me")["usage"]["sessions"], 3);
    let many: Vec<u16> = thread::scope(|scope| {
        let logins: Vec<_> = (0..4).map(|_| scope.spawn(|| fourth.log_in_again().get("/readyz").status)).collect();
        logins.into_iter().map(|login| login.join().expect("answered")).collect()
    });
    assert_eq!(many, [200; 4]);
    let newest = User::log_in(&client, &fourth.email, tapebase_conformance::http::cases::user::PASSWORD);
    assert_eq!(newest.read("/v1/me/sessions")["items"].as_array().expect("a list").len(), 3);
}
