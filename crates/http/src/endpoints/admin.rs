//! Endpoints under `/v1/admin`: looking after the accounts of all users, by API tokens with the scope `admin`.

use std::future::Future;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future;
use serde::Deserialize;
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    auth::{Mailed, UserName},
    id::{IdentityId, SessionId, UserId},
    ports::causes,
    user::{Email, Password},
};
use tracing::{info, warn};
use utoipa::IntoParams;

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    requests::{
        caller::Operator,
        place::Place,
        query::{self, PageQuery},
    },
};

type Answer = Result<HttpResponse, Problem>;

/// Whom to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only the user who signs in with this email address.
    #[param(example = "ann@example.com")]
    email: Option<String>,
}

/// List users
///
/// Or find one by an email address they sign in with. Who has just signed up may be missing for a moment.
#[utoipa::path(get, path = "/v1/admin/users", operation_id = "adminListUsers", tag = "Administration", security(("token" = [])), params(PageQuery, Filter), responses(
    (status = 200, description = "A page of users, the last that signed up first", body = api::AdminUserPage),
))]
pub async fn list(_: Operator, request: HttpRequest, services: web::Data<Services>) -> Answer {
    let (limit, after) = query::page(&request, UserId::parse)?;
    let Filter { email } = query::parse(&request)?;
    let Some(email) = email else {
        let page = services.auth.users(after, limit).await?;
        return Ok(HttpResponse::Ok().json(wire::admin_users(&page.items, page.next)));
    };
    // What can be nobody's address is nobody's.
    let found = match Email::parse_known(&email) {
        Ok(email) => services.auth.look_up(&UserName::Email(email)).await?,
        Err(_) => None,
    };
    let found: Vec<_> = found.into_iter().map(|account| account.user).collect();
    Ok(HttpResponse::Ok().json(wire::admin_users(&found, None)))
}

/// Add a user
///
/// With an email address and a password, also while sign-up is closed. The address counts as verified.
#[utoipa::path(post, path = "/v1/admin/users", operation_id = "adminAddUser", tag = "Administration", security(("token" = [])), request_body = api::NewUser, responses(
    (status = 201, description = "The user was added", body = api::AdminUser, headers(("Location" = String, description = "Path of the user"))),
    (status = 400, description = "The email address, password or body is invalid"),
    (status = 409, description = "The email address is taken"),
))]
pub async fn add(
    operator: Operator,
    request: HttpRequest,
    body: Json<api::NewUser>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (email, password) = (Email::parse(&body.0.email)?, Password::parse(&body.0.password)?);
    let add = async move { services.auth.add_user(email, password).await };
    let user = operate(operator, &tasks, "add", None, add).await?;
    let path = paths::admin_user(&user.id.to_string());
    Ok(Place::of(&request).created(&path).json(wire::admin_user(&user)))
}

/// Get a user
///
/// With what they sign in with, what they store and what they may store.
#[utoipa::path(get, path = "/v1/admin/users/{id}", operation_id = "adminGetUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), responses(
    (status = 200, description = "The user", body = api::AdminUserDetails),
    (status = 404, description = "No such user"),
))]
pub async fn get(_: Operator, path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let user = user(&path)?;
    let name = UserName::Id(user);
    let (account, usage) = future::join(services.auth.look_up(&name), services.usage.of(user)).await;
    let account = account?.ok_or_else(no_such_user)?;
    Ok(HttpResponse::Ok().json(wire::admin_user_details(&account, &usage?)))
}

