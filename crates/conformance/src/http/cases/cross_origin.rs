//! Pages of another origin, as browsers ask for them (the CORS protocol of the Fetch standard).

use super::{
    fixtures::{MEMO, digest},
    user::{User, id},
};
use crate::http::{Client, Request, Response};

/// What `http.allowed_origins` must be for these cases.
pub const ALLOWED_ORIGINS: &str = "https://app.example.com,capacitor://localhost";
const APP: &str = "https://app.example.com";
/// What a page sends and a browser asks for first.
const SENT: &str = "authorization,content-disposition,content-type,if-match,repr-digest,x-recorded-at";

fn preflight(origin: &str, target: &str, method: &str, headers: &str) -> Request {
    let request = Request::new("OPTIONS", target).header("Origin", origin);
    request.header("Access-Control-Request-Method", method).header("Access-Control-Request-Headers", headers)
}

fn has(response: &Response, name: &str, wanted: &str) -> bool {
    let list = response.header(name).unwrap_or_default();
    list.split(',').any(|item| item.trim().eq_ignore_ascii_case(wanted))
}

/// Fails unless a page of `origin` may read it, and caches know that another may not.
fn assert_shared(response: &Response, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), Some(origin), "{response:?}");
    assert!(has(response, "vary", "Origin"), "{response:?}");
}

pub fn a_preflight_is_answered_wherever_it_asks(client: &dyn Client) {
    let targets = [
        ("PUT", "/v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("PATCH", "/v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("DELETE", "/v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("POST", "/v1/direct"),
        ("GET", "/v1/me"),
        ("GET", "/record/list"),
        ("GET", "/healthz"),
        ("GET", "/nothing/is/here"),
    ];
    for (method, target) in targets {
        let answer = client.send(&preflight(APP, target, method, SENT)).expect(200);

        assert_shared(&answer, APP);
        assert!(has(&answer, "access-control-allow-methods", method), "{answer:?}");
        for name in SENT.split(',') {
            assert!(has(&answer, "access-control-allow-headers", name), "{name}: {answer:?}");
        }
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
}

pub fn every_answer_may_be_read(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let signed = |request: Request| request.bearer(&ann.token);
    let target = format!("/v1/recordings/{}", id(&ann.upload(MEMO)));
    let upload = Request::new("PUT", &target).body("audio/mp4", MEMO).header("Repr-Digest", digest(MEMO));
    let with_tag = Request::new("GET", &target).header("If-None-Match", "\"r1\"");
    let table = [
        (signed(Request::new("GET", &target)), 200),
        (signed(Request::new("GET", format!("{target}/audio")).header("Range", "bytes=0-9")), 206),
        (signed(with_tag), 304),
        (signed(upload), 200),
        (signed(Request::new("PUT", &target).body("audio/mp4", "other")), 409),
        (Request::new("GET", &target), 401),
        (Request::new("GET", "/v1/nothing"), 404),
        (Request::new("POST", "/healthz"), 405),
        (signed(Request::new("GET", "/v1/recordings?limit=x")), 400),
        (Request::new("GET", "/openapi.json"), 200),
    ];
    for (request, status) in table {
        for origin in [APP, "capacitor://localhost"] {
            let answer = client.send(&request.clone().header("Origin", origin)).expect(status);

            assert_shared(&answer, origin);
            for name in ["ETag", "Location", "Repr-Digest", "Retry-After", "Content-Range", "X-Request-Id"] {
                assert!(has(&answer, "access-control-expose-headers", name), "{name}: {answer:?}");
            }
        }
    }
}

pub fn another_origin_is_told_nothing(client: &dyn Client) {
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"] {
        let refused = client.send(&preflight(origin, "/v1/recordings", "POST", SENT)).expect(403);
        assert_eq!(refused.problem(), "cross-origin-refused");
        assert_eq!(refused.header("access-control-allow-origin"), None, "{refused:?}");

        let answer = client.send(&Request::new("GET", "/healthz").header("Origin", origin)).expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
        assert!(has(&answer, "vary", "Origin"), "{answer:?}");
    }
}

pub fn a_preflight_for_what_nobody_sends_is_refused(client: &dyn Client) {
    for (method, headers) in [("PUT", "x-other"), ("TRACE", "authorization"), ("put", "authorization")] {
        let refused = client.send(&preflight(APP, "/v1/recordings", method, headers)).expect(403);
        assert_eq!(refused.problem(), "cross-origin-refused", "{method} {headers}");
    }
}

pub fn whoever_is_no_browser_is_answered_as_ever(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let answer = ann.get("/v1/me").expect(200);

    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(client.send(&Request::new("OPTIONS", "/v1/me")).expect(405).problem(), "method-not-allowed");
}
