//! Uploading with forms, as browsers, `curl -F` and the HTTP libraries of apps send them.

use serde_json::Value;

use super::{
    fixtures::{FIXTURES, MEMO, digest, noise, sha256},
    form::Form,
    user::{User, id},
};
use crate::{
    http::{Client, Request},
    samples::local,
};

fn uploaded(ann: &User, form: Request) -> Value {
    let answer = ann.send(form).expect(201);
    let recording = answer.json();
    assert_eq!(answer.header("location"), Some(&*format!("/v1/recordings/{}", id(&recording))));
    recording
}

pub fn forms_of_browsers_and_curl_are_taken(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for form in [Form::chrome(), Form::firefox(), Form::curl()] {
        let form = form.text("name", "회의록 3.m4a").text("recorded_at", "2026-11-23T20:59:30+09:00").file(
            "\"memo.m4a\"",
            "audio/x-m4a",
            MEMO,
        );
        let recording = uploaded(&ann, form.finished());

        assert_eq!(recording["name"], "회의록 3.m4a");
        assert_eq!(recording["media_type"], "audio/mp4");
        assert_eq!(recording["sha256"], sha256(MEMO));
        let recorded_at = local(recording["recorded_at"].as_str().expect("a time"));
        let expected = local("2026-11-23T20:59:30+09:00");
        assert_eq!((recorded_at, recorded_at.offset()), (expected, expected.offset()));
        assert_eq!(ann.audio(&id(&recording)), MEMO);
    }
}

/// Whatever RFC 7578 and RFC 2046 leave open, some library makes use of.
pub fn forms_of_http_libraries_are_taken(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let ok_http = Form::of("c9f3b7e2-5d1a-4c60-8f7e-2b9a1d3c5e70").part(
        "Content-Disposition: form-data; name=\"file\"; filename=\"memo.m4a\"\r\nContent-Type: audio/mp4\r\n\
         Content-Length: 24895",
        MEMO,
    );
    let dart = Form::of("dart-http-boundary-+_.Zq0Jx3vN5bT7mKcR8wLyPd2HfGs4")
        .part("content-type: audio/mp4\r\ncontent-disposition: form-data; name=\"file\"; filename=\"memo.m4a\"", MEMO);
    let dot_net = Form::announced("multipart/form-data; boundary=\"0f8b 6e1d\"", "0f8b 6e1d").part(
        "Content-Type: audio/mp4\r\n\
         Content-Disposition: form-data; name=file; filename=memo.m4a; filename*=utf-8''memo.m4a",
        MEMO,
    );
    let requests = Form::announced("Multipart/Form-Data; charset=utf-8; Boundary=4a1f0c", "4a1f0c")
        .part("Content-Disposition: form-data; name=\"file\"; filename=\"memo.m4a\"", MEMO);
    let retrofit = Form::of("x").part(
        "Content-Disposition: form-data; name=\"audio\"; filename=\"memo.m4a\"\r\n\
         Content-Transfer-Encoding: binary\r\nContent-Type: audio/mp4",
        MEMO,
    );

    for form in [ok_http, dart, dot_net, requests, retrofit] {
        let recording = uploaded(&ann, form.finished());

        assert_eq!((&recording["name"], &recording["media_type"]), (&"memo.m4a".into(), &"audio/mp4".into()));
        assert_eq!(ann.audio(&id(&recording)), MEMO);
    }
}

pub fn a_form_may_have_a_preamble_and_an_epilogue(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let preamble = Form::of("x");
    let whole = preamble.file("\"memo.m4a\"", "audio/mp4", MEMO).ending("--x--\r\nIgnore this, too.\r\n");
    let request = Request { body: [b"Ignore this.\r\n", &*whole.body].concat(), ..whole };

    assert_eq!(ann.audio(&id(&uploaded(&ann, request))), MEMO);
}

pub fn a_form_may_end_without_a_line_break(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let recording = uploaded(&ann, Form::of("x").file("\"memo.m4a\"", "audio/mp4", MEMO).ending("--x--"));

    assert_eq!(ann.audio(&id(&recording)), MEMO);
}

pub fn a_file_may_look_like_a_form(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let contents: [&[u8]; 11] = [
        b"",
        b"\r",
        b"\n",
        b"\r\n",
        b"-",
        b"--",
        b"\r\n--",
        b"\r\n--boundar",
        b"\r\n--boundarx\r\n",
        b"\r\n\r\n--boundar\r\n--\r\n-\r\n",
        b"Content-Type: text/html\r\n\r\n<html>",
    ];
    let mut long = noise(300_000);
    for at in (0..long.len() - 20).step_by(997) {
        long[at..at + 12].copy_from_slice(b"\r\n--boundar-");
    }

    for content in contents.into_iter().chain([&*long]) {
        let stored = ann.send(Form::of("boundary").file("\"a\"", "audio/mp4", content).finished());
        assert_eq!(stored.status, 201, "{:?}: {stored:?}", String::from_utf8_lossy(&content[..content.len().min(40)]));
        let recording = stored.json();
        assert!(
            ann.audio(&id(&recording)) == content,
            "{:?} came back as something else",
            &content[..content.len().min(40)]
        );
    }
}

