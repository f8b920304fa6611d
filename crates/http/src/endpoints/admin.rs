//! Endpoints under `/v1/admin`: looking after the accounts of all users, by API tokens with the scope `admin`.

use std::future::Future;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future;
use serde::Deserialize;
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    auth::{AuthError, UserName},
    id::{IdentityId, SessionId, UserId},
    ports::{Clock as _, SystemClock},
    user::{Email, Password},
};
use tracing::info;
use utoipa::IntoParams;

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    mailing::Mailing,
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
    let Filter { email } = query::parse_as_sent(&request)?;
    if email.as_deref() == Some("") {
        // All users are no answer to somebody who looks for one.
        return Err(Problem::new(Slug::InvalidParameter, "email: send an address, or leave it out."));
    }
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
    let (by, id) = (operator.user, UserId::generate(SystemClock.now()));
    let add = async move {
        let _place = services.auth.enter_as_operator(by)?;
        services.auth.add_user(id, email, password).await.map_err(refused)
    };
    let user = operate(operator, &tasks, "add", Some(id), add).await?;
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
/// Disabled users cannot sign in, and their sessions, API tokens and playback links end; what they store is kept. Who has deleted the account stays away: see `adminRestoreUser`. If the response was lost, repeat the request.
#[utoipa::path(patch, path = "/v1/admin/users/{id}", operation_id = "adminUpdateUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), request_body = api::AdminUserChange, responses(
    (status = 200, description = "The user as they are now", body = api::AdminUser),
    (status = 400, description = "The body is invalid"),
    (status = 403, description = "The account is deleted for good, or the token lacks the scope `admin`"),
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
        let change = if is_disabled { services.auth.disable(&name).await } else { services.auth.enable(&name).await };
        found(change.map_err(refused)?)?;
        shown(&services, user).await
    };
    let what = if is_disabled { "disable" } else { "enable" };
    Ok(HttpResponse::Ok().json(operate(operator, &tasks, what, Some(user), update).await?))
}

/// Erase a user
///
/// Ends their sessions, API tokens and playback links at once, and removes them, their recordings and everything else that is stored of them. The response says when that begins, until when `adminRestoreUser` takes it back, and by when nothing is left: without `erasure.grace` it begins at once.
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

/// Restore a deleted user
///
/// Takes the deletion of the account back, by whomever, before `erase_at`. Sessions, API tokens and playback links stay ended. If the response was lost, repeat the request.
#[utoipa::path(post, path = "/v1/admin/users/{id}/restore", operation_id = "adminRestoreUser", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), responses(
    (status = 200, description = "The user as they are now", body = api::AdminUser),
    (status = 403, description = "It is too late, or the token lacks the scope `admin`"),
    (status = 404, description = "No such user"),
))]
pub async fn restore(
    operator: Operator,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let user = user(&path)?;
    let restore = async move {
        found(services.auth.restore(&UserName::Id(user)).await.map_err(refused)?)?;
        shown(&services, user).await
    };
    Ok(HttpResponse::Ok().json(operate(operator, &tasks, "restore", Some(user), restore).await?))
}

/// Set a user's password
///
/// Ends all their sessions and playback links. API tokens stay: disabling the user ends them.
#[utoipa::path(put, path = "/v1/admin/users/{id}/password", operation_id = "adminSetPassword", tag = "Administration", security(("token" = [])),
    params(("id" = String, Path, description = "The user's id", example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")), request_body = api::NewPassword, responses(
    (status = 204, description = "The password is changed"),
    (status = 400, description = "The password or the body is invalid"),
    (status = 403, description = "The account is deleted for good, or the token lacks the scope `admin`"),
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
    let by = operator.user;
    let set = async move {
        let _place = services.auth.enter_as_operator(by)?;
        found(services.auth.set_password(&UserName::Id(user), password).await.map_err(refused)?)
    };
    operate(operator, &tasks, "set the password", Some(user), set).await?;
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
    let verified = operate(operator, &tasks, "verify an address", Some(user), verify).await?;
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
    let nobody = || Problem::new(Slug::NotFound, "No user has this email address and a password.");
    let user = services.auth.look_up(&UserName::Email(email.clone())).await?.ok_or_else(nobody)?.user.id;
    let text = email.as_str().to_owned();
    let reset = async move { services.auth.reset_code(email).await.map_err(refused)?.ok_or_else(nobody) };
    let code = operate(operator, &tasks, "make a password reset code", Some(user), reset).await?;
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
    mailing: Mailing,
) -> Answer {
    let email = Email::parse(&body.0.email)?;
    let invite = async move {
        let invitation = services.auth.invite(email).await.map_err(refused)?;
        Ok((invitation.clone(), mailing.start_invitation(invitation).await))
    };
    let (invitation, is_mailed) = operate(operator, &tasks, "invite", None, invite).await?;
    Ok(HttpResponse::Ok().json(wire::invitation(&invitation, is_mailed)))
}

/// Runs what an operator changes to its end, and says in the log what became of it: by whom, by which token and to whom.
async fn operate<T: Send + 'static>(
    operator: Operator,
    tasks: &Tasks,
    what: &'static str,
    whom: Option<UserId>,
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let Operator { user, token } = operator;
    let change = async move {
        let done = change.await;
        let whom = whom.map(|whom| whom.to_string());
        let refused = done.as_ref().err().map(|problem| problem.slug().as_str());
        info!(operator = %user, %token, what, whom, refused, "an operator changes an account");
        done
    };
    tasks.run(user, change).await
}

/// A refusal, as it is told to operators and not to whom it is about.
fn refused(error: AuthError) -> Problem {
    match error {
        AuthError::EmailTaken => {
            Problem::new(Slug::EmailTaken, "A user has this address: find them with the parameter email.")
        }
        AuthError::Disabled => Problem::new(Slug::AccountDisabled, "Enable the user first."),
        AuthError::BeingErased => Problem::new(
            Slug::AccountErased,
            "The account is deleted. It can be restored before erase_at, as long as the user has something to sign in with.",
        ),
        error => error.into(),
    }
}

fn user(id: &str) -> Result<UserId, Problem> {
    UserId::parse(id).map_err(|_| no_such_user())
}

/// A user as they are now.
async fn shown(services: &Services, user: UserId) -> Result<api::AdminUser, Problem> {
    let account = services.auth.look_up(&UserName::Id(user)).await?.ok_or_else(no_such_user)?;
    Ok(wire::admin_user(&account.user))
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
