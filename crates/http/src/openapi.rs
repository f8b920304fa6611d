//! The description of the API, generated from the handlers (OpenAPI 3.1).

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, PathItem, Ref, RefOr, Response,
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
    modifiers(&Schemes, &CommonProblems),
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

/// What can happen to any request of a kind is said once, here, and not at every handler.
struct CommonProblems;

impl Modify for CommonProblems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            if path.starts_with("/v1/") || path.starts_with("/problems/") || path == "/readyz" {
                operations(item).for_each(complete);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, head, put, post, patch, delete, .. } = item;
    [get, head, put, post, patch, delete].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let takes_token = operation.security.is_none();
    let body = operation.request_body.as_ref();
    let takes_body = body.is_some();
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
    let document = document();
    let mut described = std::collections::BTreeSet::new();
    for (path, item) in &document.paths.paths {
        let methods = [
            ("GET", item.get.is_some()),
            ("HEAD", item.head.is_some()),
            ("PUT", item.put.is_some()),
            ("POST", item.post.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        let present = methods.into_iter().filter(|(_, is_present)| *is_present);
        described.extend(present.map(|(method, _)| (method.to_owned(), path.clone())));
    }
    described
}
