//! Uploading: ids, repeating, and what becomes of what is said about a recording.

use serde_json::Value;

use super::{
    at_once,
    direct::{announce, announcement_but, complete, send},
    fixtures::{FIXTURES, MEMO, fresh_ulid, fresh_uuid, noise, sha256},
    form::Form,
    user::{User, id},
};
use crate::{
    http::{Client, Request},
    samples::local,
};

pub(super) fn put(id: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("PUT", format!("/v1/recordings/{id}")).body("audio/mp4", body)
}

fn post(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/v1/recordings").body("audio/mp4", body)
}

pub fn what_is_uploaded_is_what_is_found(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();

    let uploaded = ann.send(put(&id, MEMO)).expect(201);

    assert_eq!(uploaded.header("location"), Some(&*format!("/v1/recordings/{id}")));
    assert_eq!(uploaded.header("etag"), Some("\"r1\""));
    let recording = uploaded.json();
    assert_eq!(recording["id"], *id);
    assert_eq!(recording["media_type"], "audio/mp4");
    assert_eq!(recording["size"], MEMO.len());
    assert_eq!(recording["sha256"], sha256(MEMO));
    assert_eq!(recording["revision"], 1);
    assert_eq!(ann.read(&format!("/v1/recordings/{id}")), recording);
    assert_eq!(ann.recordings(), [recording]);
    assert_eq!(ann.audio(&id), MEMO);
}

pub fn an_id_is_a_ulid_or_uuid_and_its_letter_case_does_not_matter(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (given, canonical) in [
        ("01JD9Z8Q3NVX4T6M2K7C5B1ARE", "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("01jd9z8q3nvx4t6m2k7c5b1arf", "01JD9Z8Q3NVX4T6M2K7C5B1ARF"),
        ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e", "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e"),
        ("0192F0C1-7C7E-7B3A-9D55-3F1C2B4A5D6F", "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6f"),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("%30%31JD9Z8Q3NVX4T6M2K7C5B1ARG", "01JD9Z8Q3NVX4T6M2K7C5B1ARG"),
    ] {
        let uploaded = ann.send(put(given, given)).expect(201);
        assert_eq!(uploaded.json()["id"], canonical);
        assert_eq!(uploaded.header("location"), Some(&*format!("/v1/recordings/{canonical}")));
        for spelling in [given.to_owned(), given.to_lowercase(), given.to_uppercase()] {
            assert_eq!(ann.read(&format!("/v1/recordings/{spelling}")), uploaded.json());
            assert_eq!(ann.audio(&spelling), given.as_bytes());
        }
    }
}

pub fn what_is_no_ulid_or_uuid_is_no_id(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    ann.expect_all(
        [
            "memo",
            "memo.m4a",
            "..",
            "%2e%2e",
            "..%2f..%2fetc%2fpasswd",
            "01JD9Z8Q3NVX4T6M2K7C5B1AR",
            "01JD9Z8Q3NVX4T6M2K7C5B1AREE",
            "81JD9Z8Q3NVX4T6M2K7C5B1ARE",
            "O1JD9Z8Q3NVX4T6M2K7C5B1ARE",
            "0IJD9Z8Q3NVX4T6M2K7C5B1ARE",
            "01JD9Z8Q3NVX4T6M2K7C5B1AR%20",
            "0192f0c17c7e7b3a9d553f1c2b4a5d6e",
            "%7B0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e%7D",
            "urn:uuid:0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e",
            "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6g",
            "0192f0c1_7c7e_7b3a_9d55_3f1c2b4a5d6e",
            "%ED%9A%8C%EC%9D%98%EB%A1%9D",
        ]
        .map(|id| (put(id, "speech"), "400 invalid-id")),
    );
    assert!(ann.recordings().is_empty());
}

pub fn the_same_upload_again_is_answered_the_same(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (id, body) in [(fresh_ulid(), MEMO.to_vec()), (fresh_uuid(), noise(300_000)), (fresh_ulid(), Vec::new())] {
        let first = ann.send(put(&id, body.clone())).expect(201);
        for spelling in [id.to_lowercase(), id.to_uppercase()] {
            let again = ann.send(put(&spelling, body.clone())).expect(200);
            assert_eq!(again.body, first.body);
            assert_eq!(again.header("etag"), first.header("etag"));
        }
    }
    assert_eq!(ann.recordings().len(), 3);
}

pub fn repeating_an_upload_changes_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = format!("/v1/recordings/{}", fresh_ulid());
    let upload = Request::new("PUT", format!("{target}?name=first.m4a")).body("audio/mp4", MEMO);
    let first = ann.send(upload.header("X-Recorded-At", "2026-11-23T09:30:00+09:00")).expect(201).json();

    let another = Request::new("PUT", format!("{target}?name=second.m4a")).body("audio/x-m4a", MEMO);
    let again = ann.send(another.header("X-Recorded-At", "2020-01-01T00:00:00Z")).expect(200).json();

    assert_eq!(again, first);
    assert_eq!(ann.read(&target), first);
}

