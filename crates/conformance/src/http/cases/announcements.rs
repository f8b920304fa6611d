//! Direct uploads: announcing a recording.

use serde_json::{Value, json};
use tapebase_domain::pending::Parts;

use super::{
    at_once,
    direct::{announce, announce_as, announcement, announcement_but, complete, damaged, parts, plan, send, upload},
    fixtures::{FIXTURES, MEMO, fresh_ulid, fresh_uuid, sha256},
    sending::url,
    user::{User, id},
};
use crate::{
    http::{Client, Request},
    samples::local,
};

/// The largest recording a server takes that is not told otherwise.
const LARGEST: u64 = 4 << 30;

/// What `limits.quota` has to be, as a setting and in bytes: a few of the largest recordings, each of which costs an S3
/// store hundreds of signatures.
pub const QUOTA: (&str, u64) = ("9GiB", 9 << 30);

pub fn a_plan_says_how_to_send_every_part(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (size, count) in [(0, 1), (1, 1), (Parts::SINGLE_BYTES, 1), (Parts::SINGLE_BYTES + 1, 3), (1 << 30, 128)] {
        let announcement = announcement_but("size", size);
        let answer = ann.send(announce(&announcement)).expect(201);

        let plan = answer.json();
        assert_eq!(id(&plan).len(), 26, "{plan}");
        assert_eq!(parts(&plan).len(), count, "{size}");
        let [expires_at, links_expire_at] =
            ["expires_at", "links_expire_at"].map(|member| local(plan[member].as_str().expect("a time")));
        assert!(links_expire_at <= expires_at, "{plan}");
        let mut left = size;
        for (index, part) in parts(&plan).iter().enumerate() {
            let expected = left.min(plan["part_size"].as_u64().expect("a size"));
            assert_eq!((&part["number"], &part["size"]), (&json!(index + 1), &json!(expected)), "{size}");
            assert_eq!(part["method"], "PUT");
            assert!(url(part).contains("://") && part["headers"].is_object(), "{part}");
            left -= expected;
        }
        assert_eq!(left, 0, "{plan}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "the links are as good as a token");
    }
}

pub fn what_is_announced_is_kept(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let mut announcement = announcement(MEMO);
    announcement["name"] = "회의록 3.m4a".into();
    announcement["media_type"] = "Audio/X-M4A;codecs=aac".into();
    announcement["recorded_at"] = "2026-11-23T20:59:30.123456789+09:00".into();
    announcement["client_duration_ms"] = 3_120.into();
    let plan = ann.send(announce(&announcement)).expect(201).json();
    send(client, &plan, MEMO);

    let recording = ann.send(complete(&plan)).expect(201).json();

    assert_eq!(recording["name"], "회의록 3.m4a");
    assert_eq!(recording["media_type"], "audio/mp4");
    assert_eq!(recording["client_duration_ms"], 3_120);
    let recorded_at = local(recording["recorded_at"].as_str().expect("a time"));
    let kept = local("2026-11-23T20:59:30.123456+09:00");
    assert_eq!((recorded_at, recorded_at.offset()), (kept, kept.offset()));
}

pub fn an_announced_recording_without_a_name_is_called_by_its_time(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let announcement = announcement_but("recorded_at", "2026-11-23T20:59:30+09:00");
    let plan = ann.send(announce(&announcement)).expect(201).json();
    send(client, &plan, MEMO);

    let recording = ann.send(complete(&plan)).expect(201).json();

    assert_eq!(recording["name"], "Recording 2026-11-23 20.59.30.m4a");
}

pub fn an_announced_id_is_a_ulid_or_uuid_in_any_letter_case(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for canonical in [fresh_ulid(), fresh_uuid()] {
        let spellings = [canonical.to_lowercase(), canonical.to_uppercase()];
        let plan = ann.send(announce_as(&spellings[0], MEMO)).expect(201).json();
        assert_eq!(plan["id"], canonical);
        assert_eq!(ann.send(announce_as(&spellings[1], MEMO)).expect(200).json()["id"], canonical);
        send(client, &plan, MEMO);

        for (spelling, status) in spellings.iter().zip([201, 200]) {
            let recording = ann.send(complete(&json!({"id": spelling}))).expect(status).json();
            assert_eq!(recording["id"], canonical);
        }
    }
    assert_eq!(ann.recordings().len(), 2);
}

pub fn announced_bytes_of_no_told_type_are_looked_at(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for fixture in FIXTURES {
        let mut untold = announcement(fixture.bytes);
        untold.as_object_mut().expect("an object").remove("media_type");
        let mut told = untold.clone();
        told["media_type"] = "application/octet-stream".into();
        for announcement in [untold, told] {
            let plan = ann.send(announce(&announcement)).expect(201).json();
            send(client, &plan, fixture.bytes);

            let recording = ann.send(complete(&plan)).expect(201).json();

            assert_eq!(recording["media_type"], fixture.sniffed, "{}", fixture.file);
        }
    }
}

pub fn announced_bytes_say_what_they_are(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (announced, audio, expected) in [
        ("video/webm", FIXTURES[2].bytes, "audio/webm"),
        ("", FIXTURES[1].bytes, "audio/mp4"),
        ("audio/amr", b"#!AMR-WB\nspeech".as_slice(), "audio/amr-wb"),
        ("audio/x-wav", b"speech", "audio/wav"),
    ] {
        let mut announcement = announcement(audio);
        announcement["media_type"] = announced.into();
        let plan = ann.send(announce(&announcement)).expect(201).json();
        send(client, &plan, audio);

        assert_eq!(ann.send(complete(&plan)).expect(201).json()["media_type"], expected, "{announced}");
    }
}

pub fn announced_bytes_that_are_no_recording_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let page = b"<!DOCTYPE html><title>502 Bad Gateway</title>";
    let plan = plan(&ann, page);
    send(client, &plan, page);

    ann.expect_all([(complete(&plan), "415 unsupported-media-type"), (complete(&plan), "404 not-found")]);

    assert!(ann.recordings().is_empty());
}

