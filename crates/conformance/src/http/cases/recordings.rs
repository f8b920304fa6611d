//! Reading, renaming and deleting one recording.

use serde_json::{Value, json};

use super::{
    at_once,
    fixtures::{MEMO, fresh_ulid, fresh_uuid},
    user::{User, id},
};
use crate::http::{Client, Request, Response};

/// A path that is a recording of the user.
fn upload(user: &User) -> String {
    format!("/v1/recordings/{}", id(&user.upload(MEMO)))
}

fn rename(target: &str, name: &str) -> Request {
    Request::new("PATCH", target).json(&json!({"name": name}))
}

fn delete(target: &str) -> Request {
    Request::new("DELETE", target)
}

pub fn a_recording_is_read_with_its_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let recording = ann.upload(MEMO);

    let read = ann.get(&format!("/v1/recordings/{}", id(&recording))).expect(200);

    assert_eq!(read.json(), recording);
    assert_eq!(read.header("content-type"), Some("application/json"));
    assert_eq!(read.header("etag"), Some("\"r1\""));
    assert_eq!(read.header("cache-control"), Some("private, no-cache"));
}

pub fn a_recording_can_be_asked_for_its_head(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    let [get, head] = ["GET", "HEAD"].map(|method| ann.send(Request::new(method, &target)).expect(200));

    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

pub fn what_a_client_has_already_is_not_sent_again(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let asked = |method, tags| ann.send(Request::new(method, &target).header("If-None-Match", tags));

    for tags in ["\"r1\"", "W/\"r1\"", "\"r0\", \"r1\"", "*"] {
        for method in ["GET", "HEAD"] {
            let answer = asked(method, tags).expect(304);
            assert_eq!(answer.header("etag"), Some("\"r1\""), "{tags}");
            assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{tags}");
        }
    }
    for tags in ["\"r2\"", "\"r10\"", "\"R1\"", "r1", "\"r0\", \"r2\""] {
        assert_eq!(asked("GET", tags).outcome(), "200", "{tags}");
    }
    let _ = ann.send(rename(&target, "new")).expect(200);
    assert_eq!(asked("GET", "\"r1\"").expect(200).header("etag"), Some("\"r2\""));
}

pub fn a_read_can_depend_on_the_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let read = |tags: &str| Request::new("GET", &target).header("If-Match", tags);

    ann.expect_all(["\"r1\"", "\"r0\", \"r1\"", "*"].map(|tags| (read(tags), "200")));
    ann.expect_all(["\"r2\"", "W/\"r2\"", "\"\""].map(|tags| (read(tags), "412 precondition-failed")));
}

pub fn a_recording_gets_a_new_name_and_a_new_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let before = ann.read(&target);

    let renamed = ann.send(rename(&target, "Interview with Ann.m4a")).expect(200);

    assert_eq!(renamed.header("etag"), Some("\"r2\""));
    let mut expected = before;
    expected["name"] = "Interview with Ann.m4a".into();
    expected["revision"] = 2.into();
    assert_eq!(renamed.json(), expected);
    assert_eq!(ann.read(&target), expected);
    assert_eq!(ann.recordings(), [expected]);
}

