//! Sessions in a cookie, for pages.

use serde_json::json;

use super::{
    fixtures::fresh_ulid,
    user::{PASSWORD, User, log_in},
};
use crate::http::{Client, Request, Response};

const NAME: &str = "__Host-tapebase";

fn from(site: &str, request: Request) -> Request {
    request.header("Sec-Fetch-Site", site)
}

fn sign_in(user: &User, site: &str) -> Request {
    let credentials = json!({"email": user.email, "password": PASSWORD});
    from(site, Request::new("POST", "/v1/auth/cookie").json(&credentials))
}

/// The value and the attributes that a response sets.
fn set_cookie(response: &Response) -> (&str, Vec<&str>) {
    let line = response.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {response:?}"));
    let mut parts = line.split("; ");
    let value = parts.next().and_then(|pair| pair.strip_prefix(NAME)?.strip_prefix('=')).expect("a cookie of ours");
    (value, parts.collect())
}

/// A request as a browser sends it that has the cookie.
fn with_cookie(request: Request, value: &str) -> Request {
    request.header("Cookie", format!("theme=dark; {NAME}={value}; other"))
}

fn me(value: &str) -> Request {
    with_cookie(Request::new("GET", "/v1/me"), value)
}

pub fn a_cookie_opens_a_session_until_its_user_signs_out(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let signed_in = client.send(&sign_in(&ann, "same-origin")).expect(200);

    let (value, attributes) = set_cookie(&signed_in);
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(attributes.contains(&attribute), "{attributes:?}");
    }
    assert!(attributes.iter().any(|attribute| attribute.starts_with("Max-Age=")), "{attributes:?}");
    assert_eq!(signed_in.json()["user"]["email"], ann.email);
    assert!(!String::from_utf8_lossy(&signed_in.body).contains(value), "a script can read it: {signed_in:?}");
    assert_eq!(client.send(&me(value)).expect(200).json()["email"], ann.email);
    let upload = Request::new("POST", "/v1/recordings").body("audio/mp4", "a memo");
    let _ = client.send(&with_cookie(from("same-origin", upload), value)).expect(201);
    // In the same browser, another sign-in takes the place of this one.
    let again = client.send(&with_cookie(sign_in(&ann, "same-origin"), value)).expect(200);
    assert_eq!(client.send(&me(value)).problem(), "invalid-token");
    let (value, _) = set_cookie(&again);

    let log_out = Request::new("POST", "/v1/auth/logout");
    let signed_out = client.send(&with_cookie(from("same-origin", log_out), value)).expect(204);

    let (none, attributes) = set_cookie(&signed_out);
    assert!(none.is_empty() && attributes.contains(&"Max-Age=0"), "{signed_out:?}");
    let over = client.send(&me(value));
    assert_eq!((over.problem(), set_cookie(&over).0), ("invalid-token".to_owned(), ""), "it is taken back");
    // Whoever signs out by a token has a session of their own in it.
    let by_token = Request::new("POST", "/v1/auth/logout").header("Cookie", format!("{NAME}=other"));
    assert_eq!(ann.send(by_token).expect(204).header("set-cookie"), None);
}

pub fn a_cookie_changes_nothing_for_a_page_of_another_origin(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let signed_in = client.send(&sign_in(&ann, "same-origin")).expect(200);
    let (value, _) = set_cookie(&signed_in);
    let description = client.send(&Request::new("GET", "/openapi.json")).expect(200).json();
    let paths = description["paths"].as_object().expect("paths");

    let mut tried = 0;
    for (path, operations) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let operation = &operations[method.to_ascii_lowercase()];
            // Who is not asked who they are is not known by a cookie either.
            let schemes = operation["security"].as_array();
            if operation.is_null() || schemes.is_some_and(Vec::is_empty) {
                continue;
            }
            let takes_cookie = schemes.is_none_or(|schemes| schemes.iter().any(|it| it["cookie"].is_array()));
            let refusal = if takes_cookie { "cross-origin-refused" } else { "unauthenticated" };
            let target = path.replace("{number}", "1").replace("{provider}", "test").replace("{id}", &fresh_ulid());
            let request = || with_cookie(Request::new(method, &target), value);
            for forged in [
                from("cross-site", request()),
                from("same-site", request()),
                request().header("Origin", "https://evil.example"),
                request().header("Origin", "null"),
                request(),
            ] {
                assert_eq!(client.send(&forged).problem(), refusal, "{forged:?}");
            }
            tried += 1;
        }
    }

    assert!(tried > 15, "only {tried} operations");
    assert_eq!(client.send(&me(value)).expect(200).json()["email"], ann.email);
}

pub fn a_page_of_another_origin_signs_nobody_in(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for site in ["cross-site", "same-site"] {
        let refused = client.send(&sign_in(&ann, site));

        assert_eq!(refused.problem(), "cross-origin-refused");
        assert_eq!(refused.header("set-cookie"), None);
    }
}

pub fn a_token_goes_before_a_cookie(client: &dyn Client) {
    let [ann, ben] = ["ann", "ben"].map(|name| User::sign_up(client, name));
    let signed_in = client.send(&sign_in(&ann, "same-origin")).expect(200);
    let (value, _) = set_cookie(&signed_in);

    // What changes something, too: no page of another origin has the token.
    let request = with_cookie(from("cross-site", Request::new("POST", "/v1/auth/logout")), value).bearer(&ben.token);
    let _ = client.send(&request).expect(204);

    assert_eq!(ben.get("/v1/me").problem(), "invalid-token");
    let _ = client.send(&me(value)).expect(200);
    assert_eq!(client.send(&me(value).bearer("tb_wrong")).problem(), "invalid-token");
}

pub fn what_is_no_cookie_of_a_session_signs_nobody_in(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for (cookie, outcome) in [
        (String::new(), "401 unauthenticated"),
        ("tapebase".to_owned(), "401 unauthenticated"),
        (format!("tapebase={}", ann.token), "401 unauthenticated"),
        (NAME.to_owned(), "401 unauthenticated"),
        (format!("{NAME}="), "401 invalid-token"),
        (format!("{NAME}=\"{}\"", ann.token), "401 invalid-token"),
        (format!("{NAME}={}x", ann.token), "401 invalid-token"),
        // Whoever has the token may send it as they like.
        (format!("a=b;{NAME}={}", ann.token), "200"),
    ] {
        let answer = client.send(&Request::new("GET", "/v1/me").header("Cookie", &cookie));

        assert_eq!(answer.outcome(), outcome, "{cookie:?}");
    }
    assert_eq!(client.send(&log_in(&ann.email, PASSWORD)).expect(200).header("set-cookie"), None);
}
