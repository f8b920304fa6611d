//! Direct uploads: completing and aborting them, and whose they are.

use serde_json::{Value, json};

use super::{
    at_once, expect_all,
    fixtures::{MEMO, fresh_ulid, fresh_uuid, sha256},
    sending::{own_target, put, url},
    user::{User, id},
};
use crate::http::{Client, Request, Response};

/// What has to be said about audio.
pub(super) fn announcement(audio: &[u8]) -> Value {
    json!({"size": audio.len(), "sha256": sha256(audio), "media_type": "audio/mp4"})
}

/// What has to be said, but for one thing.
pub(super) fn announcement_but(member: &str, value: impl Into<Value>) -> Value {
    let mut announcement = announcement(MEMO);
    announcement[member] = value.into();
    announcement
}

pub(super) fn announce(announcement: &Value) -> Request {
    Request::new("POST", "/v1/direct").json(announcement)
}

pub(super) fn announce_as(id: &str, audio: &[u8]) -> Request {
    let mut announcement = announcement(audio);
    announcement["id"] = id.into();
    announce(&announcement)
}

/// Announces audio, and yields the plan.
pub(super) fn plan(user: &User, audio: &[u8]) -> Value {
    user.send(announce(&announcement(audio))).expect(201).json()
}

pub(super) fn complete(plan: &Value) -> Request {
    Request::new("POST", format!("/v1/direct/{}/complete", id(plan)))
}

pub(super) fn abort(plan: &Value) -> Request {
    Request::new("DELETE", format!("/v1/direct/{}", id(plan)))
}

pub(super) fn parts(plan: &Value) -> &Vec<Value> {
    plan["parts"].as_array().unwrap_or_else(|| panic!("no parts: {plan}"))
}

fn number(value: &Value, member: &str) -> usize {
    let number = value[member].as_u64().unwrap_or_else(|| panic!("no {member}: {value}"));
    usize::try_from(number).expect("it fits in memory")
}

/// The bytes of a part of this number.
pub(super) fn bytes<'a>(plan: &Value, audio: &'a [u8], index: usize) -> &'a [u8] {
    let start = index * number(plan, "part_size");
    &audio[start..audio.len().min(start + number(plan, "part_size"))]
}

#[track_caller]
pub(super) fn is_taken(answer: &Response) {
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// Refused, with this problem if it was the server itself that was asked.
#[track_caller]
pub(super) fn is_refused(part: &Value, answer: &Response, outcome: &str) {
    if own_target(url(part)).is_some() {
        assert_eq!(answer.outcome(), outcome);
    } else {
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
}

/// Sends all parts of a plan.
pub(super) fn send(client: &dyn Client, plan: &Value, audio: &[u8]) {
    for (index, part) in parts(plan).iter().enumerate() {
        is_taken(&put(client, part, bytes(plan, audio, index)));
    }
}

/// Uploads in parts, and yields the recording.
pub(super) fn upload(client: &dyn Client, user: &User, audio: &[u8]) -> Value {
    let plan = plan(user, audio);
    send(client, &plan, audio);
    user.send(complete(&plan)).expect(201).json()
}

/// The same with one bit of it another.
pub(super) fn damaged(audio: &[u8]) -> Vec<u8> {
    let mut damaged = audio.to_vec();
    damaged[audio.len() / 2] ^= 1;
    damaged
}

pub fn what_is_sent_in_parts_is_what_is_found(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);

    let completed = ann.send(complete(&plan)).expect(201);

    let target = format!("/v1/recordings/{}", id(&plan));
    assert_eq!(completed.header("location"), Some(&*target));
    assert_eq!(completed.header("etag"), Some("\"r1\""));
    let recording = completed.json();
    assert_eq!(recording["id"], plan["id"]);
    assert_eq!(recording["media_type"], "audio/mp4");
    assert_eq!(recording["size"], MEMO.len());
    assert_eq!(recording["sha256"], sha256(MEMO));
    assert_eq!(recording["revision"], 1);
    assert_eq!(ann.read(&target), recording);
    assert_eq!(ann.recordings(), [recording]);
    assert_eq!(ann.audio(&id(&plan)), MEMO);
}

pub fn there_is_no_recording_before_it_is_completed(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);

    let target = format!("/v1/recordings/{}", id(&plan));
    ann.expect_all([
        (Request::new("GET", &target), "404 not-found"),
        (Request::new("GET", format!("{target}/audio")), "404 not-found"),
        (Request::new("DELETE", &target), "404 not-found"),
    ]);
    assert!(ann.recordings().is_empty());

    assert_eq!(ann.send(complete(&plan)).outcome(), "201");
}

