//! Paths and methods there are not, and what the server says about itself.

use serde_json::json;

use super::{contract::documented_problems, expect_all, fixtures::fresh_ulid, user::User};
use crate::http::{Client, Request};

pub fn other_paths_are_not_found(client: &dyn Client) {
    let id = fresh_ulid();
    let recording = format!("/v1/recordings/{id}");
    let targets = [
        "/v1",
        "/v1/",
        "/v1/users",
        "/v2/me",
        "/V1/me",
        "/v1/me/",
        "/v1//me",
        "/v1/recordings/",
        &format!("{recording}/"),
        &format!("{recording}/audio/"),
        &format!("{recording}/video"),
        "/v1/auth",
        "/problems",
        "/problems/",
        "/problems/no-such-problem",
        "/.env",
        "/tapebase.db",
        "/openapi.json/../tapebase.db",
        "/%2e%2e/tapebase.db",
    ];

    expect_all(client, targets.map(|target| (Request::new("GET", target), "404 not-found")));
    expect_all(client, ["PUT", "POST", "DELETE"].map(|method| (Request::new(method, "/nothing"), "404 not-found")));
}

pub fn a_path_that_is_not_utf_8_leads_to_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    ann.expect_all([
        (Request::new("GET", "/v1/recordings/%FF"), "404 not-found"),
        (Request::new("GET", "/v1/recordings/%FF/audio"), "404 not-found"),
        (Request::new("DELETE", "/v1/recordings/%FF"), "404 not-found"),
        (Request::new("PUT", "/v1/recordings/%FF").body("audio/mp4", "speech"), "400 invalid-id"),
        (Request::new("GET", "/v1/me/sessions/%FF"), "404 not-found"),
        (Request::new("DELETE", "/v1/me/sessions/%FF"), "404 not-found"),
        (Request::new("GET", "/problems/%FF"), "404 not-found"),
        (Request::new("GET", "/v1/recordings/%00"), "404 not-found"),
        (Request::new("GET", "/v1/recordings/%"), "404 not-found"),
    ]);
}

