//! What is found at the root: for people the reference, for programs what this is.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, Accept, Header as _},
};
use tapebase_api::{self as api, paths};

use crate::requests::place::Place;

/// About this server
///
/// Redirects browsers to the API reference at `/docs`.
#[utoipa::path(get, path = "/", operation_id = "getAbout", tag = "Server", security(()), responses(
    (status = 200, description = "Name, version and documentation", body = api::About),
    (status = 307, description = "Redirect of browsers to the API reference", headers(("Location" = String, description = "`/docs`"))),
))]
pub async fn about(request: HttpRequest) -> HttpResponse {
    let place = Place::of(&request);
    let vary = (header::VARY, header::ACCEPT.as_str());
    if takes_pages(&request) {
        let docs = (header::LOCATION, place.path(paths::DOCS));
        return HttpResponse::TemporaryRedirect().insert_header(docs).insert_header(vary).finish();
    }
    HttpResponse::Ok().insert_header(vary).json(api::About {
        name: "Tapebase".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        docs: place.path(paths::DOCS),
        openapi: place.path(paths::DESCRIPTION),
    })
}

/// Whether the client names HTML among what it takes, as browsers do and nobody else.
fn takes_pages(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|accept| accept.iter().any(|range| range.item.essence_str() == "text/html"))
}
