//! `PUT /upload/record/{file_name}` and `PUT /record/{file_name}`.

use std::{collections::HashSet, thread};

use serde_json::json;

use super::{
    Client, Request,
    phone::{OCTET_STREAM, Phone, assert_answer, audio},
    text,
};

const PATHS: [&str; 2] = ["/upload/record", "/record"];

fn unsupported(media_type: &str) -> serde_json::Value {
    json!({"Code": "UnsupportedMediaType", "Message": format!("Unsupported media type: {media_type}")})
}

/// Uploads of these types, which must succeed.
#[track_caller]
fn assert_taken(client: &dyn Client, media_types: &[&str]) {
    let phone = Phone::new(client);
    for path in PATHS {
        for media_type in media_types {
            let request = phone.request("PUT", format!("{path}/memo.m4a")).body(media_type, "audio");
            assert_answer(&client.send(&request), 200, &json!({"result": "success"}));
        }
    }
    assert_eq!(phone.list().len(), PATHS.len() * media_types.len());
}

/// Uploads of these types, with and without credentials, which must be told that the type is not taken.
#[track_caller]
fn assert_unsupported(client: &dyn Client, media_type: Option<&[u8]>, named: &str) {
    let phone = Phone::new(client);
    for target in PATHS.iter().flat_map(|path| [format!("{path}/memo.m4a"), format!("{path}/memo.m4a/")]) {
        let requests = [
            Request::new("PUT", target.as_str()),
            Request::new("PUT", target.as_str()).header("Authorization", "nobody nothing"),
            phone.request("PUT", target.as_str()),
        ];
        for request in requests {
            let request = media_type.iter().fold(request, |request, value| request.header("Content-Type", value));
            let response = client.send(&Request { body: b"audio".to_vec(), ..request });
            assert_answer(&response, 415, &unsupported(named));
        }
    }
    assert!(phone.list().is_empty());
}

/// 200 with `{"result":"success"}` and nothing else; clients list to see the id.
pub fn both_upload_routes_store_what_they_are_sent(client: &dyn Client) {
    let phone = Phone::new(client);
    for (path, seed) in PATHS.iter().zip(1..) {
        let bytes = audio(100_000, seed);
        let name = format!("memo {seed}.m4a").replace(' ', "-");

        let request = phone.request("PUT", format!("{path}/{name}")).body(OCTET_STREAM, bytes.clone());
        assert_answer(&client.send(&request), 200, &json!({"result": "success"}));

        let records = phone.list();
        let record = records.iter().find(|record| text(record, "file_name") == name).expect("listed");
        assert!(phone.download(text(record, "id")).expect(200).body == bytes, "what was sent");
    }
    assert_eq!(phone.list().len(), 2);
}

/// A recording of many pieces, and one of none, come back as they were sent.
pub fn recordings_of_any_size_are_stored(client: &dyn Client) {
    for length in [0, 1, 300_000, 3_000_000] {
        let phone = Phone::new(client);
        let bytes = audio(length, 3);

        phone.upload("memo.m4a", &bytes);

        let response = phone.download(&phone.only_id()).expect(200);
        assert!(response.body == bytes, "{length} bytes became {}", response.body.len());
    }
}

/// `application/octet-stream` with parameters, in any letter case.
pub fn the_declared_type_may_have_parameters_and_any_letter_case(client: &dyn Client) {
    assert_taken(
        client,
        &[
            OCTET_STREAM,
            "application/octet-stream; charset=x",
            "application/octet-stream;charset=UTF-8",
            "application/octet-stream ; a=b; c=\"d;e\"",
            "APPLICATION/OCTET-STREAM",
            "Application/Octet-Stream; Charset=X",
            "  application/octet-stream  ",
        ],
    );
}

/// `audio/*` may be accepted; here it is.
pub fn audio_types_are_taken(client: &dyn Client) {
    assert_taken(
        client,
        &["audio/mp4", "audio/x-m4a", "AUDIO/MPEG", "audio/webm;codecs=opus", "audio/3gpp", "audio/*"],
    );
}

