//! What every request of a kind can fail with.

use utoipa::openapi::{Content, Object, Ref, RefOr, Response, Type, path::Operation};

/// Adds the failures that operations like this one have in common, and says what all of its failures are answered with.
pub fn describe(path: &str, method: &str, operation: &mut Operation) {
    add_common(method, operation);
    let is_legacy = ["/login", "/record", "/upload"].iter().any(|prefix| path.starts_with(prefix));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            let (media_type, schema) = if is_legacy {
                ("application/json", RefOr::T(Object::with_type(Type::Object).into()))
            } else {
                ("application/problem+json", RefOr::Ref(Ref::from_schema_name("Problem")))
            };
            response.content.insert(media_type.to_owned(), RefOr::T(Content::new(Some(schema))));
        }
    }
}

fn add_common(method: &str, operation: &mut Operation) {
    let is_public = operation.security.as_ref().is_some_and(Vec::is_empty);
    let takes_body = operation.request_body.is_some();
    let writes = !matches!(method, "get" | "head");
    let mut add = |status: &str, description: &str| {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new(description)));
    };
    if !is_public {
        add("400", "A header, parameter or body is malformed");
        add("401", "Not signed in");
    }
    if takes_body {
        add("400", "A header, parameter or body is malformed, damaged or incomplete");
        add("408", "The body came too slowly");
        add("411", "The request has neither Content-Length nor Transfer-Encoding");
        add("413", "The body is too large");
        add("415", "The media type is not supported here");
    }
    if !is_public || takes_body {
        add("503", "The server is busy, or a store does not answer; try again after Retry-After");
        if writes {
            add("507", "No space left, on the server or in the quota");
        }
    }
}
