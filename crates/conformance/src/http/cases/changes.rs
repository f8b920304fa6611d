//! What has changed since last time: the first run, what follows it, and what stays deleted.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    direct::{abort, announce_as, complete, plan, send},
    fixtures::{MEMO, fresh_ulid, fresh_uuid},
    uploads::put,
    user::{User, id},
};
use crate::{
    http::{Client, Request, text},
    samples::local,
};

impl User<'_> {
    /// A page of changes; from the beginning if the cursor is empty.
    fn page(&self, cursor: &str, more: &str) -> Value {
        let cursor = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        self.read(&format!("/v1/changes?{}{cursor}", more.trim_start_matches('&')))
    }

    /// What has changed, to the end, and the cursor from there on.
    fn changes_since(&self, cursor: &str) -> (Vec<Value>, String) {
        let (mut items, mut cursor) = (Vec::new(), cursor.to_owned());
        loop {
            let mut page = self.page(&cursor, "limit=3");
            items.append(page["items"].as_array_mut().expect("a list"));
            text(&page, "cursor").clone_into(&mut cursor);
            if page["more"] == false {
                return (items, cursor);
            }
        }
    }

    /// Reads everything there is, and yields the cursor from there on.
    fn latest_cursor(&self) -> String {
        self.changes_since("").1
    }
}

fn put_again(id: &str, body: impl Into<Vec<u8>>) -> Request {
    put(&format!("{id}?again=true"), body)
}

fn rename(id: &str, name: &str) -> Request {
    Request::new("PATCH", format!("/v1/recordings/{id}")).json(&json!({"name": name}))
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(id).collect()
}

pub fn the_first_run_has_every_recording_once_and_nothing_that_was_deleted(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    assert_eq!(ann.page("", "")["items"], json!([]));
    let mut all: Vec<String> = (0..7).map(|number: u8| id(&ann.upload([number]))).collect();
    ann.delete(&all.remove(2));
    let _ = ann.send(rename(&all[0], "first.m4a")).expect(200);

    let (items, cursor) = ann.changes_since("");

    all.rotate_left(1);
    assert_eq!(ids(&items), all, "what was renamed comes last");
    for item in &items {
        assert_eq!(item["recording"], ann.read(&format!("/v1/recordings/{}", id(item))));
        assert_eq!(item["deleted_at"], Value::Null);
    }
    assert!(items.is_sorted_by_key(|item| item["changed"].as_u64().expect("a number")), "{items:?}");
    assert_eq!(ann.changes_since(&cursor), (vec![], cursor), "nothing has changed since");
}

pub fn what_changes_is_there_once_as_it_is_now(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let [kept, renamed, deleted] = [1, 2, 3].map(|number: u8| id(&ann.upload([number])));
    let cursor = ann.latest_cursor();

    for name in ["second.m4a", "third.m4a"] {
        let _ = ann.send(rename(&renamed, name)).expect(200);
    }
    let uploaded = id(&ann.upload([4]));
    ann.delete(&deleted);
    let short_lived = id(&ann.upload([5]));
    ann.delete(&short_lived);

    let (items, cursor) = ann.changes_since(&cursor);
    assert_eq!(ids(&items), [renamed, uploaded, deleted, short_lived]);
    assert_eq!(items[0]["recording"]["name"], "third.m4a");
    for gone in &items[2..] {
        assert_eq!(gone["recording"], Value::Null);
        let _time = local(text(gone, "deleted_at"));
    }
    let _ = ann.send(rename(&kept, "new.m4a")).expect(200);
    assert_eq!(ids(&ann.changes_since(&cursor).0), [kept]);
}

pub fn what_is_deleted_during_the_first_run_is_told(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let all: Vec<String> = (0..4).map(|number: u8| id(&ann.upload([number]))).collect();
    ann.delete(&all[3]);

    let first = ann.page("", "limit=2");
    ann.delete(&all[0]);

    assert_eq!(ids(first["items"].as_array().expect("a list")), all[..2]);
    let (items, _) = ann.changes_since(text(&first, "cursor"));
    assert_eq!(ids(&items), [&*all[2], &*all[0]], "not what was deleted before it began");
    assert_ne!(items[1]["deleted_at"], Value::Null);
}

pub fn an_upload_that_comes_to_nothing_changes_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let recording = id(&ann.upload(MEMO));
    let cursor = ann.latest_cursor();

    let aborted = plan(&ann, b"never sent");
    let _ = ann.send(abort(&aborted)).expect(204);
    let _ = plan(&ann, b"under way");
    let _ = ann.send(put(&recording, MEMO)).expect(200);
    let _ = ann.send(put(&fresh_ulid(), MEMO).header("Repr-Digest", "sha-256=:AAAA:")).expect(400);

    assert_eq!(ann.changes_since(&cursor).0, Vec::<Value>::new());
    assert_eq!(ann.send(put(&id(&aborted), "later")).outcome(), "201", "an aborted upload refuses nothing");
}

