//! Endpoints for operators: whether the server is well, and what its problems mean.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug};
use tapebase_domain::Services;

use crate::{
    Failures, Stopping, Tasks,
    answers::{
        document::Document,
        problem::{Meaning, Problem},
    },
};

/// Liveness check
///
/// Does not look at the stores: use it to decide whether to restart the process.
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth", tag = "Server", security(()), responses(
    (status = 200, description = "The process is running", body = api::Health),
))]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(api::Health { status: "ok".to_owned() })
}

/// Readiness check
///
/// Asks every store: use it to decide whether to send requests here.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "Server", security(()), responses(
    (status = 200, description = "All stores respond, or did less than a second ago", body = api::Readiness),
    (status = 503, description = "A store does not respond, or the server is stopping"),
    (status = 507, description = "A store is full"),
))]
pub async fn readyz(
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    failures: Option<web::Data<Failures>>,
    stopping: Option<web::Data<Stopping>>,
) -> Result<HttpResponse, Problem> {
    if stopping.is_some_and(|stopping| stopping.has_begun()) {
        return Err(Problem::new(Slug::Unavailable, "The server is stopping: send requests elsewhere."));
    }
    services.readiness.check().await?;
    Ok(HttpResponse::Ok().json(api::Readiness {
        status: "ready".to_owned(),
        tasks: tasks.count(),
        damaged: services.damage.count(),
        failing: failures.map(|failures| failures.list()).unwrap_or_default(),
    }))
}

/// Explain a problem
///
/// What the `type` of a problem document links to.
#[utoipa::path(get, path = "/problems/{slug}", operation_id = "getProblem", tag = "Server", security(()),
    params(("slug" = String, Path, description = "The problem's `code`", example = "not-found")), responses(
    (status = 200, description = "An explanation", body = String, content_type = "text/plain", example = "not-found (404)\n\nNot found.\nThe same request will fail again.\n"),
    (status = 304, description = "The client's version is current (If-None-Match)"),
    (status = 404, description = "No problem has this code"),
))]
pub async fn problem(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let slug = Slug::parse(&path).ok_or_else(|| Problem::new(Slug::NotFound, "There is no problem of this name."))?;
    let Meaning { status, title, is_retryable } = Meaning::of(slug);
    let retry = if is_retryable { "may succeed later" } else { "will fail again" };
    let text = format!("{slug} ({status})\n\n{title}.\nThe same request {retry}.\n");
    Document::new("text/plain; charset=utf-8", text).answer(&request)
}