/// Nobody looked at what it was.
pub fn bytes_of_any_kind_are_taken(client: &dyn Client) {
    let phone = Phone::new(client);

    for bytes in ["<html>", "%PDF-1.7", "PK\x03\x04"] {
        let request = phone.request("PUT", "/record/memo.m4a").body(OCTET_STREAM, bytes);
        assert_answer(&client.send(&request), 200, &json!({"result": "success"}));
    }

    assert_eq!(phone.list().len(), 3);
}

/// 415, checked before the credentials are looked at.
pub fn another_content_type_is_415_before_anything_else(client: &dyn Client) {
    for media_type in [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-streams",
        "application/octet",
        "octet-stream",
        "video/quicktime",
        "audio",
        "audiobook/mp4",
        "*/*",
        "nonsense",
        ";",
    ] {
        assert_unsupported(client, Some(media_type.as_bytes()), media_type);
    }
}

/// 415 for an empty content type, which is named as it is.
pub fn an_empty_content_type_is_415(client: &dyn Client) {
    assert_unsupported(client, Some(b""), "");
}

/// 415 for a missing content type.
pub fn a_missing_content_type_is_415(client: &dyn Client) {
    let phone = Phone::new(client);
    for path in PATHS {
        let target = format!("{path}/memo.m4a");
        for request in [Request::new("PUT", target.as_str()), phone.request("PUT", target.as_str())] {
            let response = client.send(&Request { body: b"audio".to_vec(), ..request }).expect(415).json();
            assert_eq!(response["Code"], "UnsupportedMediaType");
            assert!(text(&response, "Message").starts_with("Unsupported media type: "), "{response}");
        }
    }
    assert!(phone.list().is_empty());
}

/// The seed's framework takes a missing type for JSON: `headers.get('content-type', 'application/json')`
/// in chalice/app.py, in every version since 1.2.
pub fn a_missing_content_type_is_named_as_the_framework_of_2018_took_it(client: &dyn Client) {
    assert_unsupported(client, None, "application/json");
}

/// 415 with well-formed JSON also for what is no text.
pub fn a_content_type_that_is_not_text_is_415(client: &dyn Client) {
    let request =
        Request::new("PUT", "/record/memo.m4a").header("Content-Type", b"\xff\"\\").header("Content-Length", "0");
    let response = client.send(&request).expect(415);
    assert_eq!(response.json()["Code"], "UnsupportedMediaType");
}

/// The seed kept 1 of 16: all had the same id, made of the second.
pub fn forty_uploads_at_once_are_all_kept(client: &dyn Client) {
    let phone = Phone::new(client);

    thread::scope(|scope| {
        for seed in 0..40 {
            let phone = &phone;
            scope.spawn(move || phone.upload("memo.m4a", &audio(2_000, seed)));
        }
    });

    let records = phone.list();
    let ids: HashSet<&str> = records.iter().map(|record| text(record, "id")).collect();
    assert_eq!((records.len(), ids.len()), (40, 40));
    let kept: HashSet<Vec<u8>> = ids.iter().map(|id| phone.download(id).expect(200).body).collect();
    assert_eq!(kept, (0..40).map(|seed| audio(2_000, seed)).collect());
}

/// The seed mixed up the audio of 30 users of 36.
pub fn users_who_upload_one_name_at_once_never_mix(client: &dyn Client) {
    let phones: Vec<Phone> = (0..30).map(|_| Phone::new(client)).collect();
    let audio_of = |count: u8| audio(20_000 + usize::from(count), count);

    thread::scope(|scope| {
        for (phone, count) in phones.iter().zip(0..) {
            scope.spawn(move || phone.upload("memo.m4a", &audio_of(count)));
        }
    });

    for (phone, count) in phones.iter().zip(0..) {
        assert_eq!(phone.names(), ["memo.m4a"]);
        assert!(phone.download(&phone.only_id()).expect(200).body == audio_of(count), "another's audio");
    }
}