pub fn large_files_come_whole_out_of_a_form(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let body = noise(3_000_001);

    let recording = uploaded(&ann, Form::chrome().file("\"a.m4a\"", "audio/mp4", &body).finished());

    assert_eq!(recording["sha256"], sha256(&body));
    assert!(ann.audio(&id(&recording)) == body, "it came back with other bytes");
}

pub fn files_of_no_told_type_are_looked_at(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for fixture in FIXTURES {
        let as_bytes = Form::curl().file("\"x\"", "application/octet-stream", fixture.bytes);
        let untyped = Form::curl().part("Content-Disposition: form-data; name=\"file\"; filename=\"x\"", fixture.bytes);
        for form in [as_bytes, untyped] {
            assert_eq!(uploaded(&ann, form.finished())["media_type"], fixture.sniffed, "{}", fixture.file);
        }
    }
}

pub fn a_file_that_is_no_recording_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let forms = ["text/html", "image/png", "nonsense"].map(|media_type| {
        (Form::chrome().file("\"a.html\"", media_type, "<html>").finished(), "415 unsupported-media-type")
    });
    ann.expect_all(forms);

    assert!(ann.recordings().is_empty());
}

pub fn an_encoded_form_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let form = Form::chrome().file("\"memo.m4a\"", "audio/mp4", MEMO).finished();

    ann.expect_all([(form.header("Content-Encoding", "gzip"), "415 unsupported-media-type")]);

    assert!(ann.recordings().is_empty());
}

pub fn an_encoded_file_in_a_form_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let headers = "Content-Disposition: form-data; name=\"file\"; filename=\"memo.m4a\"\r\nContent-Encoding: gzip";

    ann.expect_all([(Form::chrome().part(headers, MEMO).finished(), "415 unsupported-media-type")]);

    assert!(ann.recordings().is_empty());
}

pub fn the_time_of_recording_may_be_in_a_field_or_the_head(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let field = "2026-11-23T09:30:00+09:00";
    let header = "2020-02-29T00:00:00-03:00";
    let file = |form: Form| form.file("\"memo.m4a\"", "audio/mp4", MEMO).finished();

    for (form, expected) in [
        (file(Form::chrome().text("recorded_at", field)), field),
        (file(Form::chrome()).header("X-Recorded-At", header), header),
        (file(Form::chrome().text("recorded_at", field)).header("X-Recorded-At", header), field),
    ] {
        let recording = uploaded(&ann, form);
        let recorded_at = local(recording["recorded_at"].as_str().expect("a time"));
        assert_eq!((recorded_at, recorded_at.offset()), (local(expected), local(expected).offset()));
    }
}

pub fn the_length_may_be_in_a_field_or_the_query(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let field =
        |text: &str| Form::chrome().text("client_duration_ms", text).file("\"file\"", "audio/mp4", MEMO).finished();

    assert_eq!(uploaded(&ann, field("3120"))["client_duration_ms"], 3_120);
    let with_query = Request { target: "/v1/recordings?client_duration_ms=7".to_owned(), ..field("3120") };
    assert_eq!(uploaded(&ann, with_query)["client_duration_ms"], 7);
    ann.expect_all([(field("long"), "400 invalid-parameter")]);
}

pub fn the_name_field_wins_over_the_files_and_the_querys_over_both(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let form = || Form::chrome().text("name", "field").file("\"file\"", "audio/mp4", MEMO).finished();

    assert_eq!(uploaded(&ann, form())["name"], "field");
    let with_query = Request { target: "/v1/recordings?name=query".to_owned(), ..form() };
    assert_eq!(uploaded(&ann, with_query)["name"], "query");
}

pub fn fields_nobody_knows_are_ignored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let form = Form::chrome().text("csrf", "x").text("file", "").text("", "y").file("\"memo.m4a\"", "audio/mp4", MEMO);

    assert_eq!(uploaded(&ann, form.finished())["name"], "memo.m4a");
}

pub fn a_digest_in_the_files_part_is_checked(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let form = |value: String| {
        let headers = "Content-Disposition: form-data; name=\"file\"; filename=\"memo.m4a\"\r\nContent-Type: audio/mp4";
        Form::chrome().part(&format!("{headers}\r\nRepr-Digest: {value}"), MEMO).finished()
    };

    ann.expect_all([
        (form(digest(b"other")), "400 digest-mismatch"),
        (form("sha-256".to_owned()), "400 invalid-parameter"),
    ]);
    assert!(ann.recordings().is_empty());
    ann.expect_all([(form(digest(MEMO)), "201")]);
}

