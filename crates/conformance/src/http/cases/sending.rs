//! Parts of direct uploads, sent as their plan says.

use serde_json::Value;

use crate::http::{Client, Request, Response, Web, text};

/// Where a part goes.
pub fn url(part: &Value) -> &str {
    text(part, "url")
}

/// The path and query of a URL, if it leads to the server itself.
pub fn own_target(url: &str) -> Option<&str> {
    let target = match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => url,
    };
    target.starts_with("/v1/direct/").then_some(target)
}

/// The request that a plan asks for, to another URL than the part's own if need be.
pub fn request_to(url: &str, part: &Value, bytes: Vec<u8>) -> Request {
    let request = Request { body: bytes, ..Request::new("PUT", own_target(url).unwrap_or(url)) };
    let headers = part["headers"].as_object().unwrap_or_else(|| panic!("no headers: {part}"));
    let headers = headers.iter().map(|(name, value)| (name, value.as_str().expect("text")));
    headers.fold(request, |request, (name, value)| request.header(name, value))
}

/// Sends bytes to where a link leads, with nothing but what the link says.
///
/// The host of a link to the server is the one it is called by, so that `client` sends that.
pub fn put_to(client: &dyn Client, url: &str, part: &Value, bytes: &[u8]) -> Response {
    let client = if own_target(url).is_some() { client } else { &Web };
    client.send(&request_to(url, part, bytes.to_vec()))
}

/// Sends the bytes of a part to where it belongs.
pub fn put(client: &dyn Client, part: &Value, bytes: &[u8]) -> Response {
    put_to(client, url(part), part, bytes)
}
