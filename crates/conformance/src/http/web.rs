//! HTTP to wherever a URL leads, for what is not on the server itself.

use std::time::Duration;

use super::{Client, Request, Response};

/// Takes the target of a request for the whole URL.
#[derive(Debug, Clone, Copy)]
pub struct Web;

impl Web {
    /// Sends a request; `None` if no whole answer comes.
    #[must_use]
    pub fn try_send(&self, request: &Request) -> Option<Response> {
        // A proxy of the environment is no way to this machine.
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)));
        let agent = ureq::Agent::from(agent.build());
        let mut head = ureq::http::Request::builder().method(request.method).uri(&request.target);
        for (name, value) in &request.headers {
            head = head.header(name, value.as_slice());
        }
        let answer = if matches!(request.method, "PUT" | "POST" | "PATCH") {
            agent.run(head.body(&request.body[..]).expect("a request"))
        } else {
            agent.run(head.body(()).expect("a request"))
        };
        let mut answer = answer.ok()?;
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec().ok()?;
        Some(Response { status: answer.status().as_u16(), headers, body })
    }
}

impl Client for Web {
    fn send(&self, request: &Request) -> Response {
        self.try_send(request).unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }
}
