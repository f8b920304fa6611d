//! Names of recordings: byte for byte as they were sent, however they are sent.

use serde_json::json;

use super::{
    fixtures::{MEMO, fresh_ulid, percent_encoded},
    form::Form,
    user::{User, id},
};
use crate::http::{Client, Request, Response};

/// Names that have broken other programs.
pub fn names() -> Vec<String> {
    let names = [
        "회의록 3.m4a",
        "\u{1112}\u{116c}\u{110b}\u{1174}\u{1105}\u{1169}\u{11a8} 3.m4a",
        "caf\u{e9}.m4a",
        "cafe\u{301}.m4a",
        "\u{212b}ngstr\u{f6}m.m4a",
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "/",
        "C:\\Users\\Ann\\memo.m4a",
        "\\\\server\\share",
        "a;b \"c\".m4a",
        "100%.m4a",
        "100%25.m4a",
        "%2e%2e%2fmemo.m4a",
        "UTF-8''memo.m4a",
        "🎙️ 👩‍👩‍👧 🇰🇷.m4a",
        "it's *really* (1) = a+b & c?#~.m4a",
        "<script>alert(1)</script>.m4a",
        "'; DROP TABLE recordings; --",
        " ",
        " memo ",
        "memo.",
        "\u{202e}a4m.omem",
        "a\u{a0}b\u{200b}c\u{feff}.m4a",
        "\u{10ffff}",
        "CON",
        "null",
    ];
    let (ascii, hangul) = (format!("{}.m4a", "x".repeat(296)), format!("{}.m4a", "가".repeat(296)));
    let (longest, decomposed) = ("힣".repeat(500), "\u{1112}\u{1175}\u{11c2}".repeat(300));
    names.map(str::to_owned).into_iter().chain([ascii, hangul, longest, decomposed, "x".repeat(1_500)]).collect()
}

/// Names nobody can have.
fn impossible_names() -> Vec<String> {
    let names = ["a\0b.m4a", "two\nlines", "two\r\nlines: yes", "tab\t", "\u{1b}[2J", "\u{7f}", "\u{85}", "\u{9f}"];
    let too_long = ["x".repeat(1_501), "힣".repeat(501), "\u{1112}\u{1175}\u{11c2}".repeat(501)];
    names.map(str::to_owned).into_iter().chain(too_long).collect()
}

