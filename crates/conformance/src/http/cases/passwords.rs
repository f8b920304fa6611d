//! Changing one's password.

use serde_json::json;

use super::{
    at_once, expect_all,
    user::{PASSWORD, User, log_in},
};
use crate::http::{Client, Request, text};

const NEW: &str = "wrong donkey capacitor clip";

fn change(current: &str, new: &str) -> Request {
    let body = json!({"current_password": current, "new_password": new});
    Request::new("PUT", "/v1/me/password").json(&body)
}

pub fn a_changed_password_is_the_one_that_signs_in(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let answer = ann.send(change(PASSWORD, NEW)).expect(204);

    assert!(answer.body.is_empty(), "{answer:?}");
    expect_all(client, [(log_in(&ann.email, PASSWORD), "401 wrong-credentials"), (log_in(&ann.email, NEW), "200")]);
}

pub fn changing_a_password_ends_all_other_sessions_and_links(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let (laptop, bob) = (phone.log_in_again(), User::sign_up(client, "bob"));
    let recording = phone.upload("speech");
    let ask = Request::new("POST", format!("/v1/recordings/{}/link", text(&recording, "id")));
    let link = phone.send(ask).expect(200).json();
    let play = || Request::new("GET", text(&link, "path"));
    let _ = client.send(&play()).expect(200);

    let _ = phone.send(change(PASSWORD, NEW)).expect(204);

    assert_eq!(laptop.get("/v1/me").outcome(), "401 invalid-token");
    assert_eq!(client.send(&play()).outcome(), "403 invalid-link");
    assert_eq!(phone.read("/v1/me")["usage"]["sessions"], 1);
    assert_eq!(bob.get("/v1/me").outcome(), "200");
}

/// As by a client that got no answer.
pub fn changing_a_password_again_is_answered_the_same(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let _ = ann.send(change(PASSWORD, NEW)).expect(204);

    let _ = ann.send(change(PASSWORD, NEW)).expect(204);

    expect_all(client, [(log_in(&ann.email, PASSWORD), "401 wrong-credentials"), (log_in(&ann.email, NEW), "200")]);
}

pub fn the_same_change_many_times_at_once_is_one(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let outcomes = at_once(4, |_| ann.send(change(PASSWORD, NEW)).outcome());

    assert_eq!(outcomes, ["204"; 4]);
    expect_all(client, [(log_in(&ann.email, NEW), "200")]);
}

pub fn a_password_is_changed_by_whoever_knows_it(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let wrong = ["", "short", NEW, &PASSWORD.to_uppercase(), &"x".repeat(2_000)];

    ann.expect_all(wrong.into_iter().map(|wrong| (change(wrong, "something else"), "403 wrong-password")));

    expect_all(client, [(log_in(&ann.email, PASSWORD), "200")]);
}

pub fn a_password_is_changed_to_one_that_can_be(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let cannot_be = ["", "seven c", &"x".repeat(1_025)];

    ann.expect_all(cannot_be.into_iter().map(|new| (change(PASSWORD, new), "400 invalid-password")));
    let put = |body| Request::new("PUT", "/v1/me/password").json(&body);
    ann.expect_all([
        (put(json!({"new_password": NEW})), "400 invalid-body"),
        (put(json!({"current_password": PASSWORD})), "400 invalid-body"),
        (put(json!({"current_password": PASSWORD, "new_password": NEW, "email": "b@example.com"})), "400 invalid-body"),
        (put(json!([PASSWORD, NEW])), "400 invalid-body"),
    ]);

    expect_all(client, [(log_in(&ann.email, PASSWORD), "200")]);
}

pub fn one_of_many_at_once_changes_a_password(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let passwords = [0, 1, 2, 3].map(|number| format!("another password {number}"));

    let outcomes = at_once(4, |number| ann.send(change(PASSWORD, &passwords[number])).outcome());

    let changed: Vec<_> = outcomes.iter().zip(&passwords).filter(|(outcome, _)| *outcome == "204").collect();
    let [(_, winner)] = &changed[..] else { panic!("changed: {outcomes:?}") };
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "403 wrong-password").count(), 3, "{outcomes:?}");
    expect_all(client, [(log_in(&ann.email, winner), "200")]);
}

pub fn changing_a_password_takes_one_who_is_signed_in(client: &dyn Client) {
    expect_all(
        client,
        [
            (change(PASSWORD, NEW), "401 unauthenticated"),
            (change(PASSWORD, NEW).bearer("tb_nobody"), "401 invalid-token"),
        ],
    );
}
