//! Every endpoint in one table: method, path, and the function that answers.

use std::time::Duration;

use actix_web::{
    Handler, HttpResponse, Resource, Responder, ResponseError as _, Route, guard,
    http::{Method, header},
    web::{self, Data, ServiceConfig},
};
use tapebase_api::{Slug, paths};
use tapebase_domain::{Services, ports::Ports};

use crate::{
    HttpPolicy, Tasks,
    answers::problem::Problem,
    deadline::{PATIENCE, Prompt},
    endpoints::{
        about, accounts, admin, changes, delete_account, direct, docs, health, identities, legacy, oidc,
        password_reset, playback, recordings, tokens, web_login,
    },
    openapi,
};

/// One path and what can be done there.
pub struct Endpoint {
    path: &'static str,
    methods: Vec<(Method, Route)>,
    ignores_trailing_slash: bool,
    is_of_2018: bool,
    patience: Duration,
}

/// One whose answers take so long at most.
fn within(patience: Duration, path: &'static str) -> Endpoint {
    let ignores_trailing_slash = !path.starts_with("/v1/");
    Endpoint { path, methods: Vec::new(), ignores_trailing_slash, is_of_2018: false, patience }
}

/// One that an operator may switch off. Its clients know no answer of ours that it takes too long.
fn of_2018(path: &'static str) -> Endpoint {
    Endpoint { is_of_2018: true, ..within(Duration::MAX, path) }
}

impl Endpoint {
    /// What is answered within a time.
    fn on<F, Args>(self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let handler = Prompt::new(handler, self.patience);
        self.slowly_on(method, handler)
    }

    /// What takes as long as audio takes, or waits for something.
    fn slowly_on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.push((method.clone(), web::method(method).to(handler)));
        self
    }

    /// GET, and HEAD, which answers the same without the body.
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    /// The same, of what takes its time.
    fn get_slowly<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.slowly_on(Method::GET, handler.clone()).slowly_on(Method::HEAD, handler)
    }

    fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().map(|(method, _)| method)
    }
}

/// Every endpoint, those that are asked most first: one path after the other is compared. Where two match, the first one
/// that knows the method answers.
#[rustfmt::skip]
fn table(patience: Duration) -> Vec<Endpoint> {
    let at = |path| within(patience, path);
    vec![
        at(paths::RECORDINGS).get(recordings::list).slowly_on(Method::POST, recordings::post),
        at(paths::RECORDING).get(recordings::get).slowly_on(Method::PUT, recordings::put)
            .on(Method::PATCH, recordings::rename).on(Method::DELETE, recordings::delete),
        at(paths::RECORDING_AUDIO).get_slowly(recordings::audio),
        at(paths::PLAYBACK_LINK).on(Method::POST, playback::link),
        at(paths::PLAY).get_slowly(playback::play),

        at(paths::SIGN_UP).on(Method::POST, accounts::sign_up),
        at(paths::LOG_IN).on(Method::POST, accounts::log_in),
        at(paths::COOKIE).on(Method::POST, accounts::log_in_with_cookie),
        at(paths::PASSWORD_RESET).on(Method::POST, password_reset::request),
        at(paths::NEW_PASSWORD).on(Method::PUT, password_reset::reset),
        at(paths::OIDC_NONCE).on(Method::POST, oidc::nonce),
        at(paths::OIDC_START).slowly_on(Method::GET, web_login::start),
        at(paths::OIDC_CALLBACK).slowly_on(Method::GET, web_login::callback),
        at(paths::OIDC_LOG_IN).on(Method::POST, oidc::log_in),
        at(paths::LOG_OUT).on(Method::POST, accounts::log_out),
        at(paths::ME).get(accounts::me).on(Method::DELETE, accounts::delete_me),
        at(paths::USAGE).get(accounts::usage),
        at(paths::PASSWORD).on(Method::PUT, accounts::change_password),
        at(paths::IDENTITIES).get(identities::list).on(Method::POST, identities::link),
        at(paths::IDENTITY).get(identities::get).on(Method::DELETE, identities::unlink),
        at(paths::VERIFICATION).on(Method::POST, identities::ask_for_verification).on(Method::PUT, identities::verify),
        at(paths::OIDC_IDENTITIES).on(Method::POST, oidc::link),
        at(paths::OIDC_REVOCATION).on(Method::POST, oidc::revoke),
        at(paths::TOKENS).get(tokens::list).on(Method::POST, tokens::create),
        at(paths::TOKEN).get(tokens::get).on(Method::DELETE, tokens::revoke),
        at(paths::SESSIONS).get(accounts::sessions).on(Method::DELETE, accounts::close_sessions),
        at(paths::SESSION).get(accounts::session).on(Method::DELETE, accounts::close_session),

        at(paths::ADMIN_USERS).get(admin::list).on(Method::POST, admin::add),
        at(paths::ADMIN_USER).get(admin::get).on(Method::PATCH, admin::update).on(Method::DELETE, admin::delete),
        at(paths::ADMIN_RESTORE).on(Method::POST, admin::restore),
        at(paths::ADMIN_PASSWORD).on(Method::PUT, admin::set_password),
        at(paths::ADMIN_SESSIONS).get(admin::sessions).on(Method::DELETE, admin::sign_out),
        at(paths::ADMIN_VERIFICATION).on(Method::PUT, admin::verify),
        at(paths::ADMIN_PASSWORD_RESETS).on(Method::POST, admin::create_password_reset),
        at(paths::ADMIN_INVITATIONS).on(Method::POST, admin::invite),

        at(paths::CHANGES).get_slowly(changes::list),

        at(paths::UPLOADS).get(direct::list).on(Method::POST, direct::plan),
        at(paths::UPLOAD).get(direct::get).on(Method::DELETE, direct::abort),
        at(paths::UPLOAD_PART).slowly_on(Method::PUT, direct::put_part),
        at(paths::UPLOAD_COMPLETION).slowly_on(Method::POST, direct::complete),

        at(paths::ROOT).get(about::about),
        at(paths::HEALTH).get(health::healthz),
        at(paths::READINESS).get(health::readyz),
        at(paths::PROBLEM).get(health::problem),
        at(paths::DESCRIPTION).get(openapi::description),
        at(paths::DOCS).get(docs::page),
        at(paths::DOCS_FILE).get(docs::file),
        at(paths::DELETE_ACCOUNT).get(delete_account::page),
        at(paths::DELETE_ACCOUNT_FILE).get(delete_account::file),

        of_2018(paths::LEGACY_LOGIN).get(legacy::login),
        of_2018(paths::LEGACY_RECORDS).get(legacy::list),
        of_2018(paths::LEGACY_RECORD).get(legacy::get).on(Method::PUT, legacy::put).on(Method::DELETE, legacy::delete),
        of_2018(paths::LEGACY_UPLOAD).on(Method::PUT, legacy::put),
    ]
}

