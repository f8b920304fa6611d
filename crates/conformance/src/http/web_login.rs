//! Signing in at a real OpenID provider in a browser: one function per behaviour, to be run through every front end.
//!
//! ```text
//! fn front_end() -> ((Tcp, &'static OidcProvider), Server) { .. }
//!
//! tapebase_conformance::web_login_tests!(front_end());
//! ```
//!
//! The expression yields a client of a server that has the provider's settings, the provider, and whatever must outlive
//! them.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]

use super::{Client, Request, Response, cases::at_once, openid};
use crate::oidc_provider::OidcProvider;

/// One test per behaviour.
#[macro_export]
macro_rules! web_login_tests {
    ($front_end:expr) => {
        $crate::web_login_tests! { @each $front_end;
            whoever_signs_in_at_the_provider_has_a_session_in_a_cookie,
            a_sign_in_ends_where_it_was_begun_and_once,
            a_code_of_another_sign_in_is_of_no_use,
            a_sign_in_leads_to_no_page_of_somebody_else,
            who_is_refused_is_told_where_they_come_from,
        }
    };
    (@each $front_end:expr; $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let ((client, provider), _kept) = $front_end;
            $crate::http::web_login::$case(&client, &provider);
        }
    )*};
}

const SESSION: &str = "__Host-tapebase=";
const PENDING: &str = "__Host-tapebase-login=";
const START: &str = "/v1/auth/oidc/test/start";
const CALLBACK: &str = "/v1/auth/oidc/test/callback";

/// Somebody on their way to the provider.
struct OnTheirWay {
    /// Where they are sent.
    url: String,
    /// What their browser keeps.
    cookie: String,
}

fn begin(client: &dyn Client, subject: &str, return_to: &str) -> OnTheirWay {
    let target = format!("{START}?login_hint={subject}&return_to={return_to}");
    let answer = client.send(&from_browser(target)).expect(303);
    OnTheirWay { url: location(&answer).to_owned(), cookie: cookie(&answer, PENDING).expect("a cookie") }
}

impl OnTheirWay {
    /// What they come back with.
    fn walk(&self, provider: &OidcProvider) -> String {
        let back = provider.walk(&self.url);
        back.split_once(CALLBACK).unwrap_or_else(|| panic!("they end up at {back}")).1.to_owned()
    }

    fn state(&self) -> &str {
        let (_, state) = self.url.split_once("&state=").expect("a state");
        state.split_once('&').map_or(state, |(state, _)| state)
    }
}

fn come_back(query: &str, cookie: &str) -> Request {
    from_browser(format!("{CALLBACK}{query}")).header("Cookie", cookie)
}

/// Of a server that the provider knows.
fn from_browser(target: String) -> Request {
    Request::new("GET", target).header("Host", "127.0.0.1")
}

fn location(answer: &Response) -> &str {
    answer.header("location").unwrap_or_else(|| panic!("nowhere: {answer:?}"))
}

/// The cookie of this name that an answer sets, as a browser sends it; none if it is taken back.
fn cookie(answer: &Response, name: &str) -> Option<String> {
    let lines = answer.headers.iter().filter(|(key, _)| key == "set-cookie").map(|(_, line)| line);
    let cookie = lines.filter_map(|line| line.split(';').next()).find(|pair| pair.starts_with(name))?;
    (cookie.len() > name.len()).then(|| cookie.to_owned())
}

fn me(client: &dyn Client, cookie: &str) -> Response {
    client.send(&Request::new("GET", "/v1/me").header("Cookie", cookie))
}

/// Signs somebody in, and yields what nobody else may see: the code, what it is bound to, and the token.
pub fn sign_in(client: &dyn Client, provider: &OidcProvider) -> Vec<String> {
    let begun = begin(client, &openid::fresh_subject(), "/");
    let query = begun.walk(provider);
    let answer = client.send(&come_back(&query, &begun.cookie)).expect(303);
    let token = cookie(&answer, SESSION).and_then(|cookie| cookie.strip_prefix(SESSION).map(str::to_owned));
    let code = query.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).expect("a code");
    let verifier = begun.cookie.strip_prefix(PENDING).and_then(|text| text.split('.').next()).expect("a verifier");
    vec![code.to_owned(), verifier.to_owned(), token.expect("a session")]
}

pub fn whoever_signs_in_at_the_provider_has_a_session_in_a_cookie(client: &dyn Client, provider: &OidcProvider) {
    let ann = openid::fresh_subject();
    let begun = begin(client, &ann, "%2Fapp%3Ftab%3Dmemos");

    let answer = client.send(&come_back(&begun.walk(provider), &begun.cookie)).expect(303);

    assert_eq!(location(&answer), "/app?tab=memos");
    assert_eq!(cookie(&answer, PENDING), None, "it is taken back");
    let session = cookie(&answer, SESSION).expect("a session");
    let user = me(client, &session).expect(200).json();
    let by_token = openid::signed_in(client, provider, "app", &ann);
    assert_eq!(user["id"], by_token["user"]["id"], "the same account as of the app");

    // In the same browser, it takes the place of the one before.
    let begun = begin(client, &openid::fresh_subject(), "/");
    let again = client.send(&come_back(&begun.walk(provider), &format!("{}; {session}", begun.cookie))).expect(303);
    assert_eq!(me(client, &session).problem(), "invalid-token");
    let _ = me(client, &cookie(&again, SESSION).expect("a session")).expect(200);
}

