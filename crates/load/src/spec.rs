//! What to ask of a server and how often, and what came of it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A run: it ends with its time or its number of requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where the server listens.
    pub address: SocketAddr,
    /// How many requests are under way at any time, each on a connection of its own.
    pub connections: usize,
    /// Its time, from when the first request begins.
    pub seconds: f64,
    /// Its number of requests.
    pub requests: u32,
    /// Which of the two it ends with.
    pub until: Until,
    /// What is asked, again and again.
    pub request: Request,
    /// What the ids in it are.
    pub ids: Ids,
    /// What every answer must be.
    pub expect: Expect,
}

/// What a run ends with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Its time or its number of requests, whichever comes first.
    Either,
    /// Whichever comes last.
    Both,
}

/// A request, of which only the id, the range and the head of the body differ from one to the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its target; `{id}` in it becomes an id.
    pub path: String,
    /// Its fields, without `Host`, `Range` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The part that is asked for; everything otherwise.
    pub range: Option<Range>,
    /// What is sent; nothing otherwise.
    pub body: Option<Body>,
}

/// A part of a fixed length, which begins anywhere.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Bytes of the part.
    pub length: u64,
    /// Bytes of the whole.
    pub of: u64,
}

/// Content that differs from every other's in its first bytes, with what a form has around it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What comes before the content.
    pub before: String,
    /// Bytes of the content.
    pub length: u64,
    /// What comes after the content.
    pub after: String,
}

/// Which ids are used. The same seed and number always give the same id.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "order")]
pub enum Ids {
    /// Those of the numbers 0, 1, 2 and so on, each once.
    InTurn {
        /// What tells them from others.
        seed: u64,
    },
    /// Any of the first `of`, again and again.
    AnyOf {
        /// What tells them from others.
        seed: u64,
        /// How many there are.
        of: u64,
    },
}

/// What every answer must be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Its status.
    pub status: u16,
    /// Bytes of its body; any number otherwise.
    pub length: Option<u64>,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// How many requests were answered.
    pub requests: u32,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Milliseconds that half of the requests took at most.
    pub p50: f64,
    /// Milliseconds that all but one in a hundred took at most.
    pub p99: f64,
    /// How many were answered in the whole second in which the fewest were, if there was a whole one.
    pub slowest_second: Option<u32>,
}
