//! Endpoints under `/v1/auth` and `/v1/me`: signing up and in, and looking after one's password and sessions.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use futures_util::future;
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    auth::{AuthError, Grant},
    id::SessionId,
    user::{Email, Password},
};

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    mailing::Mailing,
    requests::{
        caller::{Caller, Reader, device},
        cookie,
        place::Place,
        query::{self, PageQuery},
    },
};

type Answer = Result<HttpResponse, Problem>;

/// Sign up
///
/// Creates an account and signs in. The code of an invitation is needed while sign-up is closed. Where email addresses must be verified first, the response is `unverified-email`, also if the address is taken: sign in with the code that is mailed to it.
#[utoipa::path(post, path = "/v1/auth/signup", operation_id = "signUp", tag = "Accounts", security(()), request_body = api::Credentials, responses(
    (status = 201, description = "The account was created", body = api::Grant, headers(("Location" = String, description = "Path of the user"))),
    (status = 400, description = "The email address, password or body is invalid"),
    (status = 403, description = "Sign-up is closed, the address must be verified first, or the code is wrong or expired"),
    (status = 409, description = "The email address is taken; not told where addresses must be verified first"),
))]
pub async fn sign_up(
    request: HttpRequest,
    body: Json<api::Credentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    let api::Credentials { email, password, code } = body.0;
    let (email, password, device) = (Email::parse(&email)?, Password::parse(&password)?, device(&request));
    let signing_up = async move {
        mailing.start(services.auth.sign_up(email, password, typed(code.as_ref()), &device).await?).await
    };
    let grant = tasks.run(None, signing_up).await?.ok_or(AuthError::UnverifiedEmail)?;
    Ok(Place::of(&request).created(paths::ME).json(wire::grant(&grant)))
}

/// Sign in
///
/// The response, and how long it takes, is the same for an unknown email address and a wrong password. Send the token of the user's last session along (`Authorization`), if the app still has it: then nobody who guesses passwords keeps the user waiting. Where email addresses must be verified first, one that is not gets `unverified-email`: repeat the request with the code that is mailed to it.
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "signIn", tag = "Accounts", security(()), request_body = api::Credentials, responses(
    (status = 200, description = "Signed in", body = api::Grant),
    (status = 401, description = "Wrong email address or password"),
    (status = 403, description = "The address must be verified first, the code is wrong, or the account is disabled"),
))]
pub async fn log_in(
    request: HttpRequest,
    body: Json<api::Credentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    let grant = enter(&request, body.0, services, &tasks, mailing).await?;
    Ok(HttpResponse::Ok().json(wire::grant(&grant)))
}

/// Sign in with a cookie
///
/// For pages of this origin, or of one in `http.allowed_origins`: the session is in a cookie that no script can read. Requests without an `Authorization` header are made with it; those that change something are refused where a page of another origin sends them. Browsers keep the cookie with TLS; some on localhost, too. A session that the browser had in the cookie before ends.
#[utoipa::path(post, path = "/v1/auth/cookie", operation_id = "signInWithCookie", tag = "Accounts", security(()), request_body = api::Credentials, responses(
    (status = 200, description = "Signed in", body = api::CookieSession, headers(("Set-Cookie" = String, description = "The session"))),
    (status = 401, description = "Wrong email address or password"),
    (status = 403, description = "The address must be verified first, the code is wrong, the account is disabled, or the page is of another origin"),
))]
pub async fn log_in_with_cookie(
    request: HttpRequest,
    body: Json<api::Credentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    // Or another page could sign its visitors in to an account of its own.
    cookie::require_own_page(&request)?;
    let grant = enter(&request, body.0, services.clone(), &tasks, mailing).await?;
    end_replaced(&request, services, &tasks).await;
    Ok(HttpResponse::Ok().insert_header((header::SET_COOKIE, cookie::of(&grant))).json(wire::cookie_session(&grant)))
}

/// Ends the session that this browser had in its cookie before: nobody else can, and it would last for a year.
pub async fn end_replaced(request: &HttpRequest, services: web::Data<Services>, tasks: &Tasks) {
    let Some(token) = cookie::replaced(request) else { return };
    let ending = async move {
        let caller = services.auth.authenticate(&token).await?;
        services.auth.log_out(&caller).await
    };
    // Over already, or it ends by itself.
    let _ = tasks.run(None, ending).await;
}

/// A code, unless it is the empty one of a form that was not filled in.
pub fn typed(code: Option<&String>) -> Option<&str> {
    code.map(|code| code.trim()).filter(|code| !code.is_empty())
}

async fn enter(
    request: &HttpRequest,
    credentials: api::Credentials,
    services: web::Data<Services>,
    tasks: &Tasks,
    mailing: Mailing,
) -> Result<Grant, Problem> {
    // What can be nobody's email address or password is answered like what is somebody else's.
    let api::Credentials { email, password, code } = credentials;
    let credentials = Email::parse_known(&email).ok().zip(Password::parse(&password).ok());
    let (email, password) = credentials.ok_or(AuthError::WrongCredentials)?;
    let device = device(request);
    let log_in =
        async move { mailing.start(services.auth.log_in(email, password, typed(code.as_ref()), &device).await?).await };
    Ok(tasks.run(None, log_in).await?.ok_or(AuthError::UnverifiedEmail)?)
}

