//! The description of the API, to be read and tried in a browser: a page around Swagger UI, which is part of the program.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use tapebase_api::Slug;

use crate::answers::{document::Document, problem::Problem};

/// What the page may do: load what is below it, ask this server, play and save what that answers; nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static PAGE: LazyLock<Document> =
    LazyLock::new(|| Document::new("text/html; charset=utf-8", include_str!("docs/page.html")));

/// What the page is made of, by name; and three seconds of speech, to try everything with.
static FILES: LazyLock<[(&str, Document); 5]> = LazyLock::new(|| {
    const STYLE: &str = "text/css; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const VIEWER: &[u8] = include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz");
    const VIEWER_STYLE: &[u8] = include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz");
    const SAMPLE: &[u8] = include_bytes!("../../assets/hello.m4a");
    [
        ("page.css", Document::new(STYLE, include_str!("docs/page.css"))),
        ("page.js", Document::new(SCRIPT, include_str!("docs/page.js"))),
        ("swagger-ui.css", Document::gzipped(STYLE, VIEWER_STYLE)),
        ("swagger-ui-bundle.js", Document::gzipped(SCRIPT, VIEWER)),
        ("hello.m4a", Document::new("audio/mp4", SAMPLE)),
    ]
});

/// API reference
///
/// Shows this description in a browser, where every operation can be tried.
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "Server", security(()), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 304, description = "The client's version is current (If-None-Match)"),
))]
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    // What the page refers to is beside it, whatever a proxy has put before its path.
    if request.path().ends_with('/') {
        return Ok(HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "../docs")).finish());
    }
    PAGE.answer_page(&request, POLICY)
}

/// What the page is made of.
pub async fn file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let found = FILES.iter().find(|(file, _)| **file == **name);
    let (_, file) = found.ok_or_else(|| Problem::new(Slug::NotFound, "/docs is made of no such file."))?;
    file.answer_page(&request, POLICY)
}