/// Disable or enable a user
///
/// Disabled users cannot sign in, and their sessions, API tokens and playback links end; what they store is kept. Enabling also takes back the deletion of an account before `erase_at`. If the response was lost, repeat the request.
#[utoipa::path(patch, path = "/v1/admin/users/{id}", operation_id = "adminUpdateUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), request_body = api::AdminUserChange, responses(
    (status = 200, description = "The user as they are now", body = api::AdminUser),
    (status = 400, description = "The body is invalid"),
    (status = 404, description = "No such user"),
))]
pub async fn update(
    operator: Operator,
    path: web::Path<String>,
    body: Json<api::AdminUserChange>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (user, is_disabled) = (user(&path)?, body.0.disabled);
    let update = async move {
        let name = UserName::Id(user);
        let is_there =
            if is_disabled { services.auth.disable(&name).await? } else { services.auth.enable(&name).await? };
        let account = if is_there { services.auth.look_up(&name).await? } else { None };
        account.ok_or_else(no_such_user)
    };
    let what = if is_disabled { "disable" } else { "enable" };
    let account = operate(operator, &tasks, what, Some(user), update).await?;
    Ok(HttpResponse::Ok().json(wire::admin_user(&account.user)))
}

/// Erase a user
///
/// Ends their sessions, API tokens and playback links at once, and removes them, their recordings and everything else that is stored of them. The response says by when nothing is left.
#[utoipa::path(delete, path = "/v1/admin/users/{id}", operation_id = "adminDeleteUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), responses(
    (status = 202, description = "The user is being erased", body = api::Erasure),
    (status = 404, description = "No such user"),
))]
pub async fn delete(
    operator: Operator,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let user = user(&path)?;
    let erase = async move { services.auth.erase_user(user).await?.ok_or_else(no_such_user) };
    let receipt = operate(operator, &tasks, "erase", Some(user), erase).await?;
    Ok(HttpResponse::Accepted().json(wire::erasure(&receipt)))
}

/// Set a user's password
///
/// Ends all their sessions and playback links.
#[utoipa::path(put, path = "/v1/admin/users/{id}/password", operation_id = "adminSetPassword", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), request_body = api::NewPassword, responses(
    (status = 204, description = "The password is changed"),
    (status = 400, description = "The password or the body is invalid"),
    (status = 404, description = "No such user"),
))]
pub async fn set_password(
    operator: Operator,
    path: web::Path<String>,
    body: Json<api::NewPassword>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (user, password) = (user(&path)?, Password::parse(&body.0.new_password)?);
    let set = async move { found(services.auth.set_password(&UserName::Id(user), password).await?) };
    operate(operator, &tasks, "set the password of", Some(user), set).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List a user's sessions
///
/// The devices and apps they are signed in with.
#[utoipa::path(get, path = "/v1/admin/users/{id}/sessions", operation_id = "adminListSessions", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM"), PageQuery), responses(
    (status = 200, description = "A page of sessions, newest first", body = api::SessionPage),
    (status = 404, description = "No such user"),
))]
pub async fn sessions(
    _: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    services: web::Data<Services>,
) -> Answer {
    let user = user(&path)?;
    let (limit, after) = query::page(&request, SessionId::parse)?;
    let name = UserName::Id(user);
    let (account, page) = future::join(services.auth.look_up(&name), services.auth.sessions(user, limit, after)).await;
    account?.ok_or_else(no_such_user)?;
    Ok(HttpResponse::Ok().json(wire::sessions(page?, None)))
}

/// Sign a user out everywhere
///
/// Ends all their sessions and playback links; API tokens stay.
#[utoipa::path(delete, path = "/v1/admin/users/{id}/sessions", operation_id = "adminSignOutUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), responses(
    (status = 204, description = "All their sessions have ended"),
    (status = 404, description = "No such user"),
))]
pub async fn sign_out(
    operator: Operator,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let user = user(&path)?;
    let sign_out = async move { found(services.auth.sign_out(&UserName::Id(user)).await?) };
    operate(operator, &tasks, "sign out", Some(user), sign_out).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Verify a user's email address
///
/// Without a code, for an operator who knows whose address it is.
#[utoipa::path(put, path = "/v1/admin/users/{id}/verifications/{identity}", operation_id = "adminVerifyEmail", tag = "Administration", security(("token" = [])), params(
    ("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM"),
    ("identity" = String, Path, description = "The identity's id", example = "01JD8QKB5T9R2C4D6F8H0J1K3M"),
), responses(
    (status = 200, description = "The address is verified", body = api::Identity),
    (status = 404, description = "No such user, or no email address of this id"),
))]
pub async fn verify(
    operator: Operator,
    path: web::Path<(String, String)>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (user, identity) = (user(&path.0)?, IdentityId::parse(&path.1).map_err(|_| no_such_identity())?);
    let verify = async move { services.auth.vouch_for_identity(user, identity).await?.ok_or_else(no_such_identity) };
    let verified = operate(operator, &tasks, "verify an address of", Some(user), verify).await?;
    Ok(HttpResponse::Ok().json(wire::identity(&verified)))
}

