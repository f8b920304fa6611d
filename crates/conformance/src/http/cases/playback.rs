//! Playing back and downloading: whole recordings, and what a client knows of them already.

use serde_json::json;

use super::{
    fixtures::{MEMO, digest, noise, sha256},
    user::{User, id},
};
use crate::http::{Client, Request};

/// A path that is the audio of a recording of the user.
fn upload(user: &User, body: &[u8]) -> String {
    format!("/v1/recordings/{}/audio", id(&user.upload(body)))
}

fn tag() -> String {
    format!("\"{}\"", sha256(MEMO))
}

pub fn audio_comes_whole_and_described(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let upload = Request::new("POST", "/v1/recordings?name=memo.m4a").body("audio/mp4", MEMO);
    let recording = ann.send(upload).expect(201).json();

    let audio = ann.get(&format!("/v1/recordings/{}/audio", id(&recording))).expect(200);

    assert!(audio.body == MEMO, "{} bytes came back as {}", MEMO.len(), audio.body.len());
    for (name, value) in [
        ("content-type", "audio/mp4"),
        ("content-length", &MEMO.len().to_string()),
        ("accept-ranges", "bytes"),
        ("etag", &tag()),
        ("repr-digest", &digest(MEMO)),
        ("content-disposition", "attachment; filename=\"memo.m4a\"; filename*=UTF-8''memo.m4a"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(audio.header(name), Some(value), "{name}");
    }
    assert_eq!(audio.header("content-range"), None);
}

pub fn audio_can_be_asked_for_its_head(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let targets = [upload(&ann, MEMO), upload(&ann, b""), upload(&ann, &noise(600_000))];

    for target in targets {
        let get = ann.get(&target).expect(200);
        for head in [Request::new("HEAD", &target), Request::new("HEAD", &target).header("Range", "bytes=0-1")] {
            let head = ann.send(head).expect(200);
            let is_of_all = |(name, _): &&(String, String)| name != "x-request-id" && name != "date";
            let [expected, found] =
                [&get, &head].map(|answer| answer.headers.iter().filter(is_of_all).collect::<Vec<_>>());
            assert_eq!(found.len(), expected.len(), "{found:?}, not {expected:?}");
            assert!(expected.iter().all(|header| found.contains(header)), "{found:?}, not {expected:?}");
        }
    }
}

pub fn an_empty_recording_plays_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann, b"");

    let audio = ann.get(&target).expect(200);

    assert_eq!(audio.header("content-length"), Some("0"));
    assert_eq!(audio.header("etag"), Some(&*format!("\"{}\"", sha256(b""))));
    for range in ["bytes=0-0", "bytes=0-", "bytes=0-1", "bytes=5-"] {
        let answer = ann.send(Request::new("GET", &target).header("Range", range));
        assert_eq!(answer.outcome(), "416 range-not-satisfiable", "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */0"), "{range}");
    }
}

pub fn audio_a_client_has_already_is_not_sent_again(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann, MEMO);
    let known = [tag(), format!("W/{}", tag()), format!("\"x\", {}", tag()), "*".to_owned()];

    for tags in known {
        for method in ["GET", "HEAD"] {
            let request = Request::new(method, &target).header("If-None-Match", &tags);
            for request in [request.clone(), request.header("Range", "bytes=0-1")] {
                let answer = ann.send(request).expect(304);
                assert_eq!(answer.header("etag"), Some(&*tag()), "{tags}");
                assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{tags}");
            }
        }
    }
    for tags in ["\"x\"", "\"r1\"", &sha256(MEMO), &tag().to_uppercase()] {
        let answer = ann.send(Request::new("GET", &target).header("If-None-Match", tags)).expect(200);
        assert_eq!(answer.body.len(), MEMO.len(), "{tags}");
    }
}

pub fn playing_can_depend_on_the_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann, MEMO);
    let play = |tags: &str| Request::new("GET", &target).header("If-Match", tags);

    ann.expect_all([
        (play(&tag()), "200"),
        (play(&format!("\"x\", {}", tag())), "200"),
        (play("*"), "200"),
        (play(&tag()).header("Range", "bytes=0-1"), "206"),
        (play("\"x\""), "412 precondition-failed"),
        (play(&format!("W/{}", tag())), "412 precondition-failed"),
        (play("\"x\"").header("Range", "bytes=0-1"), "412 precondition-failed"),
    ]);
}

/// RFC 9110 section 15.4.5: whoever has the bytes learns their new name.
pub fn audio_a_client_has_already_brings_its_new_name(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann, MEMO);
    let rename = Request::new("PATCH", target.trim_end_matches("/audio"));
    let _ = ann.send(rename.json(&json!({"name": "새 이름.m4a"}))).expect(200);

    let answer = ann.send(Request::new("GET", &target).header("If-None-Match", tag())).expect(304);

    let disposition = answer.header("content-disposition").expect("a name");
    assert!(disposition.ends_with("filename*=UTF-8''%EC%83%88%20%EC%9D%B4%EB%A6%84.m4a"), "{disposition}");
}

pub fn a_renamed_recording_keeps_its_bytes_and_their_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann, MEMO);
    let rename = Request::new("PATCH", target.trim_end_matches("/audio"));
    let _ = ann.send(rename.json(&json!({"name": "새 이름.m4a"}))).expect(200);

    let audio = ann.get(&target).expect(200);

    assert!(audio.body == MEMO, "it came back with other bytes");
    assert_eq!(audio.header("etag"), Some(&*tag()));
    let disposition = audio.header("content-disposition").expect("a name");
    assert!(disposition.ends_with("filename*=UTF-8''%EC%83%88%20%EC%9D%B4%EB%A6%84.m4a"), "{disposition}");
}
