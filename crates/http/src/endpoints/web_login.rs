//! Endpoints that a browser goes through to sign in at an OpenID provider, which end in a session in a cookie.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Deserialize;
use tapebase_api::{Slug, paths};
use tapebase_domain::{
    Services,
    auth::WebPage,
    oidc::{PendingLogin, ProviderName},
};
use utoipa::IntoParams;

use crate::{
    HttpPolicy, Tasks,
    answers::problem::Problem,
    endpoints::{accounts::end_replaced, oidc::provider},
    requests::{caller::device, cookie, place::Place, query},
};

type Answer = Result<HttpResponse, Problem>;

/// Where a browser comes from.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StartQuery {
    /// Where the browser goes then: a path of this server, or a URL of an origin in `http.allowed_origins`. With `error` added to its query where nobody was signed in.
    #[param(default = "/", max_length = 500, example = "/app?tab=memos")]
    return_to: Option<String>,
    /// Who is to sign in, for the provider to suggest.
    #[param(max_length = 254, example = "ann@example.com")]
    login_hint: Option<String>,
}

/// What the provider sends the browser back with (RFC 6749 section 4.1.2).
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// The authorization code.
    #[param(max_length = 4096)]
    code: Option<String>,
    /// What the browser was sent with.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Why there is no code.
    #[param(max_length = 100, example = "access_denied")]
    error: Option<String>,
}

/// Sign in at a provider in a browser
///
/// Navigate here: the browser is sent to the OpenID provider, from there to `finishWebLogin`, and then to `return_to`, signed in with a cookie as by `signInWithCookie`. The provider must have `client_id` in its configuration.
#[utoipa::path(get, path = "/v1/auth/oidc/{provider}/start", operation_id = "startWebLogin", tag = "Accounts", security(()),
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "google"), StartQuery), responses(
    (status = 303, description = "To the provider; to `return_to` with `error` in the query where it does not respond", headers(("Location" = String, description = "Where people sign in"), ("Set-Cookie" = String, description = "What ties the sign-in to this browser, for an hour"))),
    (status = 400, description = "`return_to` leads elsewhere"),
    (status = 403, description = "A page of another site sends the browser here"),
    (status = 404, description = "No such provider, or it has no `client_id`"),
))]
pub async fn start(
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let provider = provider(&path)?;
    // Or another page could sign its visitors in to another account than they have chosen.
    cookie::require_own_site(&request)?;
    let StartQuery { return_to, login_hint } = query::parse(&request)?;
    let return_to = return_to.unwrap_or_else(|| Place::of(&request).path("/"));
    require_own(&request, &return_to)?;
    let page = WebPage { redirect_uri: redirect_uri(&request, &provider), return_to: return_to.clone(), login_hint };
    let beginning = async move { services.auth.begin_web_login(&provider, page).await };
    let mut answer = HttpResponse::SeeOther();
    match tasks.run(None, beginning).await {
        Ok((location, pending)) => answer
            .insert_header((header::LOCATION, location))
            .insert_header((header::SET_COOKIE, cookie::of_pending(&pending))),
        // Whoever has built the page is told, and not who looks at it.
        Err(problem) if problem.slug() == Slug::NotFound => return Err(problem),
        Err(problem) => answer.insert_header((header::LOCATION, with_problem(&return_to, &problem))),
    };
    Ok(answer.finish())
}

/// Finish signing in at a provider
///
/// Where the provider sends the browser back to: register this URL with it, `https://YOUR-SERVER/v1/auth/oidc/NAME/callback`. Sets the cookie and leads to `return_to`; where nobody is signed in, with the provider's `error`, or the `code` of a problem, in the query.
#[utoipa::path(get, path = "/v1/auth/oidc/{provider}/callback", operation_id = "finishWebLogin", tag = "Accounts", security(()),
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "google"), CallbackQuery), responses(
    (status = 303, description = "To `return_to`", headers(("Location" = String, description = "`return_to`"), ("Set-Cookie" = String, description = "The session"))),
    (status = 400, description = "`return_to` leads elsewhere"),
    (status = 403, description = "Not begun in this browser, or more than an hour ago"),
    (status = 404, description = "No such provider"),
))]
pub async fn callback(
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let provider = provider(&path)?;
    let CallbackQuery { code, state, error } = query::parse(&request)?;
    let pending = cookie::pending(&request).and_then(|text| PendingLogin::parse(text).ok()).ok_or_else(not_begun)?;
    // Whoever has put another cookie there must not lead people elsewhere.
    require_own(&request, pending.return_to())?;
    if state.is_none_or(|state| state != pending.state()) {
        // Another tab has begun one since, which may end yet.
        let location = with_problem(pending.return_to(), &not_begun());
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish());
    }
    let mut answer = HttpResponse::SeeOther();
    answer.append_header((header::SET_COOKIE, cookie::none_pending()));
    let Some(code) = code.filter(|_| error.is_none()) else {
        let error = error.filter(|error| is_plain(error)).unwrap_or_else(|| "server_error".to_owned());
        return Ok(answer.insert_header((header::LOCATION, with_error(pending.return_to(), &error))).finish());
    };
    let (device, redirect_uri) = (device(&request), redirect_uri(&request, &provider));
    let return_to = pending.return_to().to_owned();
    let auth = services.auth.clone();
    let signing_in = async move { auth.finish_web_login(&provider, code, redirect_uri, &pending, &device).await };
    let location = match tasks.run(None, signing_in).await {
        Ok(grant) => {
            end_replaced(&request, services, &tasks).await;
            answer.append_header((header::SET_COOKIE, cookie::of(&grant)));
            return_to
        }
        Err(problem) => with_problem(&return_to, &problem),
    };
    Ok(answer.insert_header((header::LOCATION, location)).finish())
}

fn not_begun() -> Problem {
    let detail = "It was begun in another browser, more than an hour ago, or ended. Start again.";
    Problem::new(Slug::LoginExpired, detail)
}

fn redirect_uri(request: &HttpRequest, provider: &ProviderName) -> String {
    Place::of(request).url(&paths::oidc_callback(provider.as_str()))
}

/// Fails for what could lead to a page of somebody else.
fn require_own(request: &HttpRequest, return_to: &str) -> Result<(), Problem> {
    let is_clean =
        return_to.len() <= 500 && return_to.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#".contains(&byte));
    // Of `//host` a browser makes a URL.
    let is_path = return_to.starts_with('/') && !return_to.starts_with("//");
    let policy = request.app_data::<web::Data<HttpPolicy>>();
    let mut listed = policy.iter().flat_map(|policy| policy.allowed_origins.listed());
    let is_below = |origin: &String| {
        return_to.strip_prefix(origin.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    if is_clean && (is_path || listed.any(is_below)) {
        return Ok(());
    }
    Err(Problem::new(
        Slug::InvalidParameter,
        "Send as return_to a path such as /app, percent-encoded and without a fragment, or a URL of an origin in http.allowed_origins.",
    ))
}

fn is_plain(error: &str) -> bool {
    (1..=60).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What nobody else is told of goes to the log.
fn with_problem(return_to: &str, problem: &Problem) -> String {
    problem.log();
    with_error(return_to, problem.slug().as_str())
}

/// Which is of letters, `-` and `_`.
fn with_error(return_to: &str, error: &str) -> String {
    let separator = if return_to.contains('?') { '&' } else { '?' };
    format!("{return_to}{separator}error={error}")
}
