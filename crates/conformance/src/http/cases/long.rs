//! Direct uploads of more than one part, which are 8 MiB each.

use serde_json::json;

use super::{
    announcements::fill_quota_but,
    at_once,
    direct::{abort, announce, announce_as, announcement, bytes, complete, damaged, is_taken, parts, plan, send},
    fixtures::{MEMO, fresh_ulid, noise, sha256},
    sending::put,
    user::{User, id},
};
use crate::http::Client;

/// Audio of three parts.
fn long() -> Vec<u8> {
    noise(17 << 20)
}

pub fn many_parts_may_come_in_any_order(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = long();
    let plan = plan(&ann, &audio);

    for (index, part) in parts(&plan).iter().enumerate().rev() {
        is_taken(&put(client, part, bytes(&plan, &audio, index)));
    }
    let recording = ann.send(complete(&plan)).expect(201).json();

    assert_eq!((&recording["size"], &recording["sha256"]), (&json!(audio.len()), &json!(sha256(&audio))));
    assert!(ann.audio(&id(&plan)) == audio, "other bytes came back");
}

pub fn many_parts_may_come_at_once(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = long();
    let plan = plan(&ann, &audio);

    let answers = at_once(3, |index| put(client, &parts(&plan)[index], bytes(&plan, &audio, index)));

    answers.iter().for_each(is_taken);
    assert_eq!(ann.send(complete(&plan)).expect(201).json()["sha256"], sha256(&audio));
}

pub fn the_first_missing_part_is_named(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = long();
    let plan = plan(&ann, &audio);

    for (index, missing) in [(None, '1'), (Some(0), '2'), (Some(2), '2')] {
        if let Some(index) = index {
            is_taken(&put(client, &parts(&plan)[index], bytes(&plan, &audio, index)));
        }
        let answer = ann.send(complete(&plan));
        assert_eq!(answer.outcome(), "409 upload-incomplete");
        let detail = answer.json()["detail"].as_str().expect("a sentence").to_owned();
        assert!(detail.contains(&format!("art {missing} ")), "{detail}");
    }
    is_taken(&put(client, &parts(&plan)[1], bytes(&plan, &audio, 1)));

    assert_eq!(ann.send(complete(&plan)).expect(201).json()["sha256"], sha256(&audio));
}

pub fn announcing_the_same_again_keeps_what_was_sent(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (id, audio) = (fresh_ulid(), long());
    let first = ann.send(announce_as(&id, &audio)).expect(201).json();
    is_taken(&put(client, &parts(&first)[1], bytes(&first, &audio, 1)));

    let again = ann.send(announce_as(&id, &audio)).expect(200).json();

    // What was given out before leads to the same place.
    is_taken(&put(client, &parts(&again)[0], bytes(&again, &audio, 0)));
    is_taken(&put(client, &parts(&first)[2], bytes(&first, &audio, 2)));
    assert_eq!(ann.send(complete(&again)).expect(201).json()["sha256"], sha256(&audio));
}

pub fn other_bytes_than_announced_end_the_upload(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = long();
    let plan = plan(&ann, &audio);
    send(client, &plan, &damaged(&audio));

    let answer = ann.send(complete(&plan));

    assert_eq!(answer.outcome(), "409 upload-mismatch");
    ann.expect_all([(complete(&plan), "404 not-found"), (abort(&plan), "404 not-found")]);
    assert!(ann.recordings().is_empty());
    assert_eq!(ann.send(announce_as(&id(&plan), MEMO)).outcome(), "201");
}

pub fn uploads_that_end_give_back_the_quota(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let audio = long();
    fill_quota_but(&ann, audio.len());

    let aborted = plan(&ann, &audio);
    let _ = ann.send(abort(&aborted)).expect(204);
    let failed = plan(&ann, &audio);
    send(client, &failed, &damaged(&audio));
    ann.expect_all([(complete(&failed), "409 upload-mismatch")]);

    plan(&ann, &audio);
    ann.expect_all([(announce(&announcement(b".")), "507 quota-exceeded")]);
}
