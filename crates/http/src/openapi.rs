//! The description of the API (OpenAPI 3.1). `docs/openapi.json` is generated from the handlers and committed: people
//! generate clients where no server runs, and read what has changed. The server sends that file, and has no generator in it.

#[cfg(test)]
pub mod generator;

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use crate::answers::{document::Document, problem::Problem};

/// OpenAPI description
///
/// For generators of clients and other tools.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getDescription", tag = "Server", security(()), responses(
    (status = 200, description = "This description (OpenAPI 3.1)", body = Object, example = json!({"openapi": "3.1.0", "info": {"title": "Tapebase"}, "paths": {}})),
    (status = 304, description = "The client's version is current (If-None-Match)"),
))]
pub async fn description(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static DESCRIPTION: LazyLock<Document> = LazyLock::new(|| Document::new("application/json", COMMITTED));
    DESCRIPTION.answer(&request)
}

const COMMITTED: &str = include_str!("../../../docs/openapi.json");