/// Uploads under every name in turn, and looks for each wherever names are shown.
fn every_name_comes_back(client: &dyn Client, upload: impl Fn(&User, &str) -> Response) {
    let ann = User::sign_up(client, "ann");
    let names = names();

    for name in &names {
        let uploaded = upload(&ann, name);
        assert!(matches!(uploaded.status, 200 | 201), "{name:?}: {uploaded:?}");
        let recording = uploaded.json();
        assert_eq!(recording["name"], **name);
        let target = format!("/v1/recordings/{}", id(&recording));
        assert_eq!(ann.read(&target)["name"], **name);
        let audio = ann.get(&format!("{target}/audio")).expect(200);
        assert_eq!(percent_decoded(extended_name(&audio)).as_deref(), Some(&**name), "{audio:?}");
    }

    let listed: Vec<String> =
        ann.recordings().iter().rev().map(|recording| recording["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(listed, names);
}

/// The `filename*` of a download.
fn extended_name(audio: &Response) -> &str {
    let disposition = audio.header("content-disposition").expect("a name");
    let extended = disposition.split_once("; filename*=UTF-8''").map(|(_, encoded)| encoded);
    extended.unwrap_or_else(|| panic!("{disposition}"))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = match first {
            b'%' => (u8::from_str_radix(std::str::from_utf8(tail.get(..2)?).ok()?, 16).ok()?, &tail[2..]),
            _ => (*first, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

fn post(body: &[u8]) -> Request {
    Request::new("POST", "/v1/recordings").body("audio/mp4", body)
}

fn post_under(name: &str) -> Request {
    Request { target: format!("/v1/recordings?name={}", percent_encoded(name)), ..post(MEMO) }
}

fn extended(name: &str) -> String {
    format!("attachment; filename=\"memo.m4a\"; filename*=UTF-8''{}", percent_encoded(name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

pub fn names_in_the_query_come_back(client: &dyn Client) {
    every_name_comes_back(client, |ann, name| ann.send(post_under(name)));
}

pub fn names_in_content_disposition_come_back(client: &dyn Client) {
    every_name_comes_back(client, |ann, name| {
        let upload = Request::new("PUT", format!("/v1/recordings/{}", fresh_ulid())).body("audio/mp4", MEMO);
        ann.send(upload.header("Content-Disposition", extended(name)))
    });
}

pub fn names_of_files_in_forms_come_back(client: &dyn Client) {
    every_name_comes_back(client, |ann, name| ann.send(Form::curl().file(&quoted(name), "audio/mp4", MEMO).finished()));
}

pub fn names_in_fields_of_forms_come_back(client: &dyn Client) {
    every_name_comes_back(client, |ann, name| {
        ann.send(Form::chrome().text("name", name).file("\"memo.m4a\"", "audio/mp4", MEMO).finished())
    });
}

pub fn new_names_come_back(client: &dyn Client) {
    every_name_comes_back(client, |ann, name| {
        let target = format!("/v1/recordings/{}", id(&ann.upload(MEMO)));
        ann.send(Request::new("PATCH", target).json(&json!({"name": name})))
    });
}

/// Browsers write `"` as `%22` in the name of a file, and nothing else so (HTML, "multipart/form-data
/// encoding algorithm").
pub fn a_quotation_mark_in_a_browsers_form_is_one(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let form = Form::chrome().file("\"a;b %22c%22 100% %41.m4a\"", "audio/mp4", MEMO);
    let recording = ann.send(form.finished()).expect(201).json();

    assert_eq!(recording["name"], "a;b \"c\" 100% %41.m4a");
}

pub fn a_plain_file_name_in_content_disposition_is_the_name(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (disposition, name) in [
        ("attachment; filename=\"memo 3.m4a\"", "memo 3.m4a"),
        ("attachment; filename=memo.m4a", "memo.m4a"),
        ("inline; filename=\"a;b \\\"c\\\".m4a\"", "a;b \"c\".m4a"),
        ("attachment; filename=\"회의록 3.m4a\"", "회의록 3.m4a"),
        ("ATTACHMENT; FILENAME=\"memo.m4a\"", "memo.m4a"),
        ("attachment; filename*=utf-8'ko'%ED%9A%8C.m4a; filename=\"x.m4a\"", "회.m4a"),
    ] {
        let recording = ann.send(post(MEMO).header("Content-Disposition", disposition)).expect(201).json();
        assert_eq!(recording["name"], name, "{disposition}");
    }
}

pub fn the_name_in_the_query_wins_over_the_one_in_the_header(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let upload = post_under("query").header("Content-Disposition", extended("header"));

    assert_eq!(ann.send(upload).expect(201).json()["name"], "query");
}

pub fn what_cannot_be_a_name_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = format!("/v1/recordings/{}", id(&ann.upload(MEMO)));
    let before = ann.read(&target);

    for name in impossible_names() {
        ann.expect_all([
            (post_under(&name), "400 invalid-name"),
            (Form::chrome().text("name", &name).file("\"a\"", "audio/mp4", MEMO).finished(), "400 invalid-name"),
            (Request::new("PATCH", &target).json(&json!({"name": name})), "400 invalid-name"),
        ]);
    }
    ann.expect_all([(Request::new("PATCH", &target).json(&json!({"name": ""})), "400 invalid-name")]);

    assert_eq!(ann.recordings(), [before]);
}

/// RFC 6266 section 4.3: the recording is kept, and called by its time.
pub fn a_name_in_a_header_that_cannot_be_one_is_passed_over(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let dispositions = [
        "nonsense",
        ";;;=",
        "attachment; filename=",
        "attachment; filename=\"\"",
        "attachment; filename*=UTF-8''%FF.m4a",
        "attachment; filename*=koi8-r''%C1.m4a",
        "attachment; filename*=memo.m4a",
        "attachment; filename*=UTF-8''two%0Alines",
    ];
    let names = impossible_names();
    let dispositions = dispositions
        .map(str::to_owned)
        .into_iter()
        .chain(names.iter().map(|name| format!("attachment; filename*=UTF-8''{}", percent_encoded(name))));
    let recorded = |upload: Request| upload.header("X-Recorded-At", "2026-11-23T20:59:30+09:00");

    for disposition in dispositions {
        let upload = recorded(post(MEMO)).header("Content-Disposition", &disposition);
        assert_eq!(ann.send(upload).expect(201).json()["name"], "Recording 2026-11-23 20.59.30.m4a", "{disposition}");
        let file = format!("Content-Disposition: {}", disposition.replace("attachment", "form-data; name=\"file\""));
        if file.contains("form-data") {
            let form = Form::chrome().part(&format!("{file}\r\nContent-Type: audio/mp4"), MEMO).finished();
            assert_eq!(
                ann.send(recorded(form)).expect(201).json()["name"],
                "Recording 2026-11-23 20.59.30.m4a",
                "{file}"
            );
        }
    }
    let latin = b"Content-Disposition: form-data; name=\"file\"; filename=\"caf\xE9.m4a\"\r\nContent-Type: audio/mp4";
    let _ = ann.send(Form::chrome().raw_part(latin, MEMO).finished()).expect(201);
}

/// Each writes backslashes, quotation marks and what is not ASCII in a way of its own.
pub fn names_of_files_come_back_however_libraries_write_them(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (disposition, name) in [
        (r#"filename="C:\Users\Ann\memo.m4a""#, r"C:\Users\Ann\memo.m4a"),
        (r#"filename="C:\\Users\\a \"b\".m4a""#, r#"C:\Users\a "b".m4a"#),
        (r#"filename="\\server\share""#, r"\\server\share"),
        (r#"filename="memo\""#, r"memo\"),
        (r#"filename="=?utf-8?B?7ZqMLm00YQ==?="; filename*=utf-8''%ED%9A%8C%EC%9D%98.m4a"#, "회의.m4a"),
        (r#"filename="%ED%9A%8C%EC%9D%98%EB%A1%9D%203.m4a""#, "회의록 3.m4a"),
        (r#"filename="100%25.m4a""#, "100%25.m4a"),
    ] {
        let headers =
            format!("Content-Disposition: form-data; name=\"file\"; {disposition}\r\nContent-Type: audio/mp4");
        let recording = ann.send(Form::chrome().part(&headers, MEMO).finished()).expect(201).json();
        assert_eq!(recording["name"], name, "{disposition}");
    }
}

pub fn a_name_that_is_not_utf_8_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let in_query = |name: &str| Request { target: format!("/v1/recordings?name={name}"), ..post(MEMO) };

    ann.expect_all([
        (in_query("%FF.m4a"), "400 invalid-parameter"),
        (in_query("%ED%A0%80.m4a"), "400 invalid-parameter"),
    ]);

    assert!(ann.recordings().is_empty());
}

pub fn a_header_that_is_not_utf_8_has_no_name(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let upload = post(MEMO).header("Content-Disposition", b"attachment; filename=\"\xFF.m4a\"");

    let name = ann.send(upload).expect(201).json()["name"].clone();
    assert!(name.as_str().is_some_and(|name| name.starts_with("Recording ")), "{name}");
}

pub fn two_names_in_the_query_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let upload = Request { target: "/v1/recordings?name=a&name=b".to_owned(), ..post(MEMO) };

    ann.expect_all([(upload, "400 invalid-parameter")]);
    assert!(ann.recordings().is_empty());
}

pub fn downloads_spell_their_name_as_rfc_8187_has_it(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let name: String = (' '..='~').collect();
    let recording = ann.send(post_under(&name)).expect(201).json();

    let audio = ann.get(&format!("/v1/recordings/{}/audio", id(&recording))).expect(200);

    let is_attr_char = |char: &char| char.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(*char);
    let others: String = extended_name(&audio).chars().filter(|char| !is_attr_char(char) && *char != '%').collect();
    assert_eq!(others, "", "{audio:?}");
    assert_eq!(percent_decoded(extended_name(&audio)), Some(name));
}

pub fn downloads_offer_a_harmless_name_to_old_clients(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for name in names() {
        let recording = ann.send(post_under(&name)).expect(201).json();
        let audio = ann.get(&format!("/v1/recordings/{}/audio", id(&recording))).expect(200);
        let disposition = audio.header("content-disposition").expect("a name");

        let plain = disposition.strip_prefix("attachment; filename=\"").and_then(|rest| rest.split_once("\"; "));
        let (plain, _) = plain.unwrap_or_else(|| panic!("{disposition}"));
        assert_eq!(plain.chars().count(), name.chars().count(), "{disposition}");
        let is_harmless = |char: char| matches!(char, ' '..='~') && !"\"\\/%".contains(char);
        assert!(plain.chars().all(is_harmless), "{disposition}");
    }
}
