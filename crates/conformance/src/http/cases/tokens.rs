//! API tokens: what each scope is for, and how they end.

use serde_json::{Value, json};
use tapebase_domain::digest::Sha256;

use super::{
    expect_all,
    fixtures::fresh_ulid,
    user::{PASSWORD, User, id},
};
use crate::http::{Client, Request, Response, text};

fn create(body: &Value) -> Request {
    Request::new("POST", "/v1/me/tokens").json(body)
}

/// A token of somebody's, and its id.
fn token(user: &User<'_>, body: &Value) -> (String, String) {
    let grant = user.send(create(body)).expect(201).json();
    (text(&grant, "access_token").to_owned(), text(&grant["token"], "id").to_owned())
}

fn scoped(user: &User<'_>, scopes: &[&str]) -> String {
    token(user, &json!({"name": "laptop", "scopes": scopes})).0
}

fn sha256() -> String {
    Sha256::of(b"speech").to_hex()
}

fn upload(path: &str) -> Request {
    Request::new("PUT", path).body("audio/mp4", b"speech")
}

pub fn an_api_token_is_shown_once_and_described_from_then_on(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let created = ann.send(create(&json!({"name": " Backup script ", "scopes": ["read"]}))).expect(201);

    assert_eq!(created.header("cache-control"), Some("no-store"));
    let grant = created.json();
    let secret = text(&grant, "access_token");
    assert!(secret.len() == 42 && secret.starts_with("tba_"), "a prefix to search leaks for");
    let described = &grant["token"];
    let path = format!("/v1/me/tokens/{}", text(described, "id"));
    assert_eq!(created.header("location"), Some(&*path));
    assert_eq!((&described["name"], &described["scopes"]), (&json!("Backup script"), &json!(["read"])));
    assert_eq!((&described["recording_id"], &described["last_used_at"]), (&Value::Null, &Value::Null));
    assert_eq!(ann.read(&path), *described);
    assert_eq!(ann.read("/v1/me/tokens")["items"], json!([described]));
    assert!(!ann.read("/v1/me/tokens").to_string().contains(secret));

    let _ = client.send(&Request::new("GET", "/v1/recordings").bearer(secret)).expect(200);

    assert!(ann.read(&path)["last_used_at"].is_string());
}

pub fn a_scope_is_for_what_it_says(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let there = id(&ann.upload("there"));
    let recording = format!("/v1/recordings/{there}");
    let [read, send, full] = [["read"], ["upload"], ["full"]].map(|scopes| scoped(&ann, &scopes));
    let refused = "403 insufficient-scope";
    let requests = || {
        let rename = Request::new("PATCH", recording.clone()).json(&json!({"name": "renamed"}));
        let announcement = json!({"media_type": "audio/mp4", "size": 6, "sha256": sha256()});
        [
            (Request::new("GET", "/v1/recordings"), ["200", refused, "200"]),
            (Request::new("GET", recording.clone()), ["200", refused, "200"]),
            (Request::new("GET", format!("{recording}/audio")), ["200", refused, "200"]),
            (Request::new("GET", "/v1/changes"), ["200", refused, "200"]),
            (upload(&format!("/v1/recordings/{}", fresh_ulid())), [refused, "201", "201"]),
            (Request::new("POST", "/v1/recordings").body("audio/mp4", b"speech"), [refused, "201", "201"]),
            (Request::new("POST", "/v1/direct").json(&announcement), [refused, "201", "201"]),
            (Request::new("GET", "/v1/direct"), [refused, "200", "200"]),
            (rename, [refused, refused, "200"]),
            (Request::new("DELETE", format!("/v1/recordings/{}", fresh_ulid())), [refused, refused, "404 not-found"]),
        ]
    };

    for (place, token) in [read, send, full].iter().enumerate() {
        expect_all(client, requests().into_iter().map(|(request, outcomes)| (request.bearer(token), outcomes[place])));
    }
}

