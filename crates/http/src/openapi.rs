//! The description of the API, generated from the handlers (OpenAPI 3.1).

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use tapebase_api as api;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Object, PathItem, Ref, RefOr, Required, Response, Schema, SecurityRequirement, Type,
        path::{Operation, ParameterIn},
        schema::SchemaType,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::{
    answers::{document::Document, problem::Problem},
    endpoints::{accounts, changes, direct, docs, health, legacy, recordings},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tapebase",
        description = "The backend for voice-recorder apps: sign up, upload, find again, play back, delete.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::sign_up, accounts::log_in, accounts::log_out, accounts::me,
        accounts::sessions, accounts::close_sessions, accounts::session, accounts::close_session,
        recordings::put, recordings::post, recordings::list, recordings::get, recordings::rename,
        recordings::delete, recordings::audio,
        changes::list,
        direct::plan, direct::list, direct::get, direct::put_part, direct::complete, direct::abort,
        health::healthz, health::readyz, health::problem, description, docs::page,
        legacy::login, legacy::put, legacy::list, legacy::get, legacy::delete,
    ),
    components(schemas(api::Problem)),
    tags(
        (name = "Accounts", description = "Signing up and in, and looking after one's sessions."),
        (name = "Recordings", description = "Everything one does with recordings."),
        (name = "Changes", description = "Keeping a device and the server alike."),
        (name = "Direct uploads", description = "Sending a recording in parts, past this server where the audio is kept elsewhere."),
        (name = "2018", description = "The routes of the server of 2018, for its clients."),
        (name = "Server", description = "For operators and the curious."),
    ),
    security(("token" = [])),
    modifiers(&Schemes, &Common),
)]
struct Description;

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "Server", security(()), responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
    (status = 304, description = "A tag in If-None-Match is the current one"),
))]
pub async fn description(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static DESCRIPTION: LazyLock<serde_json::Result<Document>> =
        LazyLock::new(|| Ok(Document::new("application/json", serde_json::to_vec(&Description::openapi())?)));
    DESCRIPTION.as_ref().map_err(|error| Problem::internal(error.to_string()))?.answer(&request)
}

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let words = ApiKeyValue::with_description("Authorization", "`<user_id> <auth_key>`, as `/login` gave them");
        components.add_security_scheme("seed", SecurityScheme::ApiKey(ApiKey::Header(words)));
    }
}

/// What holds for every request of a kind is said once, here, and not at every handler.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let paths = &mut document.paths.paths;
        // The server of 2018 and the article about it disagreed on this path: both are answered alike.
        let mut alias = PathItem::default();
        alias.put = paths.get("/record/{id}").and_then(|item| item.put.clone());
        paths.insert("/upload/record/{id}".to_owned(), alias);
        for (path, item) in paths {
            for (method, operation) in operations(item) {
                operation.operation_id = Some(operation_id(method, path));
                simplify_parameters(operation);
                add_common_failures(operation);
                describe_failures(path, operation);
            }
        }
    }
}

/// `get_v1_recordings_id_audio` for `GET /v1/recordings/{id}/audio`: unique, and stable for generated clients.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, head, put, post, patch, delete, .. } = item;
    let methods = [("get", get), ("head", head), ("put", put), ("post", post), ("patch", patch), ("delete", delete)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// A parameter that may be left out is still never null: generators of clients stumble over that.
fn simplify_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        // An empty parameter says nothing, and no format has room for that; nor do generators read headers by theirs.
        let is_free = matches!(parameter.parameter_in, ParameterIn::Header | ParameterIn::Query);
        if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
            if let SchemaType::Array(types) = &schema.schema_type {
                let first = types.iter().find(|&kind| *kind != Type::Null).cloned();
                schema.schema_type = first.map_or_else(SchemaType::default, SchemaType::Type);
            }
            if is_free && schema.schema_type == SchemaType::Type(Type::String) {
                schema.format = None;
            }
        }
    }
}

fn add_common_failures(operation: &mut Operation) {
    let is_public = operation.security.as_deref() == Some(&[SecurityRequirement::default()]);
    let takes_body = operation.request_body.is_some();
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && body.content.contains_key("application/octet-stream")
    {
        // No body is an empty recording.
        body.required = Some(Required::False);
    }
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
        add("411", "No body is announced");
        add("413", "The body is too large");
        add("415", "A body of this type is not taken here");
    }
    if !is_public || takes_body {
        add("503", "A store does not answer, or too many sign in at once");
        add("507", "No space left, on the server or in the quota");
    }
}

/// A failure of the API is a problem document; the clients of 2018 are told in JSON of their own.
fn describe_failures(path: &str, operation: &mut Operation) {
    let is_legacy = ["/login", "/record", "/upload"].iter().any(|prefix| path.starts_with(prefix));
    for (status, response) in &mut operation.responses.responses {
        let is_failure = status.starts_with(['4', '5']);
        if let RefOr::T(response) = response
            && is_failure
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

/// Every method and path described, for the test that compares them with the routes.
#[cfg(test)]
pub fn described() -> std::collections::BTreeSet<(String, String)> {
    let mut described = std::collections::BTreeSet::new();
    for (path, item) in &mut Description::openapi().paths.paths {
        described.extend(operations(item).map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    described
}
