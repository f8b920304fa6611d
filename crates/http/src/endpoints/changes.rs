//! `GET /v1/changes`: what has changed since last time.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tapebase_api::{self as api, Slug};
use tapebase_domain::Services;
use utoipa::IntoParams;

use crate::{
    answers::{problem::Problem, wire},
    requests::{caller::Reader, query},
};

/// Whoever asks for more means something else.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// From where on, and how much.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The `cursor` of the previous response. Without one, all recordings are listed.
    cursor: Option<String>,
    /// Maximum number of changes.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u64>,
    /// Seconds to wait for a change if there is none (long polling); the server waits at most 25.
    #[param(minimum = 0, maximum = 3_600, default = 0)]
    wait: Option<u64>,
}

/// List changes
///
/// What has changed since the previous request: current recordings, and the ids of deleted ones, in the order of their
/// last change.
#[utoipa::path(get, path = "/v1/changes", operation_id = "listChanges", tag = "Changes", params(ChangesQuery), responses(
    (status = 200, description = "A page of changes", body = api::Changes),
    (status = 410, description = "The cursor is no longer valid: start over at `restart`"),
))]
pub async fn list(
    caller: Reader,
    request: HttpRequest,
    services: web::Data<Services>,
) -> Result<HttpResponse, Problem> {
    let ChangesQuery { cursor, limit, wait } = query::parse(&request)?;
    let limit = query::limit(limit)?;
    let wait = Duration::from_secs(wait.unwrap_or_default());
    if wait > LONGEST_WAIT {
        return Err(Problem::new(Slug::InvalidParameter, "Send wait in seconds, an hour at most; 25 are waited."));
    }
    let page = services.changes.page(caller.user, cursor.as_deref(), limit, wait).await?;
    let page = wire::changes(page);
    wire::list(page.items.len(), &page)
}