/// Sign out
///
/// Ends the current session, and takes its cookie back.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "signOut", tag = "Accounts", responses(
    (status = 204, description = "The token is revoked"),
))]
pub async fn log_out(
    request: HttpRequest,
    caller: Caller,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    tasks.run(caller.user, async move { services.auth.log_out(&caller).await }).await?;
    let mut answer = HttpResponse::NoContent();
    if cookie::is_presented(&request) {
        answer.insert_header((header::SET_COOKIE, cookie::none()));
    }
    Ok(answer.finish())
}

/// Get the signed-in user
///
/// With how much the user stores, and how much is allowed.
#[utoipa::path(get, path = "/v1/me", operation_id = "getMe", tag = "Accounts", responses(
    (status = 200, description = "The user, with usage and limits", body = api::Me),
))]
pub async fn me(caller: Caller, services: web::Data<Services>) -> Answer {
    let (user, usage) = future::join(services.auth.user(&caller), services.usage.of(caller.user)).await;
    Ok(HttpResponse::Ok().json(wire::me(&user?, &usage?)))
}

/// Get storage usage
///
/// How much the user stores, and how much is allowed; also for API tokens with the scope `read`.
#[utoipa::path(get, path = "/v1/me/usage", operation_id = "getUsage", tag = "Accounts", responses(
    (status = 200, description = "Usage and limits", body = api::StorageUsage),
))]
pub async fn usage(reader: Reader, services: web::Data<Services>) -> Answer {
    let usage = services.usage.of(reader.user).await?;
    Ok(HttpResponse::Ok().json(wire::storage_usage(&usage)))
}

/// Delete the account
///
/// Ends all sessions and playback links at once, and removes the user, their recordings and everything else that is stored of them. Possible within 15 minutes of signing in. The response says by when nothing is left. If it was lost, a repeated request gets 401: the account is being deleted.
#[utoipa::path(delete, path = "/v1/me", operation_id = "deleteMe", tag = "Accounts", responses(
    (status = 202, description = "The account is being deleted", body = api::Erasure),
    (status = 403, description = "The session is older than 15 minutes"),
))]
pub async fn delete_me(caller: Caller, services: web::Data<Services>, tasks: web::Data<Tasks>) -> Answer {
    let receipt = tasks.run(caller.user, async move { services.auth.erase(&caller).await }).await?;
    Ok(HttpResponse::Accepted().json(wire::erasure(&receipt)))
}

/// Change the password
///
/// Ends all other sessions and all playback links; the current session stays. If the response was lost, repeat the request.
#[utoipa::path(put, path = "/v1/me/password", operation_id = "changePassword", tag = "Accounts", request_body = api::PasswordChange, responses(
    (status = 204, description = "The password is changed, and all other tokens are revoked"),
    (status = 400, description = "The new password or the body is invalid"),
    (status = 403, description = "The current password is wrong"),
))]
pub async fn change_password(
    caller: Caller,
    body: Json<api::PasswordChange>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let new = Password::parse(&body.0.new_password)?;
    // What can be nobody's password is not theirs.
    let current = Password::parse(&body.0.current_password).map_err(|_| AuthError::WrongPassword)?;
    tasks.run(caller.user, async move { services.auth.change_password(&caller, current, new).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List sessions
///
/// The devices and apps that are signed in, newest first.
#[utoipa::path(get, path = "/v1/me/sessions", operation_id = "listSessions", tag = "Accounts", params(PageQuery), responses(
    (status = 200, description = "A page of sessions, newest first", body = api::SessionPage),
))]
pub async fn sessions(caller: Caller, request: HttpRequest, services: web::Data<Services>) -> Answer {
    let (limit, after) = query::page(&request, SessionId::parse)?;
    let page = services.auth.sessions(caller.user, limit, after).await?;
    Ok(HttpResponse::Ok().json(wire::sessions(page, Some(caller.session.id))))
}

/// Sign out everywhere
///
/// Ends all sessions, the current one included, and all playback links.
#[utoipa::path(delete, path = "/v1/me/sessions", operation_id = "signOutEverywhere", tag = "Accounts", responses(
    (status = 204, description = "All tokens are revoked"),
))]
pub async fn close_sessions(caller: Caller, services: web::Data<Services>, tasks: web::Data<Tasks>) -> Answer {
    tasks.run(caller.user, async move { services.auth.log_out_everywhere(&caller).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Get a session
///
/// When it was created and last used, and by which client.
#[utoipa::path(get, path = "/v1/me/sessions/{id}", operation_id = "getSession", tag = "Accounts",
    params(("id" = String, Path, description = "The session's id", example = "01JD9YV7D3K8M2P5QWCT6XB4NA")), responses(
    (status = 200, description = "The session", body = api::Session),
    (status = 404, description = "No such session"),
))]
pub async fn session(caller: Caller, path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let id = SessionId::parse(&path).map_err(|_| no_such_session())?;
    let session = services.auth.session(caller.user, id).await?.ok_or_else(no_such_session)?;
    Ok(HttpResponse::Ok().json(wire::session(session, Some(caller.session.id))))
}

/// End a session
///
/// Signs out one device or app. Playback links stay valid.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", operation_id = "signOutSession", tag = "Accounts",
    params(("id" = String, Path, description = "The session's id", example = "01JD9YV7D3K8M2P5QWCT6XB4NA")), responses(
    (status = 204, description = "Its token is revoked"),
    (status = 404, description = "No such session"),
))]
pub async fn close_session(
    caller: Caller,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = SessionId::parse(&path).map_err(|_| no_such_session())?;
    if tasks.run(caller.user, async move { services.auth.close_session(caller.user, id).await }).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(no_such_session())
    }
}

fn no_such_session() -> Problem {
    Problem::new(Slug::NotFound, "You have no session of this id.")
}