/// Adds every endpoint to an actix app, each time it is called, as a worker's own.
pub fn routes(
    services: Services,
    ports: Ports,
    policy: HttpPolicy,
    tasks: Tasks,
) -> impl Fn(&mut ServiceConfig) + Clone + Send {
    // Where nothing goes on after an answer, what was given up would go on with the next request, hours later.
    let patience = if tasks.are_frozen_after_answers() { Duration::MAX } else { PATIENCE };
    move |config| {
        config
            .app_data(Data::new(services.clone()))
            .app_data(Data::new(ports.clone()))
            .app_data(Data::new(policy.clone()))
            .app_data(Data::new(tasks.clone()));
        for endpoint in table(patience) {
            config.service(resource(endpoint));
        }
        config.default_service(web::to(|| async {
            Err::<HttpResponse, _>(Problem::new(Slug::NotFound, "No endpoint has this path; see /docs."))
        }));
    }
}

fn resource(endpoint: Endpoint) -> Resource {
    let allowed: Vec<&str> = endpoint.methods().map(Method::as_str).collect();
    let allowed = allowed.join(", ");
    // `/record/list` is also a file name to upload: other methods fall through to `/record/{id}`.
    let falls_through = endpoint.path == paths::LEGACY_RECORDS;
    let mut resource = if endpoint.ignores_trailing_slash {
        web::resource([endpoint.path.to_owned(), format!("{}/", endpoint.path)])
    } else {
        web::resource(endpoint.path)
    };
    if falls_through {
        resource = resource.guard(guard::Any(guard::Get()).or(guard::Head()));
    }
    if endpoint.is_of_2018 {
        resource = resource.guard(guard::fn_guard(|context| {
            context.app_data::<web::Data<HttpPolicy>>().is_none_or(|policy| policy.routes_2018)
        }));
    }
    for (_, route) in endpoint.methods {
        resource = resource.route(route);
    }
    resource.default_service(web::to(move || {
        let problem = Problem::new(Slug::MethodNotAllowed, format!("Use one of {allowed}."));
        let response = problem.with_header(header::ALLOW, allowed.clone()).error_response();
        async move { response }
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_exactly_the_routes_there_are() {
        let mut routed = BTreeSet::new();
        for endpoint in table(PATIENCE) {
            routed.extend(endpoint.methods().map(|method| (method.to_string(), endpoint.path.to_owned())));
        }
        // These are no business of clients.
        routed.retain(|(_, path)| ![paths::DOCS_FILE, paths::DELETE_ACCOUNT_FILE].contains(&path.as_str()));
        let described = openapi::generator::described();
        // Every GET has its HEAD; the description says so only where a client wants to know.
        let is_implied = |(method, path): &(String, String)| {
            method == "HEAD" && described.contains(&("GET".to_owned(), path.clone()))
        };
        let undescribed: Vec<_> = routed.difference(&described).filter(|endpoint| !is_implied(endpoint)).collect();
        let unrouted: Vec<_> = described.difference(&routed).collect();
        assert!(undescribed.is_empty() && unrouted.is_empty(), "undescribed: {undescribed:?}, unrouted: {unrouted:?}");
    }
}
