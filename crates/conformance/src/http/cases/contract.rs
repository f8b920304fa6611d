//! What every answer of the API has in common, checked on each.

use crate::http::{Client, Request, Response};

/// Passes requests on, and fails on an answer that breaks what all answers keep to.
pub struct Strict<'a>(pub &'a dyn Client);

impl Client for Strict<'_> {
    fn send(&self, request: &Request) -> Response {
        let response = self.0.send(request);
        check(request.method, &response);
        response
    }
}

/// A row of `docs/problems.md`.
pub struct DocumentedProblem {
    pub slug: &'static str,
    pub status: u16,
    pub is_retryable: bool,
}

/// Every problem clients are told of.
pub fn documented_problems() -> impl Iterator<Item = DocumentedProblem> {
    include_str!("../../../../../docs/problems.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let slug = cells.next()?.trim_end_matches('`');
        let status = cells.next()?.parse().ok()?;
        Some(DocumentedProblem { slug, status, is_retryable: cells.next()? == "yes" })
    })
}

fn check(method: &str, response: &Response) {
    let id = response.header("x-request-id").unwrap_or_else(|| panic!("no X-Request-Id: {response:?}"));
    assert!(is_uuid(id), "{response:?}");
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{response:?}");
    for (name, _) in &response.headers {
        let lines = response.headers.iter().filter(|(other, _)| other == name).count();
        assert_eq!(lines, 1, "{name} is there {lines} times: {response:?}");
    }
    assert!(response.header("cache-control").is_some(), "{response:?}");
    if response.status == 201 {
        assert!(response.header("location").is_some(), "what was made is nowhere: {response:?}");
    }
    check_length(method, response);
    if response.status >= 400 {
        check_problem(method, id, response);
    }
}

fn check_length(method: &str, response: &Response) {
    let announced = response.header("content-length").map(|value| value.parse::<usize>().expect("a length"));
    if response.status == 204 {
        assert_eq!(announced, None, "a 204 has no Content-Length (RFC 9110 section 8.6): {response:?}");
    }
    if method == "HEAD" || matches!(response.status, 204 | 304) {
        assert!(response.body.is_empty(), "{response:?}");
    } else if let Some(announced) = announced {
        assert_eq!(response.body.len(), announced, "{response:?}");
    }
}

fn check_problem(method: &str, id: &str, response: &Response) {
    let wanted = match response.status {
        401 => Some("www-authenticate"),
        405 => Some("allow"),
        416 => Some("content-range"),
        503 => Some("retry-after"),
        _ => None,
    };
    assert!(wanted.is_none_or(|name| response.header(name).is_some()), "{wanted:?} is missing: {response:?}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response:?}");
    if method == "HEAD" {
        return;
    }
    let slug = response.problem();
    let documented = documented_problems().find(|problem| problem.slug == slug);
    let documented = documented.unwrap_or_else(|| panic!("{slug} is not in docs/problems.md: {response:?}"));
    let body = response.json();
    assert_eq!(response.status, documented.status, "{response:?}");
    assert_eq!(body["retryable"], documented.is_retryable, "{response:?}");
    assert_eq!(body["type"], format!("/problems/{slug}"), "{response:?}");
    assert_eq!(body["instance"], format!("urn:uuid:{id}"), "{response:?}");
    for member in ["title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {response:?}");
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f'))
}
