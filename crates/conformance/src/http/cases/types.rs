//! Media types and encodings of what is uploaded.

use serde_json::Value;

use super::{
    fixtures::{FIXTURES, MEMO, fresh_ulid},
    user::{User, id},
};
use crate::http::{Client, Request};

/// Uploads without a `Content-Type`.
fn untyped(body: &[u8]) -> Request {
    Request { body: body.to_vec(), ..Request::new("POST", "/v1/recordings") }
}

fn typed(media_type: &str) -> Request {
    Request::new("POST", "/v1/recordings").body(media_type, MEMO)
}

fn media_type(ann: &User, upload: Request) -> Value {
    let recording = ann.send(upload).expect(201).json();
    let audio = ann.get(&format!("/v1/recordings/{}/audio", id(&recording))).expect(200);
    assert_eq!(audio.header("content-type"), recording["media_type"].as_str());
    recording["media_type"].clone()
}

pub fn bytes_of_no_told_type_are_looked_at(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for fixture in FIXTURES {
        let as_bytes = untyped(fixture.bytes).header("Content-Type", "application/octet-stream");
        assert_eq!(media_type(&ann, as_bytes), fixture.sniffed, "{}", fixture.file);
        assert_eq!(media_type(&ann, untyped(fixture.bytes)), fixture.sniffed, "{}", fixture.file);
    }
}

pub fn bytes_that_show_no_type_stay_bytes(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for bytes in ["", "RIFF", "hello", "\0\0\0\x1cftyp", "<html>"] {
        assert_eq!(media_type(&ann, untyped(bytes.as_bytes())), "application/octet-stream", "{bytes:?}");
    }
}

pub fn a_declared_type_is_kept_without_its_parameters(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (declared, kept) in [
        ("audio/webm;codecs=opus", "audio/webm"),
        ("Audio/WebM; codecs=\"opus\"", "audio/webm"),
        ("audio/mp4; codecs=mp4a.40.2", "audio/mp4"),
        ("audio/vnd.wave; codec=1", "audio/vnd.wave"),
        ("video/mp4", "video/mp4"),
        ("video/webm;codecs=vp8,opus", "video/webm"),
        ("audio/whatever+else", "audio/whatever+else"),
    ] {
        assert_eq!(media_type(&ann, typed(declared)), kept, "{declared}");
    }
}

pub fn what_is_no_recording_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let types = [
        "text/html",
        "text/plain; charset=utf-8",
        "application/json",
        "application/x-www-form-urlencoded",
        "image/svg+xml",
        "video/x-msvideo",
        "audio",
        "audio/",
        "/mp4",
        "audio/mp4, text/html",
        "audio/ mp4",
    ];

    ann.expect_all(types.map(|media_type| (typed(media_type), "415 unsupported-media-type")));
    let form = Request::new("PUT", format!("/v1/recordings/{}", fresh_ulid()));
    ann.expect_all([(form.body("multipart/form-data; boundary=x", "--x--\r\n"), "415 unsupported-media-type")]);

    assert!(ann.recordings().is_empty());
}

pub fn encoded_bodies_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let encoded = |encoding: &str| typed("audio/mp4").header("Content-Encoding", encoding);

    ann.expect_all(
        ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "aws-chunked"]
            .map(|encoding| (encoded(encoding), "415 unsupported-media-type")),
    );
    let put = Request { method: "PUT", target: format!("/v1/recordings/{}", fresh_ulid()), ..encoded("gzip") };
    ann.expect_all([(put, "415 unsupported-media-type")]);
    assert!(ann.recordings().is_empty());
    ann.expect_all([(encoded("identity"), "201"), (encoded("Identity"), "201")]);
}

pub fn every_line_of_encodings_counts(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let encoded = typed("audio/mp4").header("Content-Encoding", "identity").header("Content-Encoding", "gzip");

    ann.expect_all([(encoded, "415 unsupported-media-type")]);

    assert!(ann.recordings().is_empty());
}