/// Create a password reset code
///
/// For a user who has forgotten their password, where no mail is sent: hand it to them. With it, `resetPassword` takes a new password, once.
#[utoipa::path(post, path = "/v1/admin/password-resets", operation_id = "adminCreatePasswordReset", tag = "Administration", security(("token" = [])), request_body = api::EmailAddress, responses(
    (status = 200, description = "The code", body = api::PasswordResetCode),
    (status = 400, description = "The body is invalid"),
    (status = 403, description = "The user is disabled, or the token lacks the scope `admin`"),
    (status = 404, description = "No user has this email address and a password"),
))]
pub async fn create_password_reset(
    operator: Operator,
    body: Json<api::EmailAddress>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let email = Email::parse_known(&body.0.email)?;
    let (text, reset) = (email.as_str().to_owned(), async move { services.auth.reset_code(email).await });
    let code = operate(operator, &tasks, "make a password reset code", None, reset).await?;
    let code = code.ok_or_else(|| Problem::new(Slug::NotFound, "No user has this email address and a password."))?;
    Ok(HttpResponse::Ok().json(wire::password_reset_code(text, &code)))
}

/// Invite somebody
///
/// Creates a code with which they sign up with this email address, also while sign-up is closed, and mails it to them if this server sends mail.
#[utoipa::path(post, path = "/v1/admin/invitations", operation_id = "adminInvite", tag = "Administration", security(("token" = [])), request_body = api::EmailAddress, responses(
    (status = 200, description = "The invitation", body = api::Invitation),
    (status = 400, description = "The email address or the body is invalid"),
    (status = 409, description = "A user has this email address"),
))]
pub async fn invite(
    operator: Operator,
    body: Json<api::EmailAddress>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let email = Email::parse(&body.0.email)?;
    let (text, invite) = (email.as_str().to_owned(), async move { services.auth.invite(email).await });
    let (code, mailed) = operate(operator, &tasks, "invite", None, invite).await?;
    if let Mailed::Failed(cause) = &mailed {
        warn!(cause = causes(&**cause), "an invitation was not mailed");
    }
    Ok(HttpResponse::Ok().json(wire::invitation(text, &code, matches!(mailed, Mailed::Sent))))
}

/// Runs what an operator changes to its end, and says so in the log: by whom, by which token and to whom.
async fn operate<T: Send + 'static, E: Into<Problem> + Send + 'static>(
    operator: Operator,
    tasks: &Tasks,
    what: &'static str,
    whom: Option<UserId>,
    change: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, Problem> {
    let Operator { user, token } = operator;
    let change = async move {
        let done = change.await?;
        let whom = whom.map(|whom| whom.to_string());
        info!(operator = %user, %token, what, whom, "an operator changes an account");
        Ok::<T, E>(done)
    };
    tasks.run(user, change).await
}

fn user(id: &str) -> Result<UserId, Problem> {
    UserId::parse(id).map_err(|_| no_such_user())
}

fn found(is_there: bool) -> Result<(), Problem> {
    if is_there { Ok(()) } else { Err(no_such_user()) }
}

fn no_such_user() -> Problem {
    Problem::new(Slug::NotFound, "There is no user of this id.")
}

fn no_such_identity() -> Problem {
    Problem::new(Slug::NotFound, "The user has no email address of this id.")
}
