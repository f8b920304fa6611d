//! Media types and encodings of what is uploaded.

use serde_json::Value;

use super::{
    fixtures::{FIXTURES, MEMO, fresh_ulid},
    form::Form,
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

    for bytes in ["", "RIFF", "hello", "\0\0\0\x1cftyp", "<3"] {
        assert_eq!(media_type(&ann, untyped(bytes.as_bytes())), "application/octet-stream", "{bytes:?}");
    }
}

/// Bytes nothing is known of are kept: no recording is lost over its type.
pub fn a_declared_type_is_kept_where_the_bytes_show_none(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (declared, kept) in [
        ("audio/webm;codecs=opus", "audio/webm"),
        ("Audio/WebM; codecs=\"opus\"", "audio/webm"),
        ("audio/mp4; codecs=mp4a.40.2", "audio/mp4"),
        ("audio/x-m4a", "audio/mp4"),
        ("audio/vnd.wave; codec=1", "audio/wav"),
        ("audio/AMR-WB", "audio/amr-wb"),
        ("video/mp4", "video/mp4"),
        ("video/webm;codecs=vp8,opus", "video/webm"),
        ("audio/whatever+else", "audio/whatever+else"),
    ] {
        let upload = Request::new("POST", "/v1/recordings").body(declared, "speech");
        assert_eq!(media_type(&ann, upload), kept, "{declared}");
    }
}

/// What phones, browsers and libraries send with a recording.
pub fn whatever_recorders_declare_is_taken(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let declared = [
        "",
        "audio/*",
        "video/3gpp",
        "video/3gpp2",
        "video/quicktime",
        "video/ogg",
        "video/x-matroska",
        "video/mp4",
        "application/mp4",
        "application/ogg",
        "application/x-flac",
        "binary/octet-stream",
        "audio/mp4a-latm",
        "audio/mp4, audio/mp4",
        "audio/mp4;codecs=a, audio/x-m4a",
    ];

    for declared in declared {
        let form = Form::chrome().file("\"memo.m4a\"", declared, MEMO);
        for upload in [typed(declared), form.finished()] {
            assert_eq!(media_type(&ann, upload), "audio/mp4", "{declared}");
        }
    }
    assert_eq!(media_type(&ann, typed("audio/mp4").header("Content-Type", "audio/mp4")), "audio/mp4");
}

pub fn the_bytes_say_what_a_recording_is(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let files: [(&[u8], &str); 8] = [
        (b"#!AMR-WB\nspeech", "audio/amr-wb"),
        (b"RF64\xFF\xFF\xFF\xFFWAVEds64", "audio/wav"),
        (b"FORM\0\0\0\x2EAIFFCOMM", "audio/aiff"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (FIXTURES[0].bytes, "audio/mp4"),
        (FIXTURES[1].bytes, "audio/mp4"),
        (FIXTURES[2].bytes, "audio/webm"),
        (FIXTURES[7].bytes, "audio/3gpp"),
    ];

    for (bytes, expected) in files {
        for declared in ["application/octet-stream", "audio/x-wav", "video/mp4"] {
            let upload = Request::new("POST", "/v1/recordings").body(declared, bytes);
            assert_eq!(media_type(&ann, upload), expected, "{declared}");
            let form = Form::curl().file("\"x\"", declared, bytes).finished();
            assert_eq!(media_type(&ann, form), expected, "{declared} in a form");
        }
    }
}

/// A page of errors, or the wrong file: the recording is still where it was.
pub fn what_is_recognised_as_something_else_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let files: [&[u8]; 8] = [
        b"<!DOCTYPE html><title>502 Bad Gateway</title>",
        b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"%PDF-1.7\n",
        b"PK\x03\x04\x14\0",
        b"\x89PNG\r\n\x1A\n",
        b"\xFF\xD8\xFF\xE0",
        b"\x7FELF\x02\x01",
    ];

    for file in files {
        for declared in ["application/octet-stream", "audio/mp4"] {
            let put = Request::new("PUT", format!("/v1/recordings/{}", fresh_ulid())).body(declared, file);
            let post = Request::new("POST", "/v1/recordings").body(declared, file);
            let form = Form::chrome().file("\"memo.m4a\"", declared, file).finished();
            ann.expect_all([put, post, form].map(|upload| (upload, "415 unsupported-media-type")));
        }
    }

    assert!(ann.recordings().is_empty());
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
        "audio/mp4, audio/ogg",
        "*/*",
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