/// It would be the digest of the form, and nobody has that.
pub fn a_digest_of_a_whole_form_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for name in ["Repr-Digest", "Content-Digest"] {
        let form = Form::chrome().file("\"memo.m4a\"", "audio/mp4", MEMO).finished();
        ann.expect_all([(form.header(name, digest(MEMO)), "400 invalid-parameter")]);
    }

    assert!(ann.recordings().is_empty());
}

/// Wherever that is: only the last line break may be missing.
pub fn a_form_that_breaks_off_is_not_stored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let whole = Form::of("boundary").text("name", "memo").file("\"memo.m4a\"", "audio/mp4", "speech\r\n--").finished();
    let cut = |length: usize| Request { body: whole.body[..length].to_vec(), ..whole.clone() };

    ann.expect_all((0..whole.body.len() - "-\r\n".len()).map(|length| (cut(length), "400 incomplete-body")));

    assert!(ann.recordings().is_empty());
}

pub fn a_form_without_its_end_is_not_stored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let [small, large] = [MEMO, &noise(600_000)].map(|body| {
        let form = || Form::of("boundary").file("\"memo.m4a\"", "audio/mp4", body);
        [form().unfinished(), form().ending("--boundary\r\n"), form().ending("--another--\r\n")]
    });

    ann.expect_all(small.into_iter().chain(large).map(|form| (form, "400 incomplete-body")));

    assert!(ann.recordings().is_empty());
}

/// The second would be lost in silence, and sending both again helps nobody.
pub fn a_form_with_two_files_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let two = Form::chrome().file("\"a.m4a\"", "audio/mp4", "first").file("\"b.m4a\"", "audio/mp4", "second");

    ann.expect_all([(two.finished(), "400 invalid-body")]);

    assert!(ann.recordings().is_empty());
}

pub fn fields_may_follow_the_file(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let file = |form: Form| form.file("\"a.m4a\"", "audio/mp4", MEMO);

    let late = file(Form::chrome().text("client_duration_ms", "3120"))
        .text("name", "Interview with Ann")
        .text("recorded_at", "2026-11-23T20:59:30+09:00")
        .text("client_duration_ms", "3120")
        .text("csrf", "x");
    let recording = uploaded(&ann, late.finished());

    assert_eq!(recording["name"], "Interview with Ann");
    assert_eq!(recording["client_duration_ms"], 3_120);
    assert_eq!(local(recording["recorded_at"].as_str().expect("a time")), local("2026-11-23T20:59:30+09:00"));
    assert_eq!(ann.audio(&id(&recording)), MEMO);
    assert_eq!(ann.recordings(), [recording]);
}

/// One of them would be lost in silence.
pub fn fields_that_contradict_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let file = |form: Form| form.file("\"a.m4a\"", "audio/mp4", MEMO);
    let time = "2026-11-23T20:59:30Z";

    let forms = [
        file(Form::chrome().text("name", "a")).text("name", "b"),
        file(Form::chrome().text("name", "a").text("name", "b")),
        file(Form::chrome()).text("name", "a").text("name", "b"),
        file(Form::chrome().text("recorded_at", time)).text("recorded_at", "2026-11-24T00:00:00Z"),
        file(Form::chrome()).text("recorded_at", "yesterday"),
        file(Form::chrome()).text("name", "two\r\nlines"),
    ];
    ann.expect_all(forms.map(|form| (form.finished(), "400 invalid-body")));

    assert!(ann.recordings().is_empty());
    ann.expect_all([(file(Form::chrome().text("name", "a")).text("name", "a").finished(), "201")]);
}

/// The field that breaks off may be the one that says it is over.
pub fn a_form_that_breaks_off_behind_the_file_is_not_stored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let whole = Form::of("boundary").file("\"memo.m4a\"", "audio/mp4", "speech").text("name", "memo").finished();
    let from = whole.body.windows(6).position(|bytes| bytes == b"speech").expect("it is there");
    let cut = |length: usize| Request { body: whole.body[..length].to_vec(), ..whole.clone() };

    ann.expect_all((from..whole.body.len() - "-\r\n".len()).map(|length| (cut(length), "400 incomplete-body")));

    assert!(ann.recordings().is_empty());
}

