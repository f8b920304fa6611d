//! Audio in bodies: bytes, in every generator's words.

use utoipa::openapi::{Content, KnownFormat, Object, RefOr, Required, Schema, SchemaFormat, Type, path::Operation};

const OCTET_STREAM: &str = "application/octet-stream";
/// What a recording is of: generators make bytes of the first, and nothing of `*/*`.
const OF_RECORDINGS: [&str; 3] = [OCTET_STREAM, "audio/*", "video/*"];

/// Says of every body of audio that it is binary. OpenAPI 3.1 would have no schema for it; generators make a text of
/// that, or nothing, and bytes of `format: binary`, as OpenAPI 3.0 had it.
pub fn describe(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        if !body.content.contains_key("application/json") {
            // No body is an empty recording.
            body.required = Some(Required::False);
        }
        body.content.iter_mut().for_each(describe_content);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            if let Some(audio) = response.content.shift_remove("*/*") {
                response.content.extend(OF_RECORDINGS.map(|media_type| (media_type.to_owned(), audio.clone())));
            }
            response.content.iter_mut().for_each(describe_content);
        }
    }
}

fn describe_content((media_type, content): (&String, &mut RefOr<Content>)) {
    if let RefOr::T(content) = content
        && (media_type == OCTET_STREAM || media_type.starts_with("audio/") || media_type.starts_with("video/"))
    {
        let mut bytes = Object::with_type(Type::String);
        bytes.format = Some(SchemaFormat::KnownFormat(KnownFormat::Binary));
        bytes.content_media_type.clone_from(media_type);
        content.schema = Some(RefOr::T(Schema::Object(bytes)));
    }
}
