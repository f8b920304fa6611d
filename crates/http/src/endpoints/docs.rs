//! A page on which the description of the API can be read.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
};
use data_encoding::BASE64;
use tapebase_domain::digest::Sha256;

use crate::answers::{document::Document, problem::Problem};

const HTML: &str = include_str!("docs.html");

/// This description, to be read
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "Server", security(()), responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 304, description = "A tag in If-None-Match is the current one"),
))]
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static PAGE: LazyLock<(Document, String)> =
        LazyLock::new(|| (Document::new("text/html; charset=utf-8", HTML), policy(HTML)));
    let (page, policy) = &*PAGE;
    let policy = HeaderValue::from_str(policy).map_err(Problem::internal)?;
    let mut response = page.answer(&request)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Lets in the page's own style and script, by their digests, and what the script reads.
fn policy(html: &str) -> String {
    let [style, script] = ["style", "script"].map(|element| {
        let inside =
            html.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
        let (text, _) = inside.unwrap_or_default();
        format!("'sha256-{}'", BASE64.encode(&Sha256::of(text.as_bytes()).0))
    });
    format!("default-src 'none'; connect-src 'self'; style-src {style}; script-src {script}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_has_the_digests_of_the_style_and_the_script() {
        let policy = policy("<style>a</style><script>b</script>");

        let style = "style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='";
        let script = "script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='";
        assert_eq!(policy, format!("default-src 'none'; connect-src 'self'; {style}; {script}"));
    }
}