pub fn an_upload_repeated_after_a_rename_keeps_the_new_name(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let _ = ann.send(put(&id, MEMO)).expect(201);
    let rename = Request::new("PATCH", format!("/v1/recordings/{id}")).body("application/json", r#"{"name": "new"}"#);
    let renamed = ann.send(rename).expect(200);

    let again = ann.send(put(&id, MEMO)).expect(200);

    assert_eq!(again.json(), renamed.json());
    assert_eq!(again.header("etag"), Some("\"r2\""));
}

pub fn an_id_keeps_its_first_content(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let first = ann.send(put(&id, MEMO)).expect(201).json();
    let mut another = MEMO.to_vec();
    another[MEMO.len() - 1] ^= 1;

    let longer = [MEMO, b"."].concat();
    let contents = [another, longer, MEMO[1..].to_vec(), Vec::new(), noise(300_000)];
    ann.expect_all(contents.map(|content| (put(&id, content), "409 recording-conflict")));

    assert_eq!(ann.recordings(), [first]);
    assert_eq!(ann.audio(&id), MEMO);
}

pub fn one_of_many_contents_at_once_gets_the_id(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();

    let mut outcomes = at_once(8, |index| ann.send(put(&id, format!("speech {}", index / 2))).outcome());

    outcomes.sort();
    assert_eq!(outcomes[..2], ["200", "201"]);
    assert_eq!(outcomes[2..], ["409 recording-conflict"; 6]);
    assert_eq!(ann.recordings().len(), 1);
}

pub fn an_upload_can_depend_on_what_is_there(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let put = |name, value| put(&id, "speech").header(name, value);

    ann.expect_all([
        (put("If-Match", "*"), "412 precondition-failed"),
        (put("If-Match", "\"r1\""), "412 precondition-failed"),
        (put("If-None-Match", "*"), "201"),
        (put("If-None-Match", "*"), "412 precondition-failed"),
        (put("If-None-Match", "\"r1\""), "412 precondition-failed"),
        (put("If-None-Match", "\"r2\""), "200"),
        (put("If-Match", "\"r1\""), "200"),
        (put("If-Match", "\"r2\""), "412 precondition-failed"),
    ]);
}

/// Only one of them found nothing there.
pub fn one_of_many_at_once_is_the_first(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for _ in 0..5 {
        let id = fresh_ulid();
        let mut outcomes = at_once(3, |_| ann.send(put(&id, MEMO).header("If-None-Match", "*")).outcome());

        outcomes.sort();
        assert_eq!(outcomes, ["201", "412 precondition-failed", "412 precondition-failed"]);
    }
}

pub fn what_is_gone_is_not_made_anew_by_a_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let _ = ann.send(put(&id, MEMO)).expect(201);
    ann.delete(&id);

    for tags in ["*", "\"r1\""] {
        let again = Request { target: format!("/v1/recordings/{id}?again=true"), ..put(&id, MEMO) };
        ann.expect_all([(again.header("If-Match", tags), "412 precondition-failed")]);
    }
    assert!(ann.recordings().is_empty());
}

/// It would be stored as if it were the whole (RFC 9110 section 14.5).
pub fn a_part_of_a_recording_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let part = |upload: Request| upload.header("Content-Range", format!("bytes 10-{}/{}", 9 + MEMO.len(), 100_000));

    ann.expect_all([
        (part(put(&fresh_ulid(), MEMO)), "400 invalid-parameter"),
        (part(post(MEMO)), "400 invalid-parameter"),
    ]);

    assert!(ann.recordings().is_empty());
}

pub fn two_users_can_upload_under_the_same_id(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let id = fresh_ulid();

    let _ = ann.send(put(&id, "Ann speaks")).expect(201);
    let _ = bob.send(put(&id, "Bob speaks")).expect(201);

    assert_eq!(ann.audio(&id), b"Ann speaks");
    assert_eq!(bob.audio(&id), b"Bob speaks");
    bob.delete(&id);
    assert_eq!(ann.audio(&id), b"Ann speaks");
    assert_eq!(bob.send(put(&id, "Bob speaks")).outcome(), "409 recording-deleted");
    assert_eq!(ann.send(put(&id, "Ann speaks")).outcome(), "200");
}

