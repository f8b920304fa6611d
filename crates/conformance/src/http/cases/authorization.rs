//! Who is let in by which `Authorization`.

use super::{
    expect_all,
    fixtures::fresh_ulid,
    user::{User, id},
};
use crate::http::{Client, Request};

/// Everything that is somebody's.
fn private_endpoints() -> Vec<Request> {
    let recording = format!("/v1/recordings/{}", fresh_ulid());
    let (audio, session) = (format!("{recording}/audio"), format!("/v1/me/sessions/{}", fresh_ulid()));
    let upload = format!("/v1/direct/{}", fresh_ulid());
    let endpoints = [
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/me"),
        ("HEAD", "/v1/me"),
        ("GET", "/v1/me/sessions"),
        ("HEAD", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions"),
        ("GET", &session),
        ("HEAD", &session),
        ("DELETE", &session),
        ("GET", "/v1/recordings"),
        ("HEAD", "/v1/recordings"),
        ("POST", "/v1/recordings"),
        ("GET", &recording),
        ("HEAD", &recording),
        ("PUT", &recording),
        ("PATCH", &recording),
        ("DELETE", &recording),
        ("GET", &audio),
        ("HEAD", &audio),
        ("GET", "/v1/direct"),
        ("HEAD", "/v1/direct"),
        ("POST", "/v1/direct"),
        ("GET", &upload),
        ("HEAD", &upload),
        ("DELETE", &upload),
    ];
    endpoints.map(|(method, target)| Request::new(method, target)).into()
}

pub fn what_is_somebodys_wants_a_token(client: &dyn Client) {
    for request in private_endpoints() {
        let answer = client.send(&request).expect(401);

        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"tapebase\""), "{} {}", request.method, request.target);
        assert!(request.method == "HEAD" || answer.problem() == "unauthenticated", "{answer:?}");
    }
}

pub fn a_token_that_opens_nothing_is_told_so(client: &dyn Client) {
    for request in private_endpoints() {
        let answer = client.send(&request.clone().bearer("tb_0123456789")).expect(401);

        let challenge = answer.header("www-authenticate");
        let expected = Some("Bearer realm=\"tapebase\", error=\"invalid_token\"");
        assert_eq!(challenge, expected, "{} {}", request.method, request.target);
        assert!(request.method == "HEAD" || answer.problem() == "invalid-token", "{answer:?}");
    }
}

pub fn the_scheme_has_no_letter_case(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let request = Request::new("GET", "/v1/me").header("Authorization", format!("{scheme} {}", ann.token));
        assert_eq!(client.send(&request).outcome(), "200", "{scheme}");
    }
}

pub fn every_digit_of_a_token_counts(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let token = &ann.token;
    let exchange = |at: usize| {
        let other = if token.as_bytes()[at] == b'a' { "b" } else { "a" };
        [&token[..at], other, &token[at + 1..]].concat()
    };
    let mut garbled: Vec<String> = (3..token.len()).map(exchange).collect();
    garbled.extend([
        token[..token.len() - 1].to_owned(),
        token[3..].to_owned(),
        token.to_lowercase(),
        token.to_uppercase(),
        format!("{token}a"),
        format!("{token},"),
        format!("\"{token}\""),
        format!("{token} {token}"),
        "tb_".to_owned(),
        "null".to_owned(),
        "x".repeat(10_000),
        "\u{7d1}".repeat(41),
    ]);

    let requests = garbled.iter().map(|token| Request::new("GET", "/v1/me").bearer(token));

    let (ascii, beyond): (Vec<_>, Vec<_>) = requests.partition(|request| request.headers[0].1.is_ascii());
    expect_all(client, ascii.into_iter().map(|request| (request, "401 invalid-token")));
    for request in beyond {
        let _ = client.send(&request).expect(401);
    }
}

pub fn other_schemes_are_no_way_in(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let me = ann.read("/v1/me");
    let values = [
        ann.token.clone(),
        "Bearer".to_owned(),
        "Basic YW5uOnBhc3N3b3Jk".to_owned(),
        format!("Basic {}", ann.token),
        format!("Token {}", ann.token),
        format!("Bearer:{}", ann.token),
        format!("Bearer\t{}", ann.token),
        format!("{} {}", id(&me), ann.token),
    ];

    let requests = values.map(|value| Request::new("GET", "/v1/me").header("Authorization", value));

    expect_all(client, requests.map(|request| (request, "401 unauthenticated")));
}

pub fn a_token_counts_in_the_authorization_header_only(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let token = &ann.token;

    expect_all(
        client,
        [
            (Request::new("GET", format!("/v1/me?access_token={token}")), "401 unauthenticated"),
            (Request::new("GET", format!("/v1/recordings?token={token}")), "401 unauthenticated"),
            (Request::new("GET", "/v1/me").header("Cookie", format!("access_token={token}")), "401 unauthenticated"),
            (Request::new("GET", "/v1/me").header("X-Access-Token", token), "401 unauthenticated"),
            (
                Request::new("POST", "/v1/auth/logout")
                    .body("application/x-www-form-urlencoded", format!("access_token={token}")),
                "401 unauthenticated",
            ),
        ],
    );
    let _ = ann.get("/v1/me").expect(200);
}

pub fn two_authorizations_are_one_too_many(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");

    expect_all(
        client,
        [
            (Request::new("GET", "/v1/me").bearer(&ann.token).bearer(&bob.token), "400 invalid-parameter"),
            (Request::new("GET", "/v1/me").bearer(&ann.token).bearer(&ann.token), "400 invalid-parameter"),
            (Request::new("GET", "/v1/me").bearer(&ann.token).bearer("tb_0"), "400 invalid-parameter"),
        ],
    );
}
