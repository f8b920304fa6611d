//! Requests, as the API reads their paths, queries, heads and bodies: whatever comes, the server does not fail.
#![no_main]
#![expect(clippy::expect_used, reason = "what is wrong with the app ends the run")]

use actix_web::{
    App, HttpMessage as _,
    body::MessageBody,
    dev::{Service as _, ServiceResponse},
    http::{
        Method, Uri,
        header::{HeaderName, HeaderValue},
    },
    rt::{System, SystemRunner},
    test::{TestRequest, init_service},
};
use libfuzzer_sys::fuzz_target;
use tapebase_config::{Config, Url};
use tapebase_domain::{
    Services,
    auth::WithMail,
    user::{Email, Password},
};
use tapebase_http::{Tasks, routes::routes, wrapped};
use tokio::runtime::Handle;

/// The byte that an input begins with for the first kind of request; the next for the second, and so on.
const FIRST: u8 = b'0';
/// Where the text goes: `{}` marks the place in path and query.
const TARGETS: [(&str, &str); 14] = [
    ("GET", "/v1/recordings?{}"),
    ("GET", "/v1/recordings/{}"),
    ("DELETE", "/v1/recordings/{}"),
    ("PUT", "/v1/recordings/{}?name=a"),
    ("PUT", "/v1/recordings/01KDVDNA00GT6MZ5TJT16S64JV?{}"),
    ("GET", "/v1/changes?{}"),
    ("GET", "/v1/play/{}"),
    ("PUT", "/v1/direct/{}/parts/1?expires=1"),
    ("GET", "/v1/me/sessions?{}"),
    ("GET", "/record/{}"),
    ("PUT", "/record/{}"),
    ("GET", "/login?{}"),
    ("GET", "/v1/auth/oidc/{}/callback?code=a"),
    ("GET", "/{}"),
];
/// Fields of a request's head.
const HEADERS: [&str; 20] = [
    "authorization",
    "cookie",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "repr-digest",
    "content-digest",
    "content-type",
    "content-disposition",
    "content-length",
    "content-encoding",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "host",
    "origin",
    "accept",
    "tapebase-recorded-at",
];
/// What takes JSON.
const BODIES: [(&str, &str); 6] = [
    ("PATCH", RECORDING),
    ("POST", "/v1/direct"),
    ("POST", "/v1/auth/password-reset"),
    ("POST", "/v1/me/tokens"),
    ("POST", "/v1/auth/oidc/test"),
    ("PUT", "/v1/me/verifications/01KDVDNA00GT6MZ5TJT16S64JV"),
];
/// The one that is there.
const RECORDING: &str = "/v1/recordings/01KDVDNA00K2QYFZK6JVASDYD1";

/// Whatever answers.
type Answer = Box<dyn Fn(TestRequest) -> u16>;

thread_local! {
    // It stays: what ends with its thread finds less and less there.
    static APP: &'static Answer = Box::leak(Box::new(start()));
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, text)) = data.split_first() else { return };
    let Some(request) = request(usize::from(kind.saturating_sub(FIRST)), text) else { return };
    let status = APP.with(|app| app(request));
    assert!(status < 500 || status == 507, "answered {status}");
});

/// The request in which the text has a place; `None` if none could be sent.
fn request(kind: usize, text: &[u8]) -> Option<TestRequest> {
    let mut kind = kind;
    if let Some((method, target)) = TARGETS.get(kind) {
        let target = target.replace("{}", std::str::from_utf8(text).ok()?);
        let uri = Uri::try_from(target).ok()?;
        return Some(of(method).uri(&uri.to_string()).set_payload("speech"));
    }
    kind -= TARGETS.len();
    if let Some(name) = HEADERS.get(kind / 2) {
        let (method, path) = if kind.is_multiple_of(2) {
            ("GET", format!("{RECORDING}/audio"))
        } else {
            ("POST", "/v1/recordings".to_owned())
        };
        let value = HeaderValue::from_bytes(text.trim_ascii()).ok()?;
        return Some(of(method).uri(&path).insert_header((HeaderName::from_static(name), value)).set_payload("speech"));
    }
    kind -= 2 * HEADERS.len();
    if let Some((method, path)) = BODIES.get(kind) {
        let request = of(method).uri(path).insert_header(("content-length", text.len()));
        return Some(request.insert_header(("content-type", "application/json")).set_payload(text.to_vec()));
    }
    let form = of("POST").uri("/v1/recordings").insert_header(("content-length", text.len()));
    Some(form.insert_header(("content-type", "multipart/form-data; boundary=b")).set_payload(text.to_vec()))
}

fn of(method: &str) -> TestRequest {
    TestRequest::default()
        .method(Method::from_bytes(method.as_bytes()).unwrap_or_default())
        .insert_header(("host", "test"))
}

/// The app the server has, over stores in memory, for somebody who is signed in and has a recording.
fn start() -> Answer {
    let memory = Some(Url::new("memory:".to_owned()));
    let config = Config { records: memory.clone(), blobs: memory, ..Config::default() };
    let runner = System::new();
    let ports = runner.block_on(config.locations().expect("memory").connect()).expect("stores");
    let services = Services::new(&ports, &config.policy().expect("a policy"));
    let token = runner.block_on(sign_up(&services));
    let policy = config.http_policy();
    let origins = policy.allowed_origins.clone();
    let app = runner.block_on(async {
        let routes = routes(services, ports, policy, Tasks::new(Handle::current(), usize::MAX));
        init_service(wrapped(App::new(), &origins).configure(routes)).await
    });
    let ask = move |request: TestRequest, runner: &SystemRunner| {
        let mut request = request.to_request();
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a header");
        let name = HeaderName::from_static("authorization");
        if !request.headers().contains_key(&name) {
            request.headers_mut().insert(name, bearer);
        }
        runner.block_on(async { status(app.call(request).await) })
    };
    let stored = of("PUT").uri(RECORDING).insert_header(("content-length", 6)).set_payload("speech");
    assert_eq!(ask(stored, &runner), 201);
    Box::new(move |request| ask(request, &runner))
}

fn status<B: MessageBody>(answer: Result<ServiceResponse<B>, actix_web::Error>) -> u16 {
    answer.map_or_else(|error| error.error_response().status().as_u16(), |answer| answer.status().as_u16())
}

async fn sign_up(services: &Services) -> String {
    let email = Email::parse("ann@example.com").expect("an address");
    let password = Password::parse("correct horse").expect("a password");
    let signed_up = services.auth.sign_up(email, password, None, &"fuzz".into()).await.expect("signed up");
    let WithMail::Done(grant, _) = signed_up else { unreachable!("no code is asked for") };
    grant.token.expose().to_owned()
}
