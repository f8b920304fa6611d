//! A session in a cookie, for pages (RFC 6265): no script can read it, and no page of another origin can use it to change
//! anything.

use actix_web::{
    HttpRequest,
    http::{
        Method, Uri,
        header::{self, HeaderName, HeaderValue},
        uri::Authority,
    },
    web::Data,
};
use tapebase_api::Slug;
use tapebase_domain::{
    auth::Grant,
    oidc::{Nonce, PendingLogin},
};

use crate::{HttpPolicy, answers::problem::Problem, requests::place::Place};

/// The prefix has browsers keep it to this host, all of its paths and TLS (draft-ietf-httpbis-rfc6265bis section 4.1.3.2).
pub const NAME: &str = "__Host-tapebase";
/// The one of a sign-in at a provider that was begun.
const PENDING: &str = "__Host-tapebase-login";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// Where the page is that sends a request: `same-origin`, `same-site`, `cross-site`, or `none` for the user themselves.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cookie of a session, for as long as any session lasts: the server knows when this one ends.
pub fn of(grant: &Grant) -> String {
    let lifetime = (grant.session.ends_at - grant.session.created_at).num_seconds();
    format!("{NAME}={}; {ATTRIBUTES}; Max-Age={lifetime}", grant.token.expose())
}

/// Takes the cookie out of the browser.
pub fn none() -> String {
    format!("{NAME}=; {ATTRIBUTES}; Max-Age=0")
}

/// The cookie of a sign-in that was begun, for as long as it counts.
pub fn of_pending(pending: &PendingLogin) -> String {
    format!("{PENDING}={}; {ATTRIBUTES}; Max-Age={}", pending.to_text(), Nonce::LIFETIME.num_seconds())
}

/// Takes it out of the browser.
pub fn none_pending() -> String {
    format!("{PENDING}=; {ATTRIBUTES}; Max-Age=0")
}

/// The sign-in that this browser has begun.
pub fn pending(request: &HttpRequest) -> Option<&str> {
    value(request, PENDING)
}

fn value<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    // Cookies of others may be anything, and white space is that of ASCII alone: browsers reserve names byte by byte.
    let lines = request.headers().get_all(header::COOKIE).map(HeaderValue::as_bytes);
    let mut values = lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(|pair| {
        let (it, value) = std::str::from_utf8(pair.trim_ascii()).ok()?.split_once('=')?;
        (it == name).then_some(value)
    });
    values.next()
}

/// Whether a request is made with the cookie.
pub fn is_presented(request: &HttpRequest) -> bool {
    !request.headers().contains_key(header::AUTHORIZATION) && value(request, NAME).is_some()
}

/// The token of the session that a new one takes the place of in this browser.
pub fn replaced(request: &HttpRequest) -> Option<String> {
    value(request, NAME).map(str::to_owned)
}

/// Fails for a browser that a page of another site sends here.
///
/// # Errors
/// [`Slug::CrossOriginRefused`].
pub fn require_own_site(request: &HttpRequest) -> Result<(), Problem> {
    if request.headers().get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site") {
        return Err(Problem::new(
            Slug::CrossOriginRefused,
            "A page of this site sends people here, or they come themselves.",
        ));
    }
    Ok(())
}

/// The token in the cookie, if there is one; for a request that changes something, if it may use it.
///
/// # Errors
/// A page of another origin sends it.
pub fn token(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(token) = value(request, NAME) else { return Ok(None) };
    let changes_nothing = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !changes_nothing {
        require_own_page(request)?;
    }
    Ok(Some(token))
}

/// Fails unless a page of this origin sends the request, or of one that the operator has listed.
///
/// Browsers say which page it is on all requests that change something, and pages cannot have them say otherwise.
///
/// # Errors
/// [`Slug::CrossOriginRefused`].
pub fn require_own_page(request: &HttpRequest) -> Result<(), Problem> {
    let named = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let origin = named(header::ORIGIN);
    let is_own = match (named(SEC_FETCH_SITE), origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => authority(origin).is_some_and(|it| it == Place::of(request).authority()),
        (None, None) => false,
    };
    let policy = request.app_data::<Data<HttpPolicy>>();
    let mut listed = policy.iter().flat_map(|policy| policy.allowed_origins.listed());
    if is_own || listed.any(|it| origin == Some(it)) {
        return Ok(());
    }
    Err(Problem::new(
        Slug::CrossOriginRefused,
        "A cookie counts for pages of this origin, and of those in http.allowed_origins. Others send a token.",
    ))
}

/// By the host alone: behind a proxy that does not say so, nobody knows of TLS here.
fn authority(origin: &str) -> Option<String> {
    origin.parse::<Uri>().ok()?.authority().map(Authority::to_string)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;
    use crate::{Origins, Rates};

    fn is_own(allowed: &Origins, headers: &[(&'static str, &str)]) -> bool {
        let policy = HttpPolicy {
            body_timeout: Duration::from_secs(1),
            body_bytes: None,
            public_url: None,
            proxies: "10.0.0.0/8".parse().expect("a network"),
            allowed_origins: allowed.clone(),
            rates: Rates::new(0, 0),
            routes_2018: true,
        };
        let mut request = TestRequest::post().append_header(("Host", "tapes.example.com"));
        for &header in headers {
            request = request.append_header(header);
        }
        require_own_page(&request.app_data(Data::new(policy)).to_http_request()).is_ok()
    }

    #[test]
    fn a_cookie_is_found_among_whatever_others_there_are() {
        let found = |line: &[u8]| {
            let line = HeaderValue::from_bytes(line).expect("a header");
            value(&TestRequest::default().insert_header((header::COOKIE, line)).to_http_request(), NAME)
                .map(str::to_owned)
        };

        assert_eq!(found("name=홍길동; __Host-tapebase=t; x=\u{e9}".as_bytes()), Some("t".to_owned()));
        assert_eq!(found(b"a=\xff;__Host-tapebase=t"), Some("t".to_owned()));
        for line in ["\u{a0}__Host-tapebase=t", "x__Host-tapebase=t", "__host-tapebase=t", "__Host-tapebase"] {
            assert_eq!(found(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_page_is_of_this_origin_or_listed() {
        let listed = Origins::Listed(vec!["https://app.example.com".to_owned()]);
        let own = [("Origin", "https://tapes.example.com")];
        let app = [("Origin", "https://app.example.com")];
        for allowed in [&Origins::default(), &listed, &Origins::Any] {
            assert!(is_own(allowed, &own) && is_own(allowed, &[("Sec-Fetch-Site", "same-origin")]));
            for foreign in [
                &[][..],
                &[("Origin", "https://evil.example.com")],
                &[("Origin", "https://tapes.example.com.evil.example")],
                &[("Origin", "https://tapes.example.com:444")],
                &[("Origin", "null")],
                &[("Origin", "tapes.example.com/")],
                &[("Sec-Fetch-Site", "cross-site"), own[0]],
                &[("Sec-Fetch-Site", "same-site"), own[0]],
                &[("Referer", "https://tapes.example.com/")],
            ] {
                assert!(!is_own(allowed, foreign), "{foreign:?}");
            }
        }
        assert!(is_own(&listed, &app) && is_own(&listed, &[app[0], ("Sec-Fetch-Site", "same-site")]));
        assert!(!is_own(&Origins::Any, &app) && !is_own(&Origins::default(), &app));
    }
}
