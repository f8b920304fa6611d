//! The description of the API, generated from the handlers (OpenAPI 3.1).

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, PathItem, Ref, RefOr, Required, Response,
        path::Operation,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::{accounts, health, legacy, problem::ProblemBody, recordings};

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
        health::healthz, health::readyz, health::problem, health::description, health::page,
        legacy::login, legacy::put, legacy::put_below_upload, legacy::list, legacy::get, legacy::delete,
    ),
    components(schemas(ProblemBody)),
    security(("token" = [])),
    modifiers(&Schemes, &Common),
)]
struct Description;

/// The whole description.
pub fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
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
        for (path, item) in &mut document.paths.paths {
            let takes_problems = path.starts_with("/v1/") || path.starts_with("/problems/") || path == "/readyz";
            for (method, operation) in operations(item) {
                operation.operation_id = Some(operation_id(method, path));
                if takes_problems {
                    complete(operation);
                }
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

fn complete(operation: &mut Operation) {
    let takes_token = operation.security.is_none();
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
    if takes_token {
        add("400", "A header, parameter or body is malformed");
        add("401", "Not signed in");
        add("503", "A store does not answer");
        add("507", "No space left");
    }
    if takes_body {
        add("400", "A header, parameter or body is malformed, damaged or incomplete");
        add("408", "The body came too slowly");
        add("413", "The body is too large");
        add("415", "A body of this type is not taken here");
        add("503", "A store does not answer, or too many ask at once");
        add("507", "No space left, on the server or in the quota");
    }
    for (status, response) in &mut operation.responses.responses {
        let is_problem = status.starts_with(['4', '5']);
        if let RefOr::T(response) = response
            && is_problem
        {
            let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
            response.content.insert("application/problem+json".to_owned(), RefOr::T(Content::new(Some(schema))));
        }
    }
}

/// Every method and path described, for the test that compares them with the routes.
#[cfg(test)]
pub fn described() -> std::collections::BTreeSet<(String, String)> {
    let mut described = std::collections::BTreeSet::new();
    for (path, item) in &mut document().paths.paths {
        described.extend(operations(item).map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    described
}
