//! Where clients find the server, and find it again by what it answers, whatever stands in front.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

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
    let (ann, bob) = (server.sign_up("ann"), server.sign_up("bob"));
    let request = |password: &str, from: &str| {
        let credentials = json!({"email": "ann@example.com", "password": password});
        Request::new("POST", "/v1/auth/login").json(&credentials).header("X-Forwarded-For", from)
    };
    let log_in = |password: &str, from: &str| server.send(&request(password, from)).outcome();
    assert_eq!(log_in("correct horse", "198.51.100.7"), "200");

    let guesses: Vec<_> = (0..12).map(|number| log_in("something else", &format!("203.0.{number}.7"))).collect();

    assert_eq!(guesses[..8], ["401 wrong-credentials"; 8]);
    assert_eq!(guesses[8], "429 too-many-attempts");
    assert_eq!(log_in("correct horse", "203.0.200.7"), "429 too-many-attempts");
    assert_eq!(log_in("correct horse", "198.51.100.99"), "200");
    let with = |token: &str, password: &str| server.send(&request(password, "203.0.201.7").bearer(token)).outcome();
    for token in ["tb_0123456789", "nothing", &bob] {
        assert_eq!(with(token, "correct horse"), "429 too-many-attempts", "{token}");
    }
    assert_eq!(with(&ann, "something else"), "401 wrong-credentials");
    assert_eq!(with(&ann, "correct horse"), "200", "whoever has a session already");
    assert_eq!(log_in("correct horse", "203.0.201.8"), "200", "where they were is known from now on");
    // Who has it as well, and guesses, holds up nobody at home.
    let guesses: Vec<_> = (0..40).map(|_| with(&ann, "something else")).collect();
    assert!(guesses.contains(&"429 too-many-attempts".to_owned()), "{guesses:?}");
    assert_eq!(server.send(&request("correct horse", "198.51.100.7").bearer(&ann)).outcome(), "200");
}

#[test]
fn one_address_has_so_many_wrong_passwords_and_sign_ups_and_others_have_theirs() {
    let server = Server::start(&[
        ("TAPEBASE_HTTP__PROXIES", "127.0.0.1"),
        ("TAPEBASE_LIMITS__WRONG_PASSWORDS_PER_ADDRESS", "20"),
        ("TAPEBASE_LIMITS__SIGN_UPS_PER_ADDRESS", "12"),
    ]);
    let ask = |path: &str, name: &str, from: &str| {
        let credentials = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
        server.send(&Request::new("POST", path).json(&credentials).header("X-Forwarded-For", from))
    };
    let sign_up = |name: &str, from: &str| ask("/v1/auth/signup", name, from);
    let log_in = |name: &str, from: &str| ask("/v1/auth/login", name, from);

    let made: Vec<_> = (0..4).map(|number| sign_up(&format!("ann{number}"), "192.0.2.7").outcome()).collect();
    assert_eq!(made, ["201", "201", "201", "429 too-many-requests"]);
    assert_eq!(sign_up("bob", "192.0.2.8").outcome(), "201");
    let wrong: Vec<_> = (0..6).map(|number| log_in(&format!("nobody{number}"), "2001:db8::7").outcome()).collect();
    assert_eq!(wrong[..5], ["401 wrong-credentials"; 5]);
    assert_eq!(wrong[5], "429 too-many-requests");
    let refused = log_in("bob", "2001:db8::8");
    assert_eq!(refused.outcome(), "429 too-many-requests", "64 bits are one client");
    let seconds: u32 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((60..=180).contains(&seconds), "{seconds}");
    assert_eq!(log_in("bob", "2001:db8:0:1::8").outcome(), "200");
}

