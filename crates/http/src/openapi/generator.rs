//! Generates the description from what the handlers say of themselves.

mod audio;
mod examples;
mod failures;
mod headers;

use std::collections::BTreeSet;

use tapebase_api as api;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        PathItem, RefOr, Schema, SecurityRequirement, Type,
        extensions::Extensions,
        path::{Operation, Parameter, ParameterIn},
        schema::SchemaType,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::{
    endpoints::{
        about, accounts, admin, changes, delete_account, direct, docs, health, identities, legacy, oidc,
        password_reset, playback, recordings, tokens, web_login,
    },
    openapi,
    requests::cookie,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tapebase",
        description = include_str!("generator/about.md"),
        contact(name = "The Tapebase authors"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::sign_up, accounts::log_in, accounts::log_in_with_cookie, accounts::log_out, accounts::me, accounts::usage, accounts::delete_me,
        accounts::change_password, password_reset::request, password_reset::reset,
        identities::list, identities::link, identities::get, identities::unlink, identities::ask_for_verification, identities::verify,
        oidc::nonce, oidc::log_in, oidc::link, oidc::revoke, web_login::start, web_login::callback,
        tokens::create, tokens::list, tokens::get, tokens::revoke,
        accounts::sessions, accounts::close_sessions, accounts::session, accounts::close_session,
        admin::list, admin::add, admin::get, admin::update, admin::delete, admin::restore, admin::set_password, admin::sessions, admin::sign_out,
        admin::verify, admin::create_password_reset, admin::invite,
        recordings::put, recordings::post, recordings::list, recordings::get, recordings::rename,
        recordings::delete, recordings::audio,
        playback::link, playback::play,
        changes::list,
        direct::plan, direct::list, direct::get, direct::put_part, direct::complete, direct::abort,
        about::about, health::healthz, health::readyz, health::problem, openapi::description, docs::page, delete_account::page,
        legacy::login, legacy::put, legacy::list, legacy::get, legacy::delete,
    ),
    components(schemas(api::Problem)),
    tags(
        (name = "Accounts", description = "Sign up, sign in, change the password, manage identities and sessions, and delete the account."),
        (name = "API tokens", description = "Tokens for programs, and for uploads that outlive a session."),
        (name = "Administration", description = "Manage the accounts of all users, with an API token that has the scope `admin`."),
        (name = "Recordings", description = "Upload, list, play, rename and delete recordings."),
        (name = "Playback", description = "Links that play without a token."),
        (name = "Changes", description = "Keep a device in sync with the server."),
        (name = "Direct uploads", description = "Upload a recording in parts, straight to S3 where audio is stored there."),
        (name = "Server", description = "Health checks and documentation."),
        (name = "Legacy", description = "The 2018 API, for its existing clients."),
    ),
    servers((url = "/", description = "This server")),
    security(("token" = []), ("cookie" = [])),
    modifiers(&Schemes, &Common),
)]
struct Description;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.description = Some(
            "The `access_token` of a sign-in, or of an API token with the scope that the operation takes".to_owned(),
        );
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie =
            ApiKeyValue::with_description(cookie::NAME, "As set by `signInWithCookie`, for pages in a browser");
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let words = ApiKeyValue::with_description("Authorization", "`USER_ID AUTH_KEY`, as returned by `/login`");
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
        if let Some(operation) = &mut alias.put {
            operation.operation_id = Some("legacyUploadRecord".to_owned());
        }
        paths.insert("/upload/record/{id}".to_owned(), alias);
        for item in paths.values_mut() {
            describe_head(item);
            for (method, operation) in operations(item) {
                simplify_security(operation);
                simplify_parameters(operation);
                audio::describe(operation);
                failures::describe(method, operation);
                headers::describe(operation);
            }
            item.head.iter_mut().for_each(leave_out_bodies);
        }
        let components = document.components.get_or_insert_default();
        components.headers = headers::all();
        components.examples = failures::examples();
        components.schemas.values_mut().for_each(say_constants);
        examples::describe(document);
    }
}

/// utoipa has no word for `const`: where a schema means it, it is called `x-const`.
fn say_constants(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    object.properties.values_mut().for_each(say_constants);
    if let Some(constant) = object.extensions.as_mut().and_then(|extensions| extensions.remove("x-const")) {
        object.extensions = Some(Extensions::from_iter([("const", constant)]));
    }
}

