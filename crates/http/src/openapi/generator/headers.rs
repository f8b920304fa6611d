//! The headers of answers, each described once.

use std::collections::BTreeMap;

use utoipa::openapi::{Content, Header, HeaderBuilder, Object, Ref, RefOr, Response, Type, path::Operation};

/// Name, description, example, and the answers that have it.
type Described = (&'static str, &'static str, &'static str, fn(&str, &Response) -> bool);

const HEADERS: [Described; 7] = [
    (
        "Content-Range",
        "The returned range and the size of the audio; with 416, the size",
        "bytes 0-65535/1048576",
        |status, _| matches!(status, "206" | "416"),
    ),
    ("ETag", "The version of the recording, for If-Match and If-None-Match", "\"r1\"", |status, response| {
        status.starts_with('2') && has_recording(response)
    }),
    (
        "RateLimit",
        "What is left of how many requests or password tries, and in how many seconds there is more",
        "\"requests\";r=0;t=12",
        |status, _| status == "429",
    ),
    (
        "RateLimit-Policy",
        "How many requests or password tries there are in how many seconds",
        "\"requests\";q=600;w=60",
        |status, _| status == "429",
    ),
    ("Retry-After", "Seconds to wait before retrying", "2", |status, _| matches!(status, "429" | "503")),
    ("WWW-Authenticate", "The authentication scheme (RFC 6750)", "Bearer realm=\"tapebase\"", |status, _| {
        status == "401"
    }),
    ("X-Request-Id", "The request's id in the server's log", "019ac8f0-6b1e-7c4e-9d2a-3f5b8c7d6e10", |_, _| true),
];

/// Every header that answers refer to.
pub fn all() -> BTreeMap<String, RefOr<Header>> {
    let header = |(name, description, example, _): Described| (name.to_owned(), RefOr::T(header(description, example)));
    HEADERS.into_iter().map(header).collect()
}

fn header(description: &str, example: &str) -> Header {
    let text = Object::with_type(Type::String);
    HeaderBuilder::new().schema(Some(text)).description(Some(description)).example(Some(example.into())).build()
}

/// Refers to the headers that each answer has.
pub fn describe(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        for (name, _, _, is_in) in HEADERS {
            if is_in(status, response) {
                let reference = || RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
                response.headers.entry(name.to_owned()).or_insert_with(reference);
            }
        }
    }
}

/// Whether it is about one recording, whose version it tells then.
fn has_recording(response: &Response) -> bool {
    let is_recording = |content: &RefOr<_>| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => schema.ref_location.ends_with("/Recording"),
        _ => false,
    };
    response.content.values().any(is_recording)
}