pub fn a_cursor_of_changes_is_its_owners(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let _ = ann.upload(MEMO);
    let cursor = ann.latest_cursor();
    let list = ann.read("/v1/recordings?limit=1");

    let altered = format!("{}{}", &cursor[..cursor.len() - 1], if cursor.ends_with('A') { 'B' } else { 'A' });
    let wrong = [&*cursor, list["next_cursor"].as_str().unwrap_or("x"), "%00", "a b", &"A".repeat(5000)];
    bob.expect_all(wrong.map(|cursor| {
        (Request::new("GET", format!("/v1/changes?cursor={}", cursor.replace(' ', "+"))), "400 invalid-parameter")
    }));
    ann.expect_all([(Request::new("GET", format!("/v1/changes?cursor={altered}x")), "400 invalid-parameter")]);
}

pub fn what_is_no_page_of_changes_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let wrong =
        ["limit=0", "limit=201", "limit=x", "wait=-1", "wait=x", "wait=3601", "limit=1&limit=2", "cursor=a&cursor=b"];
    ann.expect_all(wrong.map(|query| (Request::new("GET", format!("/v1/changes?{query}")), "400 invalid-parameter")));
    let anonymous = client.send(&Request::new("GET", "/v1/changes"));
    assert_eq!(anonymous.outcome(), "401 unauthenticated");
}

pub fn who_waits_is_told_of_a_change_at_once(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let cursor = ann.latest_cursor();
    let began = Instant::now();

    let page = thread::scope(|scope| {
        let waiting = scope.spawn(|| ann.page(&cursor, "wait=20"));
        // Hashing the password takes a while: it waits by then.
        let _ = ann.log_in_again();
        let uploaded = id(&ann.upload(MEMO));
        let mut page = waiting.join().expect("answered");
        // Where nobody can wait, the answer says when to ask again.
        if page["poll_after_s"].as_u64().is_some_and(|seconds| seconds > 0) {
            page = ann.page(&cursor, "wait=20");
        }
        assert_eq!(ids(page["items"].as_array().expect("a list")), [uploaded]);
        page
    });

    assert!(began.elapsed() < Duration::from_secs(10), "{page}");
    assert_eq!(page["more"], false);
}

pub fn who_waits_in_vain_gets_an_empty_page(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let cursor = ann.latest_cursor();

    let page = thread::scope(|scope| {
        let waiting = scope.spawn(|| ann.page(&cursor, "wait=1"));
        let _ = bob.upload(MEMO);
        waiting.join().expect("answered")
    });

    assert_eq!((&page["items"], &page["more"]), (&json!([]), &json!(false)));
    assert_eq!(ann.changes_since(text(&page, "cursor")).0, Vec::<Value>::new());
}

pub fn a_deleted_id_stays_deleted_unless_it_is_wanted_again(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    for id in [fresh_ulid(), fresh_uuid()] {
        let _ = ann.send(put(&id, "before")).expect(201);
        ann.delete(&id);

        for body in ["before", "after it"] {
            let refused = ann.send(put(&id, body));
            assert_eq!(refused.outcome(), "409 recording-deleted");
            let _time = local(text(&refused.json(), "deleted_at"));
        }
        ann.expect_all([
            (put_again(&id, "after it").header("If-Match", "*"), "412 precondition-failed"),
            (put_again(&id, "after it"), "201"),
            (put(&id, "after it"), "200"),
            (put_again(&id, "after it"), "200"),
            (put_again(&id, "before"), "409 recording-conflict"),
        ]);
        assert_eq!(ann.audio(&id), b"after it");
        ann.delete(&id);
        assert_eq!(ann.send(put(&id, "after it")).outcome(), "409 recording-deleted");
    }
}

pub fn what_was_deleted_and_is_wanted_again_is_a_change_like_others(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let deleted = id(&ann.upload("before"));
    ann.delete(&deleted);
    let cursor = ann.latest_cursor();

    let _ = ann.send(put_again(&deleted, "after it")).expect(201);

    let (items, _) = ann.changes_since(&cursor);
    assert_eq!(ids(&items), [&*deleted], "and its tombstone is gone");
    assert_eq!(items[0]["recording"]["size"], "after it".len());
}

pub fn a_deleted_id_is_announced_if_it_is_wanted_again(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (id, mut again) = (fresh_ulid(), super::direct::announcement(b"after it"));
    let _ = ann.send(put(&id, MEMO)).expect(201);
    ann.delete(&id);

    let refused = ann.send(announce_as(&id, b"after it"));
    assert_eq!(refused.outcome(), "409 recording-deleted");
    let _time = local(text(&refused.json(), "deleted_at"));
    (again["id"], again["again"]) = (json!(id), json!(true));
    let plan = ann.send(super::direct::announce(&again)).expect(201).json();
    send(client, &plan, b"after it");

    ann.expect_all([(complete(&plan), "201"), (complete(&plan), "200")]);
    assert_eq!(ann.audio(&id), b"after it");
}

pub fn what_is_deleted_while_it_is_sent_in_parts_stays_deleted(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = fresh_ulid();
    let plan = ann.send(announce_as(&id, MEMO)).expect(201).json();
    send(client, &plan, MEMO);
    let _ = ann.send(put(&id, MEMO)).expect(201);
    ann.delete(&id);

    ann.expect_all([(complete(&plan), "409 recording-deleted"), (put(&id, MEMO), "409 recording-deleted")]);
    assert_eq!(ann.recordings(), Vec::<Value>::new());
}
