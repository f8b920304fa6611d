//! Leaving for good.

use serde_json::json;

use super::{
    expect_all,
    user::{PASSWORD, User, id, log_in, sign_up, token},
};
use crate::http::{Client, Request, text};

fn leave() -> Request {
    Request::new("DELETE", "/v1/me")
}

pub fn who_leaves_is_told_by_when_nothing_is_left(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let user = ann.read("/v1/me")["id"].clone();

    let receipt = ann.send(leave()).expect(202).json();

    assert_eq!(receipt["user_id"], user);
    assert!(text(&receipt, "begins_at") < text(&receipt, "completed_by"), "{receipt}");
    assert!(receipt["backups_expire_by"].is_null(), "nobody has said for how long: {receipt}");
}

pub fn who_has_left_is_signed_out_everywhere_and_their_links_end(client: &dyn Client) {
    let phone = User::sign_up(client, "ann");
    let laptop = phone.log_in_again();
    let recording = phone.upload("speech");
    let ask = Request::new("POST", format!("/v1/recordings/{}/link", text(&recording, "id")));
    let link = phone.send(ask).expect(200).json();
    let play = || Request::new("GET", text(&link, "path"));
    let _ = client.send(&play()).expect(200);

    let _ = laptop.send(leave()).expect(202);

    for device in [&phone, &laptop] {
        device.expect_all([
            (Request::new("GET", "/v1/me"), "401 invalid-token"),
            (Request::new("GET", "/v1/recordings"), "401 invalid-token"),
            (leave(), "401 invalid-token"),
        ]);
    }
    expect_all(client, [(play(), "403 invalid-link"), (log_in(&phone.email, PASSWORD), "401 wrong-credentials")]);
}

pub fn an_address_of_somebody_who_has_left_is_anybodys(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let before = ann.read("/v1/me");
    let recording = id(&ann.upload("speech"));
    let _ = ann.send(leave()).expect(202);

    let grant = client.send(&sign_up(&ann.email, "another password")).expect(201);

    let newcomer = User::log_in(client, &ann.email, "another password");
    let me = newcomer.read("/v1/me");
    assert_ne!(me["id"], before["id"]);
    assert_eq!((&me["usage"]["recordings"], &me["usage"]["bytes"]), (&json!(0), &json!(0)));
    assert_eq!(newcomer.read("/v1/recordings")["items"], json!([]));
    assert_eq!(newcomer.get(&format!("/v1/recordings/{recording}")).outcome(), "404 not-found");
    let _ = client.send(&leave().bearer(&token(&grant))).expect(202);
}

pub fn leaving_takes_nothing_from_others(client: &dyn Client) {
    let (ann, bob) = (User::sign_up(client, "ann"), User::sign_up(client, "bob"));
    let (_, his) = (ann.upload("hers"), id(&bob.upload("his")));

    let _ = ann.send(leave()).expect(202);

    assert_eq!(bob.get(&format!("/v1/recordings/{his}/audio")).expect(200).body, b"his");
    assert_eq!(bob.read("/v1/me")["usage"]["recordings"], 1);
}

pub fn leaving_takes_one_who_is_signed_in(client: &dyn Client) {
    expect_all(client, [(leave(), "401 unauthenticated"), (leave().bearer("tb_nobody"), "401 invalid-token")]);
}