pub fn completing_again_is_answered_the_same(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);
    let first = ann.send(complete(&plan)).expect(201);

    for _ in 0..2 {
        let again = ann.send(complete(&plan)).expect(200);
        assert_eq!((again.json(), again.header("etag")), (first.json(), first.header("etag")));
    }
    assert_eq!(ann.recordings(), [first.json()]);
}

pub fn one_of_many_at_once_completes_an_upload(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);

    let mut outcomes = at_once(8, |_| ann.send(complete(&plan)).outcome());

    outcomes.sort();
    assert_eq!(outcomes, ["200", "200", "200", "200", "200", "200", "200", "201"]);
    assert_eq!(ann.recordings().len(), 1);
    assert_eq!(ann.audio(&id(&plan)), MEMO);
}

pub fn an_announced_id_can_be_uploaded_otherwise_meanwhile(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (uploaded, outcome) in [(MEMO, "200"), (b"other", "409 recording-conflict")] {
        let plan = plan(&ann, MEMO);
        send(client, &plan, MEMO);
        let target = format!("/v1/recordings/{}", id(&plan));
        let _ = ann.send(Request::new("PUT", &target).body("audio/mp4", uploaded)).expect(201);

        assert_eq!(ann.send(complete(&plan)).outcome(), outcome);

        assert_eq!(ann.audio(&id(&plan)), uploaded);
        assert_eq!(ann.send(abort(&plan)).outcome(), "404 not-found");
    }
}

pub fn other_bytes_than_announced_are_no_recording(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);

    // Some stores refuse them, and wait for the right ones.
    let is_taken = put(client, &parts(&plan)[0], &damaged(MEMO)).status < 300;

    let (told, then) = if is_taken {
        ("409 upload-mismatch", "404 not-found")
    } else {
        ("409 upload-incomplete", "409 upload-incomplete")
    };
    ann.expect_all([(complete(&plan), told), (complete(&plan), then)]);
    assert!(ann.recordings().is_empty());
}

pub fn aborting_ends_an_upload(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);

    let aborted = ann.send(abort(&plan)).expect(204);

    assert_eq!(aborted.header("content-type"), None);
    ann.expect_all([
        (abort(&plan), "404 not-found"),
        (complete(&plan), "404 not-found"),
        (announce_as(&id(&plan), b"other"), "201"),
    ]);
    assert!(ann.recordings().is_empty());
}

pub fn what_is_complete_cannot_be_aborted(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let recording = upload(client, &ann, MEMO);

    ann.expect_all([(abort(&recording), "404 not-found")]);

    assert_eq!(ann.recordings(), [recording]);
}

pub fn what_was_never_announced_is_not_found(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for id in [&*fresh_ulid(), &fresh_uuid(), "memo", "%2e%2e", "1", "%20", "81JD9Z8Q3NVX4T6M2K7C5B1ARE", "%FF"] {
        let plan = json!({"id": id});
        ann.expect_all([(complete(&plan), "404 not-found"), (abort(&plan), "404 not-found")]);
    }
}

pub fn another_users_upload_is_not_there(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);

    bob.expect_all([(complete(&plan), "404 not-found"), (abort(&plan), "404 not-found")]);

    let _ = ann.send(complete(&plan)).expect(201);
    bob.expect_all([(complete(&plan), "404 not-found"), (abort(&plan), "404 not-found")]);
    assert!(bob.recordings().is_empty());
}

pub fn direct_uploads_are_somebodys(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    let requests = || [announce(&announcement(MEMO)), complete(&plan), abort(&plan)];

    expect_all(client, requests().map(|request| (request, "401 unauthenticated")));
    expect_all(client, requests().map(|request| (request.bearer("tb_0123456789"), "401 invalid-token")));

    ann.expect_all([(abort(&plan), "204")]);
}
