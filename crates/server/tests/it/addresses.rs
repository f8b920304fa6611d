//! Where clients find the server, and find it again by what it answers, whatever stands in front.

use serde_json::{Value, json};
use tapebase_conformance::http::{
    Request,
    cases::fixtures::{MEMO, fresh_ulid, sha256},
};

use crate::server::Server;

/// The plan of a direct upload, asked for with these header fields.
fn plan(server: &Server, token: &str, fields: &[(&str, &str)]) -> Value {
    let announcement = json!({"size": MEMO.len(), "sha256": sha256(MEMO), "media_type": "audio/mp4"});
    let request = Request::new("POST", "/v1/direct").bearer(token).json(&announcement);
    let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
    server.send(&request).expect(201).json()
}

/// The first link of a plan, without what proves that it is one.
fn link(plan: &Value) -> &str {
    let url = plan["parts"][0]["url"].as_str().expect("a link");
    let (place, rest) = url.split_once("/v1/direct/").expect("a part");
    assert!(rest.contains("signature="), "{url}");
    place
}

/// What everybody can claim.
const CLAIMS: [(&str, &str); 5] = [
    ("Forwarded", "for=192.0.2.7;host=evil.example;proto=https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "8443"),
    ("X-Forwarded-Prefix", "/evil"),
];

#[test]
fn links_lead_where_the_client_found_the_server_and_nobody_else_is_believed() {
    let server = Server::start(&[("TAPEBASE_HTTP__PROXIES", "192.0.2.0/24, 2001:db8::1")]);
    let token = server.sign_up("ann");

    let plan = plan(&server, &token, &[&[("Host", "tapes.example.com:8443")], &CLAIMS[..]].concat());

    assert_eq!(link(&plan), "http://tapes.example.com:8443");
}

#[test]
fn a_proxy_that_is_configured_is_believed() {
    let server = Server::start(&[("TAPEBASE_HTTP__PROXIES", "127.0.0.1")]);
    let token = server.sign_up("ann");
    let fields = [
        ("Host", "127.0.0.1:8080"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Host", "tapes.example.com"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/tapes"),
    ];

    assert_eq!(link(&plan(&server, &token, &fields)), "https://tapes.example.com/tapes");

    let upload = Request::new("PUT", format!("/v1/recordings/{}", fresh_ulid())).bearer(&token).body("audio/mp4", MEMO);
    let upload = fields.iter().skip(1).fold(upload, |upload, (name, value)| upload.header(name, value));
    let location = server.send(&upload).expect(201).header("location").expect("somewhere").to_owned();
    assert!(location.starts_with("/tapes/v1/recordings/"), "{location}");
}

#[test]
fn where_the_operator_says_clients_find_the_server_they_find_it() {
    let server = Server::start(&[("TAPEBASE_PUBLIC_URL", "https://example.com:8443/tapes/")]);
    let token = server.sign_up("ann");

    let plan = plan(&server, &token, &CLAIMS);

    assert_eq!(link(&plan), "https://example.com:8443/tapes");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", MEMO);
    let answer = server.send(&upload).expect(201);
    let target = format!("/tapes/v1/recordings/{}", answer.json()["id"].as_str().expect("an id"));
    assert_eq!(answer.header("location"), Some(&*target));
}

/// nginx with `proxy_pass` alone names itself as the host.
#[test]
fn a_path_leads_back_behind_a_proxy_that_says_nothing() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let plan = plan(&server, &token, &[("Host", "127.0.0.1:1")]);
    assert_eq!(link(&plan), "http://127.0.0.1:1");

    let path = plan["parts"][0]["path"].as_str().expect("a path");
    assert!(path.starts_with("/v1/direct/"), "{path}");
    let _ = server.send(&Request { body: MEMO.to_vec(), ..Request::new("PUT", path) }).expect(204);

    let id = plan["id"].as_str().expect("an id");
    let completed = server.send(&Request::new("POST", format!("/v1/direct/{id}/complete")).bearer(&token)).expect(201);
    assert_eq!(completed.header("location"), Some(&*format!("/v1/recordings/{id}")));
}

#[test]
fn whoever_guesses_from_elsewhere_keeps_nobody_out_where_they_were_before() {
    let server = Server::start(&[("TAPEBASE_HTTP__PROXIES", "127.0.0.1")]);
    server.sign_up("ann");
    let log_in = |password: &str, from: &str| {
        let credentials = json!({"email": "ann@example.com", "password": password});
        let request = Request::new("POST", "/v1/auth/login").json(&credentials).header("X-Forwarded-For", from);
        server.send(&request).outcome()
    };
    assert_eq!(log_in("correct horse", "198.51.100.7"), "200");

    let guesses: Vec<_> = (0..12).map(|number| log_in("something else", &format!("203.0.{number}.7"))).collect();

    assert_eq!(guesses[..8], ["401 wrong-credentials"; 8]);
    assert_eq!(guesses[8], "429 too-many-attempts");
    assert_eq!(log_in("correct horse", "203.0.200.7"), "429 too-many-attempts");
    assert_eq!(log_in("correct horse", "198.51.100.99"), "200");
}