/// By hand with many more: `FLOOD=200`.
#[test]
fn whoever_floods_the_queue_of_hashes_from_one_address_leaves_room_for_others() {
    let flood = std::env::var_os("FLOOD").and_then(|flood| flood.to_str()?.parse().ok()).unwrap_or(40);
    let server = Server::start(&[
        ("TAPEBASE_HTTP__PROXIES", "127.0.0.1"),
        ("TAPEBASE_LIMITS__WRONG_PASSWORDS_PER_ADDRESS", "0"),
    ]);
    for number in 0..20 {
        server.sign_up(&format!("ann{number}"));
    }
    let log_in = |name: &str, password: &str, from: &str| {
        let credentials = json!({"email": format!("{name}@example.com"), "password": password});
        let request = Request::new("POST", "/v1/auth/login").json(&credentials).header("X-Forwarded-For", from);
        server.send(&request).status
    };
    let is_over = AtomicBool::new(false);

    let honest = thread::scope(|scope| {
        for number in 0..flood {
            let (is_over, log_in) = (&is_over, &log_in);
            scope.spawn(move || {
                for round in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    log_in(&format!("nobody{number}-{round}"), "something else", "203.0.113.7");
                }
            });
        }
        let honest: Vec<_> = (0..20)
            .map(|number| {
                let since = Instant::now();
                let status = log_in(&format!("ann{number}"), "correct horse", &format!("198.51.{number}.7"));
                (status, since.elapsed())
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        honest
    });

    let good = honest.iter().filter(|(status, took)| *status == 200 && *took < Duration::from_secs(3)).count();
    assert!(good >= 19, "{honest:?}");
}

#[test]
fn one_address_has_so_many_requests_that_prove_nothing_and_those_who_prove_something_any_number() {
    let server =
        Server::start(&[("TAPEBASE_HTTP__PROXIES", "127.0.0.1"), ("TAPEBASE_LIMITS__REQUESTS_PER_ADDRESS", "20")]);
    let token = server.sign_up("ann");
    let link = playback_link(&server, &token);
    let ask = |target: &str, from: &str| Request::new("GET", target).header("X-Forwarded-For", from);
    let outcome = |request: &Request| server.send(request).outcome();
    let refused = "429 too-many-requests";
    for (request, answered) in [
        (ask("/openapi.json", "192.0.2.7"), "200"),
        (ask("/v1/me", "192.0.2.8"), "401 unauthenticated"),
        (ask("/v1/me", "192.0.2.7").bearer("tb_0123456789"), "401 invalid-token"),
        (ask("/v1/me", "192.0.2.8").header("Cookie", "__Host-tapebase=x"), "401 invalid-token"),
        // Where no token is looked at, one proves nothing.
        (ask("/openapi.json", "192.0.2.9").bearer("tb_0123456789"), "200"),
        (ask("/v1/play/x/audio.m4a", "192.0.2.9"), "403 invalid-link"),
    ] {
        assert!((0..20).all(|_| outcome(&request) == answered), "{request:?}");
        assert_eq!(outcome(&request), refused, "{request:?}");
    }

    let answer = server.send(&ask("/openapi.json", "192.0.2.7"));

    let seconds: u64 = answer.header("retry-after").and_then(|value| value.parse().ok()).expect("seconds");
    assert!((1..=3).contains(&seconds), "one in three seconds: {seconds}");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"requests\";q=20;w=60"));
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"requests\";r=0;t={seconds}")));
    // A phone that shares the address sends what it has recorded, people listen to what somebody has shared with them, and
    // the server is watched.
    for request in [
        ask("/v1/me", "192.0.2.7").bearer(&token),
        ask(&link, "192.0.2.9"),
        ask("/healthz", "192.0.2.7"),
        // Nobody knows whose address it is.
        Request::new("GET", "/openapi.json"),
    ] {
        assert!((0..60).all(|_| outcome(&request) == "200"), "{request:?}");
    }
}

/// Where a recording of somebody's plays without a token.
fn playback_link(server: &Server, token: &str) -> String {
    let upload = Request::new("POST", "/v1/recordings").bearer(token).body("audio/mp4", MEMO);
    let recording = server.send(&upload).expect(201).json();
    let id = recording["id"].as_str().expect("an id");
    let link = Request::new("POST", format!("/v1/recordings/{id}/link")).bearer(token);
    server.send(&link).expect(200).json()["path"].as_str().expect("a path").to_owned()
}

#[test]
fn one_user_has_so_many_requests_if_the_operator_says_so() {
    let server = Server::start(&[("TAPEBASE_LIMITS__REQUESTS_PER_USER", "20")]);
    let (ann, bob) = (server.sign_up("ann"), server.sign_up("bob"));
    let me = |token: &str| server.send(&Request::new("GET", "/v1/me").bearer(token)).outcome();

    assert!((0..20).all(|_| me(&ann) == "200"));

    assert_eq!(me(&ann), "429 too-many-requests");
    assert_eq!(me(&bob), "200");
}