pub fn an_upload_without_an_id_gets_a_ulid(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let [first, second] = [(), ()].map(|()| ann.send(post(MEMO)).expect(201));

    for uploaded in [&first, &second] {
        let id = id(&uploaded.json());
        assert_eq!(id.len(), 26);
        assert_eq!(uploaded.header("location"), Some(&*format!("/v1/recordings/{id}")));
        assert_eq!(uploaded.header("etag"), Some("\"r1\""));
        assert_eq!(ann.audio(&id), MEMO);
        assert_eq!(ann.send(put(&id, MEMO)).outcome(), "200");
    }
    assert_ne!(first.json()["id"], second.json()["id"]);
}

pub fn a_recording_may_be_empty(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let recording = ann.upload("");

    assert_eq!(recording["size"], 0);
    assert_eq!(recording["sha256"], sha256(b""));
    assert_eq!(ann.audio(&id(&recording)), b"");
}

pub fn recordings_of_any_size_come_back_whole(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for length in [1, 4_095, 65_536, 262_143, 262_144, 262_145, 1_048_576, 3_000_001] {
        let body = noise(length);
        let recording = ann.upload(body.clone());
        assert_eq!((&recording["size"], &recording["sha256"]), (&length.into(), &sha256(&body).into()));
        assert!(ann.audio(&id(&recording)) == body, "{length} bytes came back as others");
    }
}

pub fn every_recorders_files_come_back_as_they_were(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for fixture in FIXTURES {
        let upload = Request::new("POST", "/v1/recordings").body(fixture.declared, fixture.bytes);
        let recording = ann.send(upload).expect(201).json();

        assert_eq!(recording["media_type"], fixture.sniffed, "{}", fixture.file);
        assert_eq!(recording["sha256"], sha256(fixture.bytes), "{}", fixture.file);
        let audio = ann.get(&format!("/v1/recordings/{}/audio", id(&recording))).expect(200);
        assert_eq!(audio.header("content-type"), Some(fixture.sniffed), "{}", fixture.file);
        assert!(audio.body == fixture.bytes, "{} came back with other bytes", fixture.file);
    }
}

pub fn the_time_of_recording_keeps_its_offset(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (sent, kept) in [
        ("2026-11-23T20:59:30+09:00", "2026-11-23T20:59:30+09:00"),
        ("2026-11-23T20:59:30.5-03:30", "2026-11-23T20:59:30.5-03:30"),
        ("2026-11-23T20:59:30Z", "2026-11-23T20:59:30Z"),
        ("2026-11-23t20:59:30z", "2026-11-23T20:59:30Z"),
        ("2026-11-23T20:59:30.123456789+14:00", "2026-11-23T20:59:30.123456+14:00"),
        ("1970-01-01T00:00:00-12:00", "1970-01-01T00:00:00-12:00"),
        ("1899-12-31T23:59:59+00:00", "1899-12-31T23:59:59Z"),
        ("2099-12-31T23:59:59+23:59", "2099-12-31T23:59:59+23:59"),
        ("9999-12-31T23:59:59.999999-23:59", "9999-12-31T23:59:59.999999-23:59"),
        ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00+23:59"),
    ] {
        let recording = ann.send(post(sent).header("X-Recorded-At", sent)).expect(201).json();
        let found = ann.read(&format!("/v1/recordings/{}", id(&recording)));

        assert_eq!(found, recording, "{sent}");
        let shown = local(found["recorded_at"].as_str().expect("a time"));
        assert_eq!((shown, shown.offset()), (local(kept), local(kept).offset()), "{sent}");
    }
}

