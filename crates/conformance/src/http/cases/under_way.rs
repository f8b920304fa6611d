//! Direct uploads: finding those that are under way.

use serde_json::{Value, json};

use super::{
    direct::{abort, announce, announcement, bytes, complete, parts, plan, send},
    fixtures::{MEMO, noise, sha256},
    sending::put,
    user::{User, id},
};
use crate::http::{Client, Request};

const UPLOADS: &str = "/v1/direct";

fn listed(user: &User) -> Vec<Value> {
    let page = user.read(UPLOADS);
    assert_eq!(page["next_cursor"], Value::Null, "there are more");
    page["items"].as_array().expect("a list").clone()
}

pub fn an_upload_under_way_is_found_until_it_is_completed(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let mut announced = announcement(MEMO);
    announced["name"] = "회의록 3.m4a".into();
    announced["recorded_at"] = "2026-11-23T20:59:30+09:00".into();
    announced["client_duration_ms"] = 3_120.into();
    let plan = ann.send(announce(&announced)).expect(201).json();
    let target = format!("{UPLOADS}/{}", id(&plan));

    let upload = ann.get(&target).expect(200);

    assert_eq!(upload.header("cache-control"), Some("no-store"));
    let expected = json!({
        "id": plan["id"], "name": "회의록 3.m4a", "media_type": "audio/mp4", "size": MEMO.len(),
        "sha256": sha256(MEMO), "recorded_at": "2026-11-23T20:59:30.000000+09:00", "client_duration_ms": 3_120,
        "expires_at": plan["expires_at"], "part_size": plan["part_size"], "part_count": 1, "received_parts": [],
    });
    assert_eq!(upload.json(), expected);
    assert_eq!(listed(&ann), [expected]);
    send(client, &plan, MEMO);
    let received = json!([{"number": 1, "size": MEMO.len()}]);
    assert_eq!(ann.read(&target)["received_parts"], received);
    assert_eq!(listed(&ann)[0]["received_parts"], received);
    ann.expect_all([(complete(&plan), "201")]);
    assert!(listed(&ann).is_empty());
    ann.expect_all([
        (Request::new("GET", &target), "404 not-found"),
        (Request::new("GET", format!("{UPLOADS}/memo")), "404 not-found"),
    ]);
}

pub fn an_upload_whose_announcement_got_no_answer_is_found_and_ended(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    // Its app never learns the id, nor knows whether there is one.
    let _ = ann.send(announce(&announcement(MEMO))).expect(201);
    assert!(ann.read("/v1/me")["usage"]["bytes"].as_u64() > Some(0));

    for upload in listed(&ann) {
        let _ = ann.send(abort(&upload)).expect(204);
    }

    assert!(listed(&ann).is_empty());
    assert_eq!(ann.read("/v1/me")["usage"]["bytes"], 0);
}

pub fn an_upload_whose_announcement_got_no_answer_is_found_and_completed(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let _ = ann.send(announce(&announcement(MEMO))).expect(201);

    let found = listed(&ann).remove(0);
    let mut again = announcement(MEMO);
    again["id"] = found["id"].clone();
    let plan = ann.send(announce(&again)).expect(200).json();
    send(client, &plan, MEMO);

    assert_eq!(ann.send(complete(&plan)).expect(201).json()["id"], found["id"]);
}

pub fn uploads_under_way_come_in_pages(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let mut ids: Vec<String> = (0..5).map(|size| id(&plan(&ann, &noise(size)))).collect();
    ids.sort();

    let (mut walked, mut target) = (Vec::new(), format!("{UPLOADS}?limit=2"));
    loop {
        let page = ann.read(&target);
        walked.extend(page["items"].as_array().expect("a list").iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        target = format!("{UPLOADS}?limit=2&cursor={cursor}");
    }

    assert_eq!(walked, ids);
    for query in ["limit=0", "limit=201", "cursor=memo"] {
        ann.expect_all([(Request::new("GET", format!("{UPLOADS}?{query}")), "400 invalid-parameter")]);
    }
}

pub fn uploads_under_way_are_shown_to_nobody_else(client: &dyn Client) {
    let (ann, bob) = (User::sign_up(client, "ann"), User::sign_up(client, "bob"));
    let plan = plan(&ann, MEMO);

    assert!(listed(&bob).is_empty());
    bob.expect_all([
        (Request::new("GET", format!("{UPLOADS}/{}", id(&plan))), "404 not-found"),
        (Request::new("GET", format!("{UPLOADS}?cursor=00000000000000000000000000")), "200"),
    ]);
    assert_eq!(listed(&ann).len(), 1);
}

/// For front ends that take parts of 8 MiB.
pub fn the_parts_that_are_here_are_listed(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = noise(17 << 20);
    let plan = plan(&ann, &audio);

    for (index, there) in [(2, vec![3]), (0, vec![1, 3])] {
        let _ = put(client, &parts(&plan)[index], bytes(&plan, &audio, index));

        let upload = ann.read(&format!("{UPLOADS}/{}", id(&plan)));

        let received = upload["received_parts"].as_array().expect("a list");
        let numbers: Vec<u64> = received.iter().filter_map(|part| part["number"].as_u64()).collect();
        assert_eq!(numbers, there);
        assert_eq!(received.last().expect("one")["size"], parts(&plan)[2]["size"]);
        assert_eq!(upload["part_count"], 3);
    }
}