pub fn announcing_the_same_again_gives_fresh_links(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let first = ann.send(announce_as(&id, MEMO)).expect(201).json();

    let again = ann.send(announce_as(&id, MEMO)).expect(200).json();

    for member in ["id", "expires_at", "part_size"] {
        assert_eq!(again[member], first[member]);
    }
    for plan in [&first, &again] {
        send(client, plan, MEMO);
    }
    assert_eq!(ann.send(complete(&again)).outcome(), "201");
    assert_eq!(ann.audio(&id), MEMO);
}

pub fn one_of_many_contents_announced_at_once_gets_the_id(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();

    let mut outcomes = at_once(8, |index| ann.send(announce_as(&id, &[u8::from(index < 4)])).outcome());

    outcomes.sort();
    assert_eq!(outcomes[..4], ["200", "200", "200", "201"]);
    assert_eq!(outcomes[4..], ["409 recording-conflict"; 4]);
}

pub fn an_announced_id_keeps_its_first_content(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let plan = ann.send(announce_as(&id, MEMO)).expect(201).json();

    let refused =
        || [&*damaged(MEMO), &MEMO[1..], b""].map(|audio| (announce_as(&id, audio), "409 recording-conflict"));
    ann.expect_all(refused());
    send(client, &plan, MEMO);
    let _ = ann.send(complete(&plan)).expect(201);
    ann.expect_all(refused());

    assert_eq!(ann.audio(&id), MEMO);
}

pub fn what_is_stored_already_has_no_parts_to_send(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let sent_whole = id(&ann.upload(MEMO));
    let sent_in_parts = id(&upload(client, &ann, MEMO));

    for id in [sent_whole, sent_in_parts] {
        let answer = ann.send(announce_as(&id, MEMO)).expect(200).json();
        assert_eq!((&answer["id"], &answer["parts"]), (&json!(id), &json!([])));
        ann.expect_all([(announce_as(&id, b"other"), "409 recording-conflict"), (complete(&answer), "200")]);
    }
    assert_eq!(ann.recordings().len(), 2);
}