/// RFC 7578 section 4.2: the name of a file may be missing.
pub fn a_file_without_a_name_is_the_recording(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let part = |field: &str, headers: &str| {
        Form::chrome()
            .part("Content-Disposition: form-data; name=\"name\"\r\nContent-Type: text/plain; charset=utf-8", "memo")
            .part("Content-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json", "{}")
            .part(&format!("Content-Disposition: form-data; name=\"{field}\"\r\n{headers}"), MEMO)
            .finished()
    };

    for headers in [
        "Content-Type: audio/mp4",
        "Content-Type: application/octet-stream",
        "Content-Type: video/3gpp",
        "content-type: Audio/*",
    ] {
        for field in ["file", "audio", "upload"] {
            let recording = uploaded(&ann, part(field, headers));
            assert_eq!((&recording["name"], &recording["media_type"]), (&"memo".into(), &"audio/mp4".into()));
            assert_eq!(ann.audio(&id(&recording)), MEMO);
        }
    }
    let blob = Form::chrome().file("\"\"", "audio/mp4", MEMO).finished();
    assert_eq!(ann.audio(&id(&uploaded(&ann, blob))), MEMO);
}

/// RFC 7578 section 4.7: they say that nothing was done to the bytes.
pub fn a_transfer_encoding_that_is_none_means_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let form = |encoding: &str| {
        let text = format!("Content-Disposition: form-data; name=\"name\"\r\nContent-Transfer-Encoding: {encoding}");
        let headers = format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Transfer-Encoding: {encoding}"
        );
        Form::chrome().part(&text, "memo").part(&headers, MEMO).finished()
    };

    for encoding in ["7bit", "8bit", "binary", "8BIT", ""] {
        let recording = uploaded(&ann, form(encoding));
        assert_eq!(recording["name"], "memo");
        assert_eq!(ann.audio(&id(&recording)), MEMO);
    }
    ann.expect_all(["base64", "quoted-printable"].map(|encoding| (form(encoding), "415 unsupported-media-type")));
}

/// As forms of browsers have them where nothing was filled in.
pub fn empty_fields_say_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let empty = |form: Form| form.text("name", "").text("recorded_at", "").text("client_duration_ms", "");

    let form = empty(empty(Form::chrome()).file("\"memo.m4a\"", "audio/mp4", MEMO));
    let recording = uploaded(&ann, form.finished());

    assert_eq!((&recording["name"], recording.get("client_duration_ms")), (&"memo.m4a".into(), None));
}

pub fn a_form_without_a_file_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    ann.expect_all([
        (Form::chrome().finished(), "400 invalid-body"),
        (Form::chrome().text("name", "memo").finished(), "400 invalid-body"),
        (
            Form::chrome().text("name", "memo").text("recorded_at", "2026-11-23T20:59:30Z").finished(),
            "400 invalid-body",
        ),
        (Form::chrome().part("Content-Disposition: form-data; name=\"file\"", MEMO).finished(), "413 too-large"),
    ]);

    assert!(ann.recordings().is_empty());
}

/// A browser sends an empty file without a name then.
pub fn a_form_in_which_no_file_was_chosen_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let unchosen = |form: Form| form.file("\"\"", "application/octet-stream", "").finished();

    ann.expect_all([
        (unchosen(Form::chrome()), "400 invalid-body"),
        (unchosen(Form::chrome().text("name", "memo")), "400 invalid-body"),
    ]);

    assert!(ann.recordings().is_empty());
}

pub fn a_form_with_bad_fields_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let with = |name: &str, value: &str| Form::chrome().text(name, value).file("\"a\"", "audio/mp4", MEMO).finished();
    let not_utf8 = Form::chrome().part("Content-Disposition: form-data; name=\"name\"", b"\xFF.m4a");

    ann.expect_all([
        (with("name", "two\r\nlines"), "400 invalid-name"),
        (with("name", &"x".repeat(1_501)), "400 invalid-name"),
        (with("name", &"x".repeat(20_000)), "413 too-large"),
        (with("recorded_at", "2026-11-23T20:59"), "400 invalid-parameter"),
        (not_utf8.file("\"a\"", "audio/mp4", MEMO).finished(), "400 invalid-body"),
    ]);

    assert!(ann.recordings().is_empty());
}

pub fn a_form_that_is_no_form_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let announced = |content_type: &str| Form::announced(content_type, "x").file("\"a\"", "audio/mp4", MEMO).finished();
    let many = (0..100).fold(Form::of("x"), |form, index| form.text(&format!("field{index}"), ""));

    ann.expect_all([
        (announced("multipart/form-data"), "400 invalid-body"),
        (announced("multipart/form-data; boundary="), "400 invalid-body"),
        (announced("multipart/mixed; boundary=x"), "415 unsupported-media-type"),
        (Form::of("x").part("Content-Type: audio/mp4", MEMO).finished(), "400 invalid-body"),
        (Form::of("x").part("Content-Disposition: attachment; filename=\"a\"", MEMO).finished(), "400 invalid-body"),
        (many.file("\"a\"", "audio/mp4", MEMO).finished(), "400 invalid-body"),
    ]);

    assert!(ann.recordings().is_empty());
}