pub fn what_is_of_the_account_takes_one_who_is_signed_in(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let recording = id(&ann.upload("speech"));
    let full = scoped(&ann, &["full"]);
    let refused = "403 insufficient-scope";
    let password = json!({"current_password": PASSWORD, "new_password": "another password"});

    expect_all(
        client,
        [
            (Request::new("GET", "/v1/me"), refused),
            (Request::new("DELETE", "/v1/me"), refused),
            (Request::new("PUT", "/v1/me/password").json(&password), refused),
            (Request::new("GET", "/v1/me/sessions"), refused),
            (Request::new("DELETE", "/v1/me/sessions"), refused),
            (Request::new("GET", "/v1/me/identities"), refused),
            (Request::new("GET", "/v1/me/tokens"), refused),
            (create(&json!({"name": "more", "scopes": ["full"]})), refused),
            (Request::new("POST", "/v1/auth/logout"), refused),
            (Request::new("POST", format!("/v1/recordings/{recording}/link")), refused),
            (Request::new("GET", "/v1/recordings?include=link"), refused),
        ]
        .map(|(request, outcome)| (request.bearer(&full), outcome)),
    );
    let challenge = client.send(&Request::new("GET", "/v1/me").bearer(&scoped(&ann, &["upload"])));
    assert_eq!(challenge.status, 403);
    let challenge = client.send(&Request::new("GET", "/v1/recordings").bearer(&scoped(&ann, &["upload"])));
    let said = challenge.header("www-authenticate").unwrap_or_default();
    assert!(said.ends_with(r#"error="insufficient_scope", scope="read""#), "{said}");
}

pub fn a_token_for_one_recording_uploads_that_and_nothing_else(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (own, other, parts) = (fresh_ulid(), fresh_ulid(), fresh_ulid());
    let made = |id: &str| token(&ann, &json!({"name": "phone", "scopes": ["upload"], "recording_id": id})).0;
    let (of_own, of_parts) = (made(&own), made(&parts));
    let refused = "403 insufficient-scope";
    let announce = |id: &str| {
        let body = json!({"id": id, "media_type": "audio/mp4", "size": 6, "sha256": sha256()});
        Request::new("POST", "/v1/direct").json(&body)
    };

    let outcomes = [
        (upload(&format!("/v1/recordings/{other}")), refused),
        (Request::new("POST", "/v1/recordings").body("audio/mp4", b"speech"), refused),
        (announce(&other), refused),
        (Request::new("GET", "/v1/direct"), refused),
        (Request::new("GET", format!("/v1/direct/{other}")), refused),
        (Request::new("POST", format!("/v1/direct/{other}/complete")), refused),
        (Request::new("DELETE", format!("/v1/direct/{other}")), refused),
        (Request::new("GET", format!("/v1/recordings/{own}")), refused),
        (upload(&format!("/v1/recordings/{}", own.to_lowercase())), "201"),
        (upload(&format!("/v1/recordings/{own}")), "200"),
    ];
    expect_all(client, outcomes.map(|(request, outcome)| (request.bearer(&of_own), outcome)));
    let outcomes = [
        (announce(&parts), "201"),
        (Request::new("GET", format!("/v1/direct/{parts}")), "200"),
        (Request::new("DELETE", format!("/v1/direct/{parts}")), "204"),
    ];
    expect_all(client, outcomes.map(|(request, outcome)| (request.bearer(&of_parts), outcome)));
    assert_eq!(ann.get(&format!("/v1/recordings/{own}/audio")).expect(200).body, b"speech");
}

/// As an upload in the background does that outlives the session.
pub fn a_token_outlives_the_session_until_it_is_revoked(client: &dyn Client) {
    let (ann, bob) = (User::sign_up(client, "ann"), User::sign_up(client, "bob"));
    let (secret, id) = token(&ann, &json!({"name": "phone", "scopes": ["upload"]}));
    let send = || client.send(&upload(&format!("/v1/recordings/{}", fresh_ulid())).bearer(&secret)).outcome();

    let _ = ann.send(Request::new("DELETE", "/v1/me/sessions")).expect(204);
    assert_eq!(send(), "201");
    let ann = ann.log_in_again();
    let path = format!("/v1/me/tokens/{id}");
    assert_eq!(bob.send(Request::new("DELETE", path.clone())).outcome(), "404 not-found");
    assert_eq!(send(), "201");

    let _ = ann.send(Request::new("DELETE", path.clone())).expect(204);

    assert_eq!(send(), "401 invalid-token");
    ann.expect_all([
        (Request::new("GET", path.clone()), "404 not-found"),
        (Request::new("DELETE", path), "404 not-found"),
    ]);
}

pub fn a_token_ends_with_its_account(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let secret = scoped(&ann, &["full"]);

    let _ = ann.send(Request::new("DELETE", "/v1/me")).expect(202);

    let answer: Response = client.send(&Request::new("GET", "/v1/recordings").bearer(&secret));
    assert_eq!(answer.outcome(), "401 invalid-token");
}

pub fn what_is_no_token_that_can_be_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let long = "x".repeat(201);

    let bodies = [
        json!({}),
        json!({"name": "x"}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["root"]}),
        json!({"name": "x", "scopes": "read"}),
        json!({"name": " ", "scopes": ["read"]}),
        json!({"name": long, "scopes": ["read"]}),
        json!({"name": "x", "scopes": ["read"], "expires_at": "2026-01-01T00:00:00Z"}),
        json!({"name": "x", "scopes": ["read"], "expires_at": "2126-01-01T00:00:00Z"}),
        json!({"name": "x", "scopes": ["read"], "expires_at": "tomorrow"}),
        json!({"name": "x", "scopes": ["read", "upload"], "recording_id": fresh_ulid()}),
        json!({"name": "x", "scopes": ["upload"], "more": 1}),
    ];
    ann.expect_all(bodies.iter().map(|body| (create(body), "400 invalid-body")));
    let body = json!({"name": "x", "scopes": ["upload"], "recording_id": "../1"});
    assert_eq!(ann.send(create(&body)).outcome(), "400 invalid-id");
    assert_eq!(ann.read("/v1/me/tokens")["items"], json!([]));
    let forged = format!("tba_{}", "0".repeat(38));
    let answer = client.send(&Request::new("GET", "/v1/recordings").bearer(&forged));
    assert_eq!(answer.outcome(), "401 invalid-token");
}
