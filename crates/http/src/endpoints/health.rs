//! Endpoints for operators: whether the server is well, and what its problems mean.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug};
use tapebase_domain::Services;

use crate::{
    Failures, Tasks,
    answers::{
        document::Document,
        problem::{Meaning, Problem},
    },
};

/// The process runs
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth", tag = "Server", security(()), responses(
    (status = 200, description = "It does", body = api::Health),
))]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(api::Health { status: "ok".to_owned() })
}

/// The stores answer
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "Server", security(()), responses(
    (status = 200, description = "They do, or did less than a second ago", body = api::Readiness),
    (status = 503, description = "One does not"),
    (status = 507, description = "One is full"),
))]
pub async fn readyz(
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    failures: Option<web::Data<Failures>>,
) -> Result<HttpResponse, Problem> {
    services.readiness.check().await?;
    Ok(HttpResponse::Ok().json(api::Readiness {
        status: "ready".to_owned(),
        tasks: tasks.count(),
        damaged: services.damage.count(),
        failing: failures.map(|failures| failures.list()).unwrap_or_default(),
    }))
}

/// What a problem's type means
#[utoipa::path(get, path = "/problems/{slug}", operation_id = "getProblem", tag = "Server", security(()),
    params(("slug" = String, Path, description = "The last part of a problem's type")), responses(
    (status = 200, description = "In plain words", body = String, content_type = "text/plain"),
    (status = 304, description = "A tag in If-None-Match is the current one"),
    (status = 404, description = "There is no such problem"),
))]
pub async fn problem(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let slug = Slug::parse(&path).ok_or_else(|| Problem::new(Slug::NotFound, "There is no problem of this name."))?;
    let Meaning { status, title, is_retryable } = Meaning::of(slug);
    let retry = if is_retryable { "may succeed later" } else { "will fail again" };
    let text = format!("{slug} ({status})\n\n{title}.\nThe same request {retry}.\n");
    Document::new("text/plain; charset=utf-8", text).answer(&request)
}