/// `java.time` leaves out seconds that are 0: that is one recording in sixty.
pub fn times_are_taken_as_libraries_write_them(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (sent, kept) in [
        ("2026-11-23T09:30+09:00", "2026-11-23T09:30:00.000000+09:00"),
        ("2026-11-23T09:30Z", "2026-11-23T09:30:00.000000Z"),
        ("2026-11-23T09:30:00+0900", "2026-11-23T09:30:00.000000+09:00"),
        ("2026-11-23T09:30:00.5-0330", "2026-11-23T09:30:00.500000-03:30"),
        (" 2026-11-23T09:30:00+09:00 ", "2026-11-23T09:30:00.000000+09:00"),
    ] {
        let in_header = post(sent).header("X-Recorded-At", sent);
        let form = Form::chrome().text("recorded_at", sent).file("\"a\"", "audio/mp4", MEMO).finished();
        for upload in [in_header, form] {
            assert_eq!(ann.send(upload).expect(201).json()["recorded_at"], kept, "{sent}");
        }
        let announced = announcement_but("recorded_at", sent);
        let plan = ann.send(announce(&announced)).expect(201).json();
        send(client, &plan, MEMO);
        assert_eq!(ann.send(complete(&plan)).expect(201).json()["recorded_at"], kept, "{sent}");
    }
    let _ = ann.send(post(MEMO).header("X-Recorded-At", "")).expect(201);
}

/// One pattern reads them all, and they sort as text.
pub fn answers_have_times_of_one_form(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = ann.upload_of("2026-11-23T09:30:00Z");
    let before = ann.read("/v1/changes");
    ann.delete(&id);
    let recording = ann.send(post(MEMO).header("X-Recorded-At", "2026-11-23T09:30:00.5+09:00")).expect(201).json();
    let plan = ann.send(announce(&announcement_but("name", "memo"))).expect(201).json();
    let deleted = ann.send(put(&id, MEMO)).expect(409).json();

    let session = &ann.read("/v1/me/sessions")["items"][0];
    let since = before["cursor"].as_str().expect("a cursor");
    let change = &ann.read(&format!("/v1/changes?cursor={since}"))["items"];
    let tombstone = change.as_array().and_then(|items| items.iter().find(|item| item["deleted_at"].is_string()));
    for (value, members) in [
        (&recording, &["recorded_at", "received_at"][..]),
        (&plan, &["expires_at", "links_expire_at"]),
        (&deleted, &["deleted_at"]),
        (tombstone.unwrap_or(&Value::Null), &["deleted_at"]),
        (session, &["created_at", "last_used_at", "expires_at"]),
        (&ann.read("/v1/me"), &["created_at"]),
    ] {
        for member in members {
            let time = value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"));
            let (_, fraction) = time.split_once('.').unwrap_or_else(|| panic!("{member}: {time}"));
            let digits = fraction.find(|char: char| !char.is_ascii_digit());
            assert_eq!(digits, Some(6), "{member}: {time}");
        }
    }
}

pub fn the_length_a_client_tells_is_answered_as_it_was_told(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let told =
        |text: &str| Request::new("POST", format!("/v1/recordings?client_duration_ms={text}")).body("audio/mp4", MEMO);

    for milliseconds in [0, 3_120, u32::MAX] {
        let recording = ann.send(told(&milliseconds.to_string())).expect(201).json();
        assert_eq!(recording["client_duration_ms"], milliseconds);
        assert_eq!(ann.read(&format!("/v1/recordings/{}", id(&recording))), recording);
    }
    assert_eq!(ann.upload(MEMO).get("client_duration_ms"), None);
    for wrong in ["-1", "1.5", "x", "4294967296", "1&client_duration_ms=2"] {
        assert_eq!(ann.send(told(wrong)).outcome(), "400 invalid-parameter", "{wrong}");
    }
}

pub fn a_recording_of_no_told_time_is_of_now(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let recording = ann.upload(MEMO);

    let time = |member: &str| local(recording[member].as_str().expect("a time"));
    assert_eq!(time("recorded_at"), time("received_at"));
}

pub fn what_is_no_time_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let times = [
        "yesterday",
        "2026-11-23",
        "2026-11-23T09:30:00",
        "2026-13-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T09:30:00+09:00 ago",
        "1763859125",
        "Mon, 23 Nov 2026 09:30:00 GMT",
        "１９７０-01-01T00:00:00Z",
        // The leap second after the last there is to write down.
        "9999-12-31T23:59:60-23:59",
    ];

    ann.expect_all(times.map(|time| (post(MEMO).header("X-Recorded-At", time), "400 invalid-parameter")));

    assert!(ann.recordings().is_empty());
}

pub fn a_recording_without_a_name_is_called_by_its_time(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let recording = ann.send(post(MEMO).header("X-Recorded-At", "2026-11-23T20:59:30+09:00")).expect(201).json();

    assert_eq!(recording["name"], "Recording 2026-11-23 20.59.30.m4a");
    assert_ne!(ann.upload(MEMO)["name"], Value::Null);
}
