//! Every endpoint in one table: method, path, and the function that answers.

use actix_web::{
    Handler, HttpResponse, Resource, Responder, ResponseError as _, Route, guard,
    http::{Method, header},
    web::{self, ServiceConfig},
};

use crate::{
    accounts, direct, health, legacy, openapi,
    problem::{Problem, ProblemKind},
    recordings,
};

/// One path and what can be done there.
pub struct Endpoint {
    path: &'static str,
    methods: Vec<(Method, Route)>,
    ignores_trailing_slash: bool,
}

fn at(path: &'static str) -> Endpoint {
    Endpoint { path, methods: Vec::new(), ignores_trailing_slash: !path.starts_with("/v1/") }
}

impl Endpoint {
    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
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

    fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().map(|(method, _)| method)
    }
}

/// Every endpoint. Where two paths match, the first one that knows the method answers.
#[rustfmt::skip]
fn table() -> Vec<Endpoint> {
    vec![
        at("/v1/auth/signup").on(Method::POST, accounts::sign_up),
        at("/v1/auth/login").on(Method::POST, accounts::log_in),
        at("/v1/auth/logout").on(Method::POST, accounts::log_out),
        at("/v1/me").get(accounts::me),
        at("/v1/me/sessions").get(accounts::sessions).on(Method::DELETE, accounts::close_sessions),
        at("/v1/me/sessions/{id}").get(accounts::session).on(Method::DELETE, accounts::close_session),

        at("/v1/recordings").get(recordings::list).on(Method::POST, recordings::post),
        at("/v1/recordings/{id}").get(recordings::get).on(Method::PUT, recordings::put)
            .on(Method::PATCH, recordings::rename).on(Method::DELETE, recordings::delete),
        at("/v1/recordings/{id}/audio").get(recordings::audio),

        at("/v1/direct").on(Method::POST, direct::plan),
        at("/v1/direct/{id}").on(Method::DELETE, direct::abort),
        at("/v1/direct/{id}/parts/{number}").on(Method::PUT, direct::put_part),
        at("/v1/direct/{id}/complete").on(Method::POST, direct::complete),

        at("/healthz").get(health::healthz),
        at("/readyz").get(health::readyz),
        at("/problems/{slug}").get(health::problem),
        at("/openapi.json").get(openapi::description),
        at("/docs").get(openapi::page),

        at("/login").get(legacy::login),
        at("/record/list").get(legacy::list),
        at("/record/{id}").get(legacy::get).on(Method::PUT, legacy::put).on(Method::DELETE, legacy::delete),
        at("/upload/record/{id}").on(Method::PUT, legacy::put),
    ]
}

/// Adds every endpoint to an actix app. The app's data must hold `Services`, `Ports` and `HttpPolicy`.
pub fn routes(config: &mut ServiceConfig) {
    for endpoint in table() {
        config.service(resource(endpoint));
    }
    config.default_service(web::to(|| async {
        Err::<HttpResponse, _>(Problem::new(ProblemKind::NotFound, "No endpoint has this path; see /docs."))
    }));
}

fn resource(endpoint: Endpoint) -> Resource {
    let allowed: Vec<&str> = endpoint.methods().map(Method::as_str).collect();
    let allowed = allowed.join(", ");
    // `/record/list` is also a file name to upload: other methods fall through to `/record/{id}`.
    let falls_through = endpoint.path == "/record/list";
    let mut resource = if endpoint.ignores_trailing_slash {
        web::resource([endpoint.path.to_owned(), format!("{}/", endpoint.path)])
    } else {
        web::resource(endpoint.path)
    };
    if falls_through {
        resource = resource.guard(guard::Any(guard::Get()).or(guard::Head()));
    }
    for (_, route) in endpoint.methods {
        resource = resource.route(route);
    }
    resource.default_service(web::to(move || {
        let problem = Problem::new(ProblemKind::MethodNotAllowed, format!("Use one of {allowed}."));
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
        for endpoint in table() {
            routed.extend(endpoint.methods().map(|method| (method.to_string(), endpoint.path.to_owned())));
        }
        let described = openapi::described();
        // Every GET has its HEAD; the description says so only where a client wants to know.
        let is_implied = |(method, path): &(String, String)| {
            method == "HEAD" && described.contains(&("GET".to_owned(), path.clone()))
        };
        let undescribed: Vec<_> = routed.difference(&described).filter(|endpoint| !is_implied(endpoint)).collect();
        let unrouted: Vec<_> = described.difference(&routed).collect();
        assert!(undescribed.is_empty() && unrouted.is_empty(), "undescribed: {undescribed:?}, unrouted: {unrouted:?}");
    }
}