pub fn a_merge_patch_is_a_patch(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    for (media_type, revision) in [
        ("application/merge-patch+json", 2),
        ("application/json", 3),
        ("Application/Merge-Patch+JSON; charset=utf-8", 4),
    ] {
        let patch = Request::new("PATCH", &target).body(media_type, r#"{"name": "new"}"#);
        assert_eq!(ann.send(patch).expect(200).json()["revision"], revision, "{media_type}");
    }
}

pub fn what_is_no_change_of_a_name_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let before = ann.read(&target);
    let patch = |media_type: &str, body: &str| Request::new("PATCH", &target).body(media_type, body);

    let bodies = [
        "",
        "{}",
        "null",
        "\"new\"",
        r#"{"name": null}"#,
        r#"{"name": 7}"#,
        r#"{"name": "new", "id": "x"}"#,
        r#"{"name": "new", "revision": 1}"#,
        r#"{"name": "new", "name": "newer"}"#,
        r#"{"Name": "new"}"#,
        r#"{"name": "\ud800"}"#,
        r#"[{"op": "replace", "path": "/name", "value": "new"}]"#,
    ];
    ann.expect_all(bodies.map(|body| (patch("application/json", body), "400 invalid-body")));
    ann.expect_all(
        ["text/plain", "application/json-patch+json", "application/x-www-form-urlencoded"]
            .map(|media_type| (patch(media_type, r#"{"name": "new"}"#), "415 unsupported-media-type")),
    );
    ann.expect_all([
        (
            Request { body: br#"{"name": "new"}"#.to_vec(), ..Request::new("PATCH", &target) },
            "415 unsupported-media-type",
        ),
        (rename(&target, &"x".repeat(70_000)), "413 too-large"),
    ]);

    assert_eq!(ann.read(&target), before);
}

pub fn a_name_in_an_array_is_none(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    ann.expect_all([(Request::new("PATCH", &target).json(&json!(["new"])), "400 invalid-body")]);
}

pub fn a_write_can_depend_on_the_tag(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for write in [|target: &str| rename(target, "new"), |target: &str| delete(target)] {
        let target = upload(&ann);
        let done = if write(&target).method == "PATCH" { "200" } else { "204" };
        let _ = ann.send(rename(&target, "second")).expect(200);
        let before = ann.read(&target);

        for stale in ["\"r1\"", "\"r3\"", "W/\"r1\"", "\"2\"", "\"\"", "\"x\""] {
            let answer = ann.send(write(&target).header("If-Match", stale));
            assert_eq!(answer.outcome(), "412 precondition-failed", "{stale}");
        }
        assert_eq!(ann.read(&target), before);
        assert_eq!(ann.send(write(&target).header("If-Match", "\"r2\"")).outcome(), done);
    }
}

pub fn a_tag_is_compared_letter_for_letter(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    for tag in ["\"r01\"", "\"r+1\"", "\"R1\"", "\"r1 \""] {
        for write in [rename(&target, "new"), delete(&target)] {
            ann.expect_all([(write.header("If-Match", tag), "412 precondition-failed")]);
        }
    }
}

/// A proxy that compresses an answer marks its tag, each in its own way.
pub fn a_tag_that_a_proxy_has_marked_counts(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let id = target.rsplit('/').next().unwrap_or_default().to_owned();

    for (revision, mark) in (1..).zip([("W/\"r", "\""), ("\"r", "-gzip\""), ("W/\"r", "-br\""), ("\"r", "-zstd\"")]) {
        let tag = format!("{}{revision}{}", mark.0, mark.1);
        let stale = format!("{}{}{}", mark.0, revision + 1, mark.1);
        let put = |tag: &str| {
            let same = ann.get(&format!("/v1/recordings/{id}/audio")).expect(200).body;
            Request::new("PUT", &target).body("audio/mp4", same).header("If-Match", tag)
        };
        ann.expect_all([
            (rename(&target, "new").header("If-Match", &stale), "412 precondition-failed"),
            (put(&stale), "412 precondition-failed"),
            (put(&tag), "200"),
            (Request::new("GET", &target).header("If-None-Match", &tag), "304"),
            (rename(&target, "new").header("If-Match", &tag), "200"),
        ]);
    }
}

/// .NET and PowerShell write one.
pub fn a_byte_order_mark_in_front_of_json_means_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    let rename = Request::new("PATCH", target).body("application/json", "\u{feff}{\"name\": \"새 이름\"}");

    assert_eq!(ann.send(rename).expect(200).json()["name"], "새 이름");
}

pub fn a_write_can_depend_on_one_of_many_tags(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);
    let with_tags = |write: Request, tags| write.header("If-Match", tags);

    ann.expect_all([
        (with_tags(rename(&target, "new"), "\"r7\", \"r8\""), "412 precondition-failed"),
        (with_tags(delete(&target), "\"r7\", \"r8\""), "412 precondition-failed"),
        (with_tags(rename(&target, "new"), "\"r7\", \"r1\""), "200"),
        (with_tags(delete(&target), "\"r7\", \"r2\""), "204"),
    ]);
}

pub fn one_of_many_at_once_changes_a_version(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    let mut outcomes = at_once(8, |index| {
        let rename = rename(&target, &format!("name {index}"));
        ann.send(rename.header("If-Match", "\"r1\"")).outcome()
    });

    outcomes.sort();
    assert_eq!(outcomes.remove(0), "200");
    assert_eq!(outcomes, ["412 precondition-failed"; 7]);
    assert_eq!(ann.read(&target)["revision"], 2);
}

pub fn a_write_can_depend_on_there_being_a_recording(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    ann.expect_all([
        (rename(&target, "new").header("If-Match", "*"), "200"),
        (delete(&target).header("If-Match", "*"), "204"),
        (rename(&target, "new").header("If-Match", "*"), "404 not-found"),
        (delete(&target).header("If-Match", "*"), "404 not-found"),
    ]);
}

pub fn a_malformed_condition_never_lets_a_write_through(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    for malformed in ["r1", "", "\"r1", "r1\"", "**"] {
        for write in [rename(&target, "new"), delete(&target)] {
            let answer = ann.send(write.header("If-Match", malformed));
            assert!(matches!(answer.status, 400 | 412), "{malformed}: {answer:?}");
        }
    }
    assert_eq!(ann.read(&target)["revision"], 1);
}

pub fn a_deleted_recording_is_gone_for_every_verb(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = upload(&ann);

    let deleted = ann.send(delete(&target)).expect(204);

    assert_eq!(deleted.header("content-type"), None);
    is_not_there(&ann, &target);
}

pub fn what_is_no_id_is_the_id_of_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for id in [&*fresh_ulid(), &fresh_uuid(), "memo", "..", "%2e%2e%2fetc", "1", "%20", "81JD9Z8Q3NVX4T6M2K7C5B1ARE"] {
        is_not_there(&ann, &format!("/v1/recordings/{id}"));
    }
}

pub fn another_users_recording_is_not_there(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let target = upload(&ann);
    let before = ann.read(&target);

    is_not_there(&bob, &target);

    assert_eq!(ann.read(&target), before);
    assert_eq!(ann.audio(&id(&before)), MEMO);
}

pub fn another_users_recording_is_answered_like_none(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let [theirs, nobodys] = [upload(&ann), format!("/v1/recordings/{}", fresh_ulid())];
    let told = |answer: Response| {
        let mut body = answer.json();
        body["instance"] = Value::Null;
        let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        (answer.status, names, body)
    };

    for suffix in ["", "/audio"] {
        let [theirs, nobodys] = [&theirs, &nobodys].map(|target| told(bob.get(&format!("{target}{suffix}"))));
        assert_eq!(theirs, nobodys);
    }
    for write in [|target: &str| rename(target, "new"), |target: &str| delete(target)] {
        assert_eq!(told(bob.send(write(&theirs))), told(bob.send(write(&nobodys))));
    }
}

/// Whatever the verb and its conditions.
fn is_not_there(user: &User, target: &str) {
    let audio = format!("{target}/audio");
    let get = |target: &str| Request::new("GET", target);
    user.expect_all([
        (get(target), "404 not-found"),
        (Request::new("HEAD", target), "404"),
        (get(target).header("If-None-Match", "\"r1\""), "404 not-found"),
        (get(target).header("If-None-Match", "*"), "404 not-found"),
        (get(target).header("If-Match", "\"r7\""), "404 not-found"),
        (rename(target, "new"), "404 not-found"),
        (rename(target, "new").header("If-Match", "\"r7\""), "404 not-found"),
        (delete(target), "404 not-found"),
        (delete(target).header("If-Match", "\"r7\""), "404 not-found"),
        (get(&audio), "404 not-found"),
        (Request::new("HEAD", &audio), "404"),
        (get(&audio).header("Range", "bytes=0-1"), "404 not-found"),
        (get(&audio).header("Range", "bytes=999999999-"), "404 not-found"),
        (get(&audio).header("If-None-Match", "*"), "404 not-found"),
    ]);
}
