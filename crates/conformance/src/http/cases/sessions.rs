//! Looking after one's sessions.

use serde_json::Value;

use super::user::{PASSWORD, User, id, log_in, token};
use crate::{
    http::{Client, Request},
    samples,
};

const SESSIONS: &str = "/v1/me/sessions";

fn sessions(user: &User) -> Vec<Value> {
    user.read(SESSIONS)["items"].as_array().expect("a list").clone()
}

/// The session the user came by.
fn current(user: &User) -> String {
    let current: Vec<_> = sessions(user).into_iter().filter(|session| session["current"] == true).collect();
    let [session] = &current[..] else { panic!("current: {current:?}") };
    id(session)
}

fn close(user: &User, id: &str) -> String {
    user.send(Request::new("DELETE", format!("{SESSIONS}/{id}"))).outcome()
}

fn is_signed_in(user: &User) -> bool {
    match &*user.get("/v1/me").outcome() {
        "200" => true,
        "401 invalid-token" => false,
        other => panic!("{other}"),
    }
}

pub fn sessions_are_listed_the_newest_first(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let laptop = phone.log_in_again();
    let web = phone.log_in_again();

    let listed = laptop.get(SESSIONS).expect(200);

    assert_eq!(listed.header("cache-control"), Some("no-store"));
    let ids: Vec<String> = sessions(&laptop).iter().map(id).collect();
    assert_eq!(ids, [&web, &laptop, &phone].map(current));
}

pub fn sessions_come_in_pages(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    for _ in 0..4 {
        let _ = ann.log_in_again();
    }
    let all: Vec<String> = sessions(&ann).iter().map(id).collect();
    assert_eq!(all.len(), 5);

    let (mut walked, mut target, mut pages) = (Vec::new(), format!("{SESSIONS}?limit=2"), 0);
    loop {
        let page = ann.read(&target);
        pages += 1;
        walked.extend(page["items"].as_array().expect("a list").iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        target = format!("{SESSIONS}?limit=2&cursor={cursor}");
    }

    assert_eq!((walked, pages), (all, 3));
    for query in ["limit=0", "limit=201", "limit=x", "cursor=memo"] {
        ann.expect_all([(Request::new("GET", format!("{SESSIONS}?{query}")), "400 invalid-parameter")]);
    }
}

pub fn a_session_shows_its_times_and_never_its_token(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let listed = ann.get(SESSIONS).expect(200);

    let session = &listed.json()["items"][0];
    let time = |member: &str| samples::local(session[member].as_str().expect("a time"));
    assert!(time("created_at") <= time("last_used_at") && time("last_used_at") < time("expires_at"), "{session}");
    assert!(!String::from_utf8_lossy(&listed.body).contains(&ann.token[3..]), "{listed:?}");
}

pub fn a_session_shows_what_its_client_calls_itself(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let agent = "Recorder/2.1 (Pixel 9; Android 16)";
    for agent in [agent, &"x".repeat(300)] {
        let _ = client.send(&log_in(&ann.email, PASSWORD).header("User-Agent", agent)).expect(200);
    }

    let clients: Vec<Value> = sessions(&ann).into_iter().map(|session| session["client"].clone()).collect();

    assert_eq!(clients, [Value::from("x".repeat(200)), agent.into(), "".into()]);
}

pub fn a_session_is_read_by_its_id_in_any_letter_case(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let _other = ann.log_in_again();

    for session in sessions(&ann) {
        for id in [id(&session), id(&session).to_lowercase()] {
            let answer = ann.get(&format!("{SESSIONS}/{id}")).expect(200);
            assert_eq!(answer.json(), session);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

pub fn what_is_not_ones_own_session_is_not_found(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let targets = ["memo", "..", "01JD9Z8Q3NVX4T6M2K7C5B1ARE", "current", &current(&bob)];

    for target in targets.map(|id| format!("{SESSIONS}/{id}")) {
        ann.expect_all([
            (Request::new("GET", &target), "404 not-found"),
            (Request::new("HEAD", &target), "404"),
            (Request::new("DELETE", &target), "404 not-found"),
        ]);
    }
    assert!(is_signed_in(&bob));
}

pub fn closing_a_session_ends_it_at_once_and_no_other(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let laptop = phone.log_in_again();
    let lost = current(&phone);
    assert!(is_signed_in(&phone));

    assert_eq!(close(&laptop, &lost), "204");

    assert!(!is_signed_in(&phone));
    assert!(is_signed_in(&laptop));
    assert_eq!(sessions(&laptop).len(), 1);
    assert_eq!(close(&laptop, &lost), "404 not-found");
}

pub fn the_session_in_use_can_be_closed(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    assert_eq!(close(&ann, &current(&ann).to_lowercase()), "204");

    assert!(!is_signed_in(&ann));
}

pub fn closing_all_sessions_signs_out_everywhere(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let laptop = phone.log_in_again();
    let bob = User::sign_up(client, "bob");

    let _ = phone.send(Request::new("DELETE", SESSIONS)).expect(204);

    assert!(!is_signed_in(&phone));
    assert!(!is_signed_in(&laptop));
    assert!(is_signed_in(&bob));
}

pub fn logging_out_ends_the_session_in_use_and_no_other(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let laptop = phone.log_in_again();

    let _ = phone.send(Request::new("POST", "/v1/auth/logout")).expect(204);

    assert!(!is_signed_in(&phone));
    assert!(is_signed_in(&laptop));
    let again = phone.send(Request::new("POST", "/v1/auth/logout"));
    assert_eq!(again.outcome(), "401 invalid-token");
    let grant = client.send(&log_in(&phone.email, PASSWORD)).expect(200);
    assert_ne!(token(&grant), phone.token);
}
