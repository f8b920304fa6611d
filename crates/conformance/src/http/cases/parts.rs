//! Direct uploads: sending parts, and where their links lead.

use serde_json::json;
use tapebase_domain::pending::Parts;

use super::{
    direct::{
        abort, announce, announce_as, announcement_but, complete, damaged, is_refused, parts, plan, send, upload,
    },
    fixtures::{MEMO, sha256},
    sending::{own_target, put, put_to, url},
    user::{User, id},
};
use crate::http::{Client, Request, Web};

pub fn an_empty_recording_is_one_empty_part(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let recording = upload(client, &ann, b"");

    assert_eq!((&recording["size"], &recording["sha256"]), (&json!(0), &json!(sha256(b""))));
    assert_eq!(ann.audio(&id(&recording)), b"");
}

pub fn a_missing_part_is_named(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);

    let answer = ann.send(complete(&plan));

    assert_eq!(answer.outcome(), "409 upload-incomplete");
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("art 1 ")), "{answer:?}");
    send(client, &plan, MEMO);
    assert_eq!(ann.send(complete(&plan)).outcome(), "201");
}

pub fn a_part_that_arrived_damaged_can_be_sent_again(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);

    // Some stores notice, others do not; the last one counts.
    let _ = put(client, &parts(&plan)[0], &damaged(MEMO));
    send(client, &plan, MEMO);

    assert_eq!(ann.send(complete(&plan)).outcome(), "201");
    assert_eq!(ann.audio(&id(&plan)), MEMO);
}

pub fn a_part_of_another_length_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    let part = &parts(&plan)[0];
    let longer = [MEMO, b"."].concat();

    for (bytes, outcome) in
        [(&longer[..], "413 too-large"), (&MEMO[1..], "400 incomplete-body"), (b"", "400 incomplete-body")]
    {
        if own_target(url(part)).is_some() {
            is_refused(part, &put(client, part, bytes), outcome);
            assert_eq!(ann.send(complete(&plan)).outcome(), "409 upload-incomplete");
        }
    }
    send(client, &plan, MEMO);

    assert_eq!(ann.send(complete(&plan)).outcome(), "201");
}

pub fn an_altered_link_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (plan, other) = (plan(&ann, MEMO), plan(&ann, MEMO));
    let part = &parts(&plan)[0];
    let (path, query) = url(part).split_once('?').expect("it is signed");

    let mut altered: Vec<String> =
        query.split('&').map(|parameter| with_another_value(path, query, parameter)).collect();
    altered.push(path.to_owned());
    altered.push(url(part).replace(&id(&plan), &id(&other)));
    for url in altered {
        if url != self::url(part) {
            is_refused(part, &put_to(client, &url, part, MEMO), "403 invalid-link");
        }
    }

    ann.expect_all([&plan, &other].map(|plan| (complete(plan), "409 upload-incomplete")));
}

/// The URL with another value, as long and of such letters, for one of its parameters.
fn with_another_value(path: &str, query: &str, parameter: &str) -> String {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let another = |letter: char| match letter {
        '0' => '1',
        '1'..='9' => '0',
        'a' | 'A' => 'b',
        _ => 'a',
    };
    let last = value.chars().next_back().map(another);
    let altered: String = value.chars().take(value.chars().count().saturating_sub(1)).chain(last).collect();
    format!("{path}?{}", query.replace(parameter, &format!("{name}={altered}")))
}

pub fn a_link_is_of_one_part(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = ann.send(announce(&announcement_but("size", Parts::SINGLE_BYTES + 1))).expect(201).json();
    let part = &parts(&plan)[0];

    if own_target(url(part)).is_some() {
        for number in ["0", "2", "3", "4", "x", "-1", "99999999999"] {
            let altered = url(part).replace("/parts/1?", &format!("/parts/{number}?"));
            assert_ne!(altered, url(part));
            is_refused(part, &put_to(client, &altered, part, MEMO), "403 invalid-link");
        }
    }
}

pub fn a_link_is_for_sending_alone(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let plan = plan(&ann, MEMO);
    send(client, &plan, MEMO);
    let part = &parts(&plan)[0];

    for method in ["GET", "DELETE"] {
        let (client, target) =
            own_target(url(part)).map_or((&Web as &dyn Client, url(part)), |target| (client, target));
        is_refused(part, &client.send(&Request::new(method, target)), "405 method-not-allowed");
    }

    assert_eq!(ann.send(complete(&plan)).outcome(), "201");
}

pub fn a_link_to_the_server_itself_ends_with_its_upload(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (completed, aborted) = (plan(&ann, MEMO), plan(&ann, MEMO));
    send(client, &completed, MEMO);
    let _ = ann.send(complete(&completed)).expect(201);
    let _ = ann.send(abort(&aborted)).expect(204);

    for plan in [&completed, &aborted] {
        let part = &parts(plan)[0];
        if own_target(url(part)).is_some() {
            is_refused(part, &put(client, part, MEMO), "403 invalid-link");
        }
    }
    // An upload of the same id is another one.
    let again = ann.send(announce_as(&id(&aborted), MEMO)).expect(201).json();
    if own_target(url(&parts(&again)[0])).is_some() {
        let part = &parts(&aborted)[0];
        is_refused(part, &put(client, part, MEMO), "403 invalid-link");
    }
    assert_eq!(ann.send(complete(&again)).outcome(), "409 upload-incomplete");
    assert_eq!(ann.audio(&id(&completed)), MEMO);
}