pub fn other_methods_are_answered_with_the_ones_there_are(client: &dyn Client) {
    let recording = format!("/v1/recordings/{}", fresh_ulid());
    let audio = format!("{recording}/audio");
    let session = format!("/v1/me/sessions/{}", fresh_ulid());
    let upload = format!("/v1/direct/{}", fresh_ulid());
    let table = [
        ("GET", "/v1/auth/signup", "POST"),
        ("PUT", "/v1/auth/login", "POST"),
        ("DELETE", "/v1/auth/logout", "POST"),
        ("POST", "/v1/me", "GET, HEAD, DELETE"),
        ("PUT", "/v1/me/tokens", "GET, HEAD, POST"),
        ("POST", "/v1/me/sessions", "GET, HEAD, DELETE"),
        ("PATCH", &session, "GET, HEAD, DELETE"),
        ("PUT", "/v1/recordings", "GET, HEAD, POST"),
        ("DELETE", "/v1/recordings", "GET, HEAD, POST"),
        ("POST", &recording, "GET, HEAD, PUT, PATCH, DELETE"),
        ("PUT", &audio, "GET, HEAD"),
        ("PUT", "/v1/direct", "GET, HEAD, POST"),
        ("PUT", &upload, "GET, HEAD, DELETE"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("POST", "/readyz", "GET, HEAD"),
        ("PUT", "/openapi.json", "GET, HEAD"),
        ("TRACE", "/docs", "GET, HEAD"),
        ("QUERY", "/v1/recordings", "GET, HEAD, POST"),
        ("POST", "/problems/internal", "GET, HEAD"),
    ];

    for (method, target, allowed) in table {
        let answer = client.send(&Request::new(method, target));
        assert_eq!(answer.outcome(), "405 method-not-allowed", "{method} {target}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {target}");
    }
}

pub fn every_answer_has_a_request_id_of_its_own(client: &dyn Client) {
    let ids = ["/healthz", "/healthz", "/v1/me", "/nothing"].map(|target| {
        let request = Request::new("GET", target).header("X-Request-Id", "5f0c1f0e-3a0d-4f6e-9d0b-0d2f7c3f6a11");
        client.send(&request).header("x-request-id").expect("an id").to_owned()
    });

    for (index, id) in ids.iter().enumerate() {
        assert_ne!(id, "5f0c1f0e-3a0d-4f6e-9d0b-0d2f7c3f6a11");
        assert!(!ids[..index].contains(id), "{ids:?}");
    }
}

pub fn every_problem_is_explained_where_its_type_points(client: &dyn Client) {
    let mut problems = 0;
    for problem in documented_problems() {
        let page = client.send(&Request::new("GET", format!("/problems/{}", problem.slug))).expect(200);

        assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
        let text = String::from_utf8(page.body).expect("UTF-8");
        let retry = if problem.is_retryable { "may succeed later" } else { "will fail again" };
        for part in [problem.slug, &problem.status.to_string(), retry] {
            assert!(text.contains(part), "{part}: {text}");
        }
        problems += 1;
    }
    assert!(problems > 20, "docs/problems.md has {problems} rows");
}

pub fn health_and_readiness_need_no_token(client: &dyn Client) {
    for (target, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = client.send(&Request::new("GET", target)).expect(200);
        assert_eq!(answer.json()["status"], status);
        let _ = client.send(&Request::new("HEAD", target)).expect(200);
    }
}

pub fn the_api_describes_itself(client: &dyn Client) {
    let description = client.send(&Request::new("GET", "/openapi.json")).expect(200);

    assert_eq!(description.header("content-type"), Some("application/json"));
    let description = description.json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{description}");
    for (path, method) in [("/v1/auth/signup", "post"), ("/v1/recordings", "get"), ("/v1/recordings/{id}", "put")] {
        assert!(description["paths"][path][method].is_object(), "{method} {path}");
    }
}

pub fn the_description_is_there_to_be_read(client: &dyn Client) {
    look_at_page(client, "docs", 4);
}

pub fn there_is_a_page_to_delete_an_account(client: &dyn Client) {
    look_at_page(client, "delete-account", 2);
}

/// A page that loads so many files from below it, and nothing from elsewhere.
fn look_at_page(client: &dyn Client, name: &str, files: usize) {
    let page = client.send(&Request::new("GET", format!("/{name}"))).expect(200);

    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = String::from_utf8(page.body).expect("UTF-8");
    assert!(!text.contains("//"), "it loads something from elsewhere");
    let parts = text.split(['"']).filter(|part| part.starts_with(&format!("{name}/")));
    let parts: Vec<_> = parts.map(|part| (format!("/{part}"), part.rsplit('.').next().expect("a type"))).collect();
    assert_eq!(parts.len(), files, "{parts:?}");
    for (target, kind) in parts {
        let part = client.send(&Request::new("GET", &target)).expect(200);
        let media_type = part.header("content-type").expect("a type");
        assert!(
            media_type.starts_with(if kind == "js" { "text/javascript" } else { "text/css" }),
            "{target}: {part:?}"
        );
        // Swagger UI is kept as it is sent.
        let is_compressed = part.body.starts_with(&[0x1f, 0x8b]);
        assert_eq!(part.header("content-encoding") == Some("gzip"), is_compressed, "{target}");
    }
    let beside = client.send(&Request::new("GET", format!("/{name}/"))).expect(308);
    assert_eq!(beside.header("location"), Some(&*format!("../{name}")));
    assert_eq!(client.send(&Request::new("GET", format!("/{name}/other.js"))).expect(404).problem(), "not-found");
}

pub fn the_root_leads_browsers_to_the_reference_and_tells_others_what_this_is(client: &dyn Client) {
    let browser = Request::new("GET", "/").header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!(client.send(&browser).expect(307).header("location"), Some("/docs"));

    let programs = [Request::new("GET", "/"), Request::new("GET", "/").header("Accept", "*/*")];
    for request in programs.into_iter().chain([Request::new("GET", "/").header("Accept", "nonsense")]) {
        let about = client.send(&request).expect(200);
        assert_eq!(about.header("vary"), Some("accept"));
        let about = about.json();
        assert_eq!((&about["name"], &about["docs"]), (&json!("Tapebase"), &json!("/docs")), "{about}");
    }
}

pub fn what_the_server_says_of_itself_is_not_sent_again(client: &dyn Client) {
    for target in ["/openapi.json", "/docs", "/problems/internal"] {
        let first = client.send(&Request::new("GET", target)).expect(200);
        let tag = first.header("etag").unwrap_or_else(|| panic!("no ETag: {target}"));
        assert!(tag.starts_with('"'), "{tag} is weak: {target}");
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{target}");

        for method in ["GET", "HEAD"] {
            let known = client.send(&Request::new(method, target).header("If-None-Match", tag)).expect(304);
            assert_eq!(known.header("etag"), Some(tag), "{method} {target}");
            assert_eq!(known.header("cache-control"), Some("no-cache"), "{method} {target}");
            let other = client.send(&Request::new(method, target).header("If-None-Match", "\"other\"")).expect(200);
            assert_eq!(other.header("etag"), Some(tag), "{method} {target}");
        }
    }
}