pub fn two_users_can_announce_the_same_id(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let id = fresh_ulid();
    let hers = ann.send(announce_as(&id, b"Ann speaks")).expect(201).json();
    let his = bob.send(announce_as(&id, b"Bob speaks")).expect(201).json();

    send(client, &hers, b"Ann speaks");
    bob.expect_all([(complete(&his), "409 upload-incomplete")]);
    send(client, &his, b"Bob speaks");

    for (user, audio) in [(&ann, b"Ann speaks"), (&bob, b"Bob speaks")] {
        assert_eq!(user.send(complete(&hers)).outcome(), "201");
        assert_eq!(user.audio(&id), audio);
    }
}

pub fn what_is_no_announcement_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let digest = sha256(MEMO);
    let without = |member: &str| {
        let mut announcement = announcement(MEMO);
        announcement.as_object_mut().expect("an object").remove(member);
        announcement
    };

    let bodies = [
        json!({}),
        json!([]),
        json!("memo"),
        json!([MEMO.len(), digest, "audio/mp4"]),
        without("size"),
        without("sha256"),
        announcement_but("size", -1),
        announcement_but("size", 1.5),
        announcement_but("size", "12"),
        announcement_but("size", Value::Null),
        announcement_but("sha256", ""),
        announcement_but("sha256", &digest[1..]),
        announcement_but("sha256", format!("{digest}0")),
        announcement_but("sha256", format!("g{}", &digest[1..])),
        announcement_but("sha256", format!("{} ", &digest[1..])),
        announcement_but("sha256", 7),
        announcement_but("media_type", 7),
        announcement_but("name", 7),
        announcement_but("id", 7),
        announcement_but("recorded_at", 1_763_859_125),
        announcement_but("client_duration_ms", "3120"),
        announcement_but("client_duration_ms", -1),
        announcement_but("Size", 12),
        announcement_but("owner", "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
    ];
    ann.expect_all(bodies.iter().map(|body| (announce(body), "400 invalid-body")));
    let post = |media_type: &str, body: String| Request::new("POST", "/v1/direct").body(media_type, body);
    ann.expect_all([
        (post("application/json", String::new()), "400 invalid-body"),
        (post("application/json", "{\"size\": 1".to_owned()), "400 invalid-body"),
        (post("text/plain", announcement(MEMO).to_string()), "415 unsupported-media-type"),
        (announce(&announcement_but("name", "x".repeat(70_000))), "413 too-large"),
    ]);
    assert!(ann.recordings().is_empty());
}

pub fn what_cannot_become_a_recording_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (member, values, outcome) in [
        ("media_type", ["text/html", "video/x-msvideo", "image/svg+xml"], "415 unsupported-media-type"),
        ("name", ["", "a\nb", &"가".repeat(501)], "400 invalid-name"),
        ("id", ["memo", "", "81JD9Z8Q3NVX4T6M2K7C5B1ARE"], "400 invalid-id"),
        ("recorded_at", ["", "yesterday", "2026-11-23T09:30:00"], "400 invalid-parameter"),
    ] {
        ann.expect_all(values.map(|value| (announce(&announcement_but(member, value)), outcome)));
    }
}

pub fn what_is_announced_too_large_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for size in [LARGEST + 1, 1 << 40, u64::MAX] {
        ann.expect_all([(announce(&announcement_but("size", size)), "413 too-large")]);
    }
    ann.expect_all([(announce(&announcement_but("size", LARGEST)), "201")]);
}

pub fn uploads_under_way_take_up_the_quota(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let whole = Request::new("POST", "/v1/recordings").body("audio/mp4", MEMO);
    fill_quota_but(&ann, MEMO.len());

    let plan = plan(&ann, MEMO);
    let too_much = || [(announce(&announcement(b".")), "507 quota-exceeded"), (whole.clone(), "507 quota-exceeded")];
    ann.expect_all(too_much());
    send(client, &plan, MEMO);
    let stored = ann.send(complete(&plan)).expect(201).json();
    ann.expect_all(too_much());
    ann.delete(&id(&stored));

    ann.expect_all([(whole, "201"), (announce(&announcement(b".")), "507 quota-exceeded")]);
}

/// Announces so much that so many bytes are left.
pub(super) fn fill_quota_but(user: &User, left: usize) {
    let mut left_to_fill = QUOTA.1 - left as u64;
    while left_to_fill > 0 {
        let size = left_to_fill.min(LARGEST);
        let _ = user.send(announce(&announcement_but("size", size))).expect(201);
        left_to_fill -= size;
    }
}
