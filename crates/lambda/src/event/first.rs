//! Requests in payload format 1.0, and from load balancers, which have one much like it.

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use actix_http::Request;
use actix_web::http::{
    Method,
    header::{HeaderMap, HeaderName},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Event, EventError, Lists, decode, header_value, payload, uri, without_stage};

/// What stands in a query as it is (RFC 3986 section 2.3): names are compared as they come.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Event {
    /// The request of an event of the older form; what is not there may be `null`.
    pub(super) fn first(self) -> Result<Request, EventError> {
        let (Some(method), Some(path)) = (self.http_method, self.path) else { return Err(EventError::Unknown) };
        let context = self.request_context.unwrap_or_default();
        let is_balanced = context.elb.is_some();
        let query = query(lists(self.multi_value_query_string_parameters, self.query_string_parameters), is_balanced);
        let mut headers = headers(lists(self.multi_value_headers, self.headers))?;
        let peer = if is_balanced { last_forwarded(&headers) } else { context.identity.source_ip };
        let body = decode(self.body.unwrap_or_default(), self.is_base64_encoded)?;
        let mut request = Request::with_payload(payload(body, &mut headers));
        let head = request.head_mut();
        head.method = Method::from_bytes(method.as_bytes()).map_err(|_| EventError::Malformed("method"))?;
        // Only HTTP APIs, whose events have a version, leave the stage's name in the path.
        let stage = if self.version.is_some() { context.stage.as_str() } else { "" };
        head.uri = uri(without_stage(&path, stage), &query)?;
        head.headers = headers;
        head.peer_addr = peer.as_deref().and_then(address).map(|address| SocketAddr::new(address, 0));
        Ok(request)
    }
}

/// The lists, or what there is instead.
fn lists(lists: Option<Lists>, values: Option<HashMap<String, String>>) -> Lists {
    let single = |(name, value)| (name, vec![value]);
    lists.unwrap_or_else(|| values.unwrap_or_default().into_iter().map(single).collect())
}

/// A query as it was sent. Load balancers pass it on as it is; all others decode it.
fn query(parameters: Lists, is_encoded: bool) -> String {
    let encode = |text: &str| {
        if is_encoded { text.to_owned() } else { utf8_percent_encode(text, ESCAPED).to_string() }
    };
    let mut query = String::new();
    for (name, values) in parameters {
        for value in values {
            let and = if query.is_empty() { "" } else { "&" };
            // Writing to a string cannot fail.
            let _ = write!(query, "{and}{}={}", encode(&name), encode(&value));
        }
    }
    query
}

fn headers(lines: Lists) -> Result<HeaderMap, EventError> {
    let mut headers = HeaderMap::with_capacity(lines.len() + 1);
    for (name, values) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| EventError::Malformed("header"))?;
        for value in values {
            headers.append(name.clone(), header_value(value)?);
        }
    }
    Ok(headers)
}

/// An address, which a load balancer may be set to add the port to.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()
}

/// Whom a load balancer saw: it adds them at the end.
fn last_forwarded(headers: &HeaderMap) -> Option<String> {
    let last = headers.get_all("x-forwarded-for").last()?.to_str().ok()?;
    last.rsplit(',').next().map(|address| address.trim().to_owned())
}