pub fn a_sign_in_ends_where_it_was_begun_and_once(client: &dyn Client, provider: &OidcProvider) {
    let [ann, mallory] = [0, 1].map(|_| begin(client, &openid::fresh_subject(), "/"));
    let query = ann.walk(provider);

    for request in [from_browser(format!("{CALLBACK}{query}")), come_back(&query, "__Host-tapebase-login=a.b.c")] {
        assert_eq!(client.send(&request).problem(), "login-expired", "{request:?}");
    }
    for request in [
        come_back(&query, &mallory.cookie),
        come_back("", &ann.cookie),
        come_back(&query.replace("state=", "state=x"), &ann.cookie),
    ] {
        let refused = client.send(&request).expect(303);
        assert_eq!((location(&refused), cookie(&refused, SESSION)), ("/?error=login-expired", None), "{request:?}");
    }

    let answers = at_once(4, |_| client.send(&come_back(&query, &ann.cookie)).expect(303));
    assert_eq!(answers.iter().filter(|answer| cookie(answer, SESSION).is_some()).count(), 1, "{answers:?}");
    let late = client.send(&come_back(&query, &ann.cookie)).expect(303);
    assert_eq!((location(&late), cookie(&late, SESSION)), ("/?error=invalid-id-token", None));
}

pub fn a_code_of_another_sign_in_is_of_no_use(client: &dyn Client, provider: &OidcProvider) {
    let [ann, mallory] = [0, 1].map(|_| begin(client, &openid::fresh_subject(), "/"));
    let (_, code) = ann.walk(provider).split_once("code=").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a code");
    let code = code.split('&').next().unwrap_or_default().to_owned();

    // Whoever has seen the code has not got what it is bound to.
    let query = format!("?code={code}&state={}", percent_decoded(mallory.state()));
    let answer = client.send(&come_back(&query, &mallory.cookie)).expect(303);

    assert_eq!((location(&answer), cookie(&answer, SESSION)), ("/?error=invalid-id-token", None));
}

/// Of what is in a state.
fn percent_decoded(text: &str) -> String {
    text.replace("%2D", "-").replace("%5F", "_")
}

pub fn a_sign_in_leads_to_no_page_of_somebody_else(client: &dyn Client, provider: &OidcProvider) {
    for return_to in [
        "https://evil.example/",
        "//evil.example/",
        "/%5Cevil.example/",
        "%2F%2Fevil.example",
        "evil.example",
        "javascript:alert(1)",
        "/a%0D%0ASet-Cookie:%20a=b",
        "/%23fragment",
        "/caf%C3%A9",
        &format!("/{}", "a".repeat(500)),
    ] {
        let answer = client.send(&Request::new("GET", format!("{START}?return_to={return_to}")));
        assert_eq!(answer.problem(), "invalid-parameter", "{return_to}");
    }
    // Nor does a cookie that somebody has put there.
    let ann = begin(client, &openid::fresh_subject(), "/");
    let (kept, _) = ann.cookie.rsplit_once('.').expect("three parts");
    let elsewhere = data_encoding::BASE64URL_NOPAD.encode(b"https://evil.example/");
    let answer = client.send(&come_back(&ann.walk(provider), &format!("{kept}.{elsewhere}")));
    assert_eq!(answer.problem(), "invalid-parameter");
}

pub fn who_is_refused_is_told_where_they_come_from(client: &dyn Client, _: &OidcProvider) {
    let ann = begin(client, &openid::fresh_subject(), "%2Fapp%3Ftab%3Dmemos");
    let state = percent_decoded(ann.state());
    for (said, told) in [
        ("error=access_denied", "access_denied"),
        ("error=%3Cscript%3E", "server_error"),
        ("error=access_denied&code=1", "access_denied"),
        ("code=", "server_error"),
        ("code=made-up", "invalid-id-token"),
    ] {
        let answer = client.send(&come_back(&format!("?{said}&state={state}"), &ann.cookie)).expect(303);

        assert_eq!(location(&answer), format!("/app?tab=memos&error={told}"));
        assert_eq!(cookie(&answer, SESSION), None);
    }
    assert_eq!(client.send(&Request::new("GET", "/v1/auth/oidc/nobody/start")).problem(), "not-found");
    let sent_here = Request::new("GET", START).header("Sec-Fetch-Site", "cross-site");
    assert_eq!(client.send(&sent_here).problem(), "cross-origin-refused");
}
