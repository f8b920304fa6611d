//! Requests and answers as data, sent through any front end that serves the API.

pub mod admin;
pub mod cases;
pub mod lambda;
pub mod mail;
pub mod openid;
pub mod seed;
mod tcp;
pub mod verification;
mod web;
pub mod web_login;

use std::fmt;

use serde_json::Value;
use tapebase_api::{Problem, paths};

pub use self::{tcp::Tcp, web::Web};

/// A front end that answers HTTP requests.
pub trait Client: Sync {
    /// Sends one request and waits for its whole answer.
    fn send(&self, request: &Request) -> Response;
}

/// A request, byte for byte as it goes out but for its length.
#[derive(Debug, Clone)]
pub struct Request {
    /// In capitals.
    pub method: &'static str,
    /// Path and query as they go over the wire.
    pub target: String,
    /// In this order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `Content-Length` is added for it unless a header announces it otherwise.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Gives it a body of a type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("Content-Type", media_type) }
    }

    /// Gives it a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }
}

/// An answer.
#[derive(Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, named in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {self:?}"))
    }

    /// The slug of the problem it tells of, or the problem's whole type if that has none.
    #[must_use]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not a problem document: {error}: {self:?}"));
        assert_eq!(problem.status, self.status, "{self:?}");
        assert_eq!(problem.kind, paths::problem(&problem.code), "{self:?}");
        problem.slug().unwrap_or_else(|| panic!("no code there is: {self:?}")).to_string()
    }

    /// Its status, and the slug of the problem it tells of, as in `404 not-found`.
    #[must_use]
    pub fn outcome(&self) -> String {
        let tells = self.status >= 400 && !self.body.is_empty();
        if tells { format!("{} {}", self.status, self.problem()) } else { self.status.to_string() }
    }

    /// The same, if it has this status.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// A text in an answer.
#[track_caller]
#[must_use]
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(1_000)]);
        write!(formatter, "{} {:?} {body}", self.status, self.headers)
    }
}
