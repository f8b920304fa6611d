//! What one signs in with.

use serde_json::{Value, json};

use super::{
    at_once, expect_all,
    user::{PASSWORD, User, fresh_email, log_in},
};
use crate::http::{Client, Request, text};

const IDENTITIES: &str = "/v1/me/identities";

fn link(email: &str, password: &str) -> Request {
    Request::new("POST", IDENTITIES).json(&json!({"email": email, "password": password}))
}

fn unlink(identity: &Value) -> Request {
    Request::new("DELETE", format!("{IDENTITIES}/{}", text(identity, "id")))
}

fn identities(user: &User<'_>) -> Vec<Value> {
    user.read(IDENTITIES)["items"].as_array().expect("a list").clone()
}

pub fn a_new_user_has_the_identity_they_signed_up_with(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let [identity] = &identities(&ann)[..] else { panic!("one identity") };

    assert_eq!((text(identity, "type"), text(identity, "subject")), ("email", &*ann.email));
    assert_eq!(identity["provider"], Value::Null);
    assert_eq!(identity["linked_at"], ann.read("/v1/me")["created_at"]);
}

pub fn a_linked_email_address_signs_in_to_the_same_account(client: &dyn Client) {
    let (ann, other) = (User::sign_up(client, "ann"), fresh_email("anna"));

    let answer = ann.send(link(&other.to_uppercase(), PASSWORD)).expect(201);

    let linked = answer.json();
    assert_eq!(text(&linked, "subject"), other);
    assert_eq!(ann.read(answer.header("location").expect("its path")), linked);
    assert_eq!(identities(&ann)[1..], [linked]);
    let grant = client.send(&log_in(&other, PASSWORD)).expect(200).json();
    assert_eq!(grant["user"]["id"], ann.read("/v1/me")["id"]);
    // It is still Ann's first address that she is known by.
    assert_eq!(text(&grant["user"], "email"), ann.email);
}

/// As by a client that got no answer.
pub fn linking_an_address_again_is_answered_the_same(client: &dyn Client) {
    let (ann, other) = (User::sign_up(client, "ann"), fresh_email("anna"));

    let answers = at_once(4, |_| ann.send(link(&other, PASSWORD)).expect(201).json());

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(identities(&ann).len(), 2);
}

pub fn an_address_of_somebody_else_is_not_linked(client: &dyn Client) {
    let (ann, bob) = (User::sign_up(client, "ann"), User::sign_up(client, "bob"));

    ann.expect_all([(link(&bob.email, PASSWORD), "409 email-taken")]);

    let rivals = [&ann, &bob];
    let other = fresh_email("both");
    let outcomes = at_once(2, |number| rivals[number].send(link(&other, PASSWORD)).outcome());
    assert!(outcomes.contains(&"201".to_owned()) && outcomes.contains(&"409 email-taken".to_owned()), "{outcomes:?}");
}

pub fn an_address_is_linked_by_whoever_knows_the_password(client: &dyn Client) {
    let (ann, other) = (User::sign_up(client, "ann"), fresh_email("anna"));

    ann.expect_all([
        (link(&other, "something else"), "403 wrong-password"),
        (link(&ann.email, "something else"), "403 wrong-password"),
        (link(&other, "short"), "400 invalid-password"),
        (link("nobody", PASSWORD), "400 invalid-email"),
        (Request::new("POST", IDENTITIES).json(&json!({"email": other})), "400 invalid-body"),
    ]);

    assert_eq!(identities(&ann).len(), 1);
    expect_all(client, [(log_in(&other, PASSWORD), "401 wrong-credentials")]);
}

pub fn an_address_that_is_unlinked_lets_nobody_in(client: &dyn Client) {
    let (ann, other) = (User::sign_up(client, "ann"), fresh_email("anna"));
    let _ = ann.send(link(&other, PASSWORD)).expect(201);
    let first = identities(&ann).remove(0);

    let answer = ann.send(unlink(&first)).expect(204);

    assert!(answer.body.is_empty(), "{answer:?}");
    expect_all(client, [(log_in(&ann.email, PASSWORD), "401 wrong-credentials"), (log_in(&other, PASSWORD), "200")]);
    ann.expect_all([(unlink(&first), "404 not-found")]);
    assert_eq!(text(&ann.read("/v1/me"), "email"), other);
    // Whoever signs up with it has an account of their own.
    let somebody = client.send(&super::user::sign_up(&ann.email, PASSWORD)).expect(201).json();
    assert_ne!(somebody["user"]["id"], ann.read("/v1/me")["id"]);
}

pub fn the_last_identity_is_not_unlinked(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let _ = ann.send(link(&fresh_email("anna"), PASSWORD)).expect(201);
    let both = identities(&ann);

    let outcomes = at_once(2, |number| ann.send(unlink(&both[number])).outcome());

    assert!(outcomes.contains(&"204".to_owned()) && outcomes.contains(&"409 last-identity".to_owned()), "{outcomes:?}");
    assert_eq!(identities(&ann).len(), 1);
}

pub fn identities_of_others_are_not_there(client: &dyn Client) {
    let (ann, bob) = (User::sign_up(client, "ann"), User::sign_up(client, "bob"));
    let hers = identities(&ann).remove(0);

    bob.expect_all([
        (unlink(&hers), "404 not-found"),
        (Request::new("GET", format!("{IDENTITIES}/{}", text(&hers, "id"))), "404 not-found"),
        (Request::new("DELETE", format!("{IDENTITIES}/nonsense")), "404 not-found"),
    ]);

    assert_eq!(identities(&ann), [hers]);
}

pub fn a_user_has_twenty_identities_at_most(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    for _ in 1..20 {
        let _ = ann.send(link(&fresh_email("anna"), PASSWORD)).expect(201);
    }

    ann.expect_all([(link(&fresh_email("anna"), PASSWORD), "409 too-many-identities")]);

    let last = identities(&ann).remove(19);
    ann.expect_all([(link(text(&last, "subject"), PASSWORD), "201"), (unlink(&last), "204")]);
    ann.expect_all([(link(&fresh_email("anna"), PASSWORD), "201")]);
}

pub fn identities_take_one_who_is_signed_in(client: &dyn Client) {
    let email = fresh_email("anna");
    expect_all(
        client,
        [
            (Request::new("GET", IDENTITIES), "401 unauthenticated"),
            (link(&email, PASSWORD), "401 unauthenticated"),
            (link(&email, PASSWORD).bearer("tb_nobody"), "401 invalid-token"),
            (Request::new("DELETE", format!("{IDENTITIES}/x")), "401 unauthenticated"),
        ],
    );
}