/// The HEAD of a GET is described with it, and yet an operation of its own: `headRecording` beside `getRecording`. It is of
/// the whole, and from here.
fn describe_head(item: &mut PathItem) {
    let Some(head) = &mut item.head else { return };
    if let Some(name) = head.operation_id.as_deref().and_then(|name| name.strip_prefix("get")) {
        head.operation_id = Some(format!("head{name}"));
    }
    head.responses.responses.retain(|status, _| !matches!(status.as_str(), "206" | "307" | "416"));
    if let Some(parameters) = &mut head.parameters {
        let is_of_part = |it: &RefOr<Parameter>| matches!(it, RefOr::T(it) if it.name.ends_with("Range"));
        parameters.retain(|parameter| !is_of_part(parameter));
    }
}

/// Only now, since headers go by them.
fn leave_out_bodies(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, head, put, post, patch, delete, .. } = item;
    let methods = [("get", get), ("head", head), ("put", put), ("post", post), ("patch", patch), ("delete", delete)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// That nobody need sign in is said by an empty list: a list with nothing asked for in it means the same, and generators
/// ask for a token there.
fn simplify_security(operation: &mut Operation) {
    if let Some(security) = &mut operation.security {
        security.retain(|requirement| *requirement != SecurityRequirement::default());
    }
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

/// Every method and path described, for the test that compares them with the routes.
pub fn described() -> BTreeSet<(String, String)> {
    let mut described = BTreeSet::new();
    for (path, item) in &mut Description::openapi().paths.paths {
        described.extend(operations(item).map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    described
}

/// The names of the headers that requests may bring, and that answers may have.
pub fn described_headers() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for item in Description::openapi().paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            for parameter in operation.parameters.iter().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if parameter.parameter_in == ParameterIn::Header {
                    sent.insert(parameter.name.to_ascii_lowercase());
                }
            }
            for response in operation.responses.responses.values() {
                let RefOr::T(response) = response else { continue };
                answered.extend(response.headers.keys().map(|name| name.to_ascii_lowercase()));
            }
        }
    }
    (sent, answered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::COMMITTED;

    #[test]
    fn the_committed_description_is_that_of_the_handlers() {
        let generated = Description::openapi().to_pretty_json().expect("JSON") + "\n";
        if COMMITTED != generated {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
            std::fs::write(file, generated).expect("written");
            panic!("docs/openapi.json was of other handlers, and is written anew: commit it");
        }
    }

    #[test]
    fn every_json_body_and_every_path_has_an_example() {
        let document = serde_json::to_value(Description::openapi()).expect("JSON");
        assert!(!document.to_string().contains("x-const"), "a constant was not said");
        let operations = document["paths"].as_object().into_iter().flatten().flat_map(|(_, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(|(_, operation)| operation).filter(|operation| operation.is_object())
        });
        for operation in operations {
            let name = &operation["operationId"];
            let responses = operation["responses"].as_object().into_iter().flatten();
            let request = String::new();
            for (status, body) in responses.chain([(&request, &operation["requestBody"])]) {
                for (media_type, content) in body["content"].as_object().into_iter().flatten() {
                    let is_json = media_type.ends_with("json");
                    let has_example = content.get("example").or(content.get("examples")).is_some();
                    assert!(!is_json || has_example, "{name}: {media_type} has no example");
                    for (code, _) in content["examples"].as_object().into_iter().flatten() {
                        let of = &document["components"]["examples"][code]["value"]["status"];
                        assert_eq!(of.to_string(), *status, "{name}: {code}");
                    }
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let is_in_path = parameter["in"] == "path";
                assert!(!is_in_path || !parameter["example"].is_null(), "{name}: {} has no example", parameter["name"]);
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_that_a_person_would_choose() {
        let mut names = BTreeSet::new();
        for (path, item) in &mut Description::openapi().paths.paths {
            for (method, operation) in operations(item) {
                let name = operation.operation_id.clone().expect("a name");
                assert!(name.chars().all(|char| char.is_ascii_alphabetic()), "{method} {path}: {name}");
                assert!(names.insert(name.clone()), "{name} is the name of two");
            }
        }
    }
}
