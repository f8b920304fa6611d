//! The page on which people ask for their account to be deleted, without the app: Google Play wants an address for it.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use tapebase_api::Slug;

use crate::answers::{document::Document, problem::Problem};

/// What the page may do: load what is below it, and ask this server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

static PAGE: LazyLock<Document> =
    LazyLock::new(|| Document::new("text/html; charset=utf-8", include_str!("delete_account/page.html")));
static STYLE: LazyLock<Document> =
    LazyLock::new(|| Document::new("text/css; charset=utf-8", include_str!("delete_account/page.css")));
static SCRIPT: LazyLock<Document> =
    LazyLock::new(|| Document::new("text/javascript; charset=utf-8", include_str!("delete_account/page.js")));

/// Page to delete an account
///
/// For people who have not got the app at hand: signs in with email address and password, and deletes the account.
#[utoipa::path(get, path = "/delete-account", operation_id = "getDeleteAccountPage", tag = "Server", security(()), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 304, description = "The client's version is current (If-None-Match)"),
))]
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.path().ends_with('/') {
        return Ok(HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "../delete-account")).finish());
    }
    PAGE.answer_page(&request, POLICY)
}

/// What the page is made of.
pub async fn file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    match &**name {
        "page.css" => STYLE.answer_page(&request, POLICY),
        "page.js" => SCRIPT.answer_page(&request, POLICY),
        _ => Err(Problem::new(Slug::NotFound, "/delete-account is made of no such file.")),
    }
}
