//! Endpoints under `/v1/me/identities`: what one signs in with.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    auth::AuthError,
    id::IdentityId,
    user::{Email, Password},
};

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    endpoints::accounts,
    mailing::Mailing,
    requests::{
        caller::{Caller, device},
        place::Place,
    },
};

type Answer = Result<HttpResponse, Problem>;

/// List identities
///
/// What the user can sign in with: email addresses, and accounts elsewhere. At most 20.
#[utoipa::path(get, path = "/v1/me/identities", operation_id = "listIdentities", tag = "Accounts", responses(
    (status = 200, description = "All identities, in the order in which they were linked", body = api::Identities),
))]
pub async fn list(caller: Caller, services: web::Data<Services>) -> Answer {
    Ok(HttpResponse::Ok().json(wire::identities(&services.auth.user(&caller).await?)))
}

/// Get an identity
///
/// One of those the user can sign in with.
#[utoipa::path(get, path = "/v1/me/identities/{id}", operation_id = "getIdentity", tag = "Accounts",
    params(("id" = String, Path, description = "The identity's id", example = "01JD8QKB5T9R2C4D6F8H0J1K3M")), responses(
    (status = 200, description = "The identity", body = api::Identity),
    (status = 404, description = "No such identity"),
))]
pub async fn get(caller: Caller, path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let id = IdentityId::parse(&path).map_err(|_| no_such_identity())?;
    let user = services.auth.user(&caller).await?;
    let linked = user.identities.iter().find(|linked| linked.id == id).ok_or_else(no_such_identity)?;
    Ok(HttpResponse::Ok().json(wire::identity(linked)))
}

/// Link an email address
///
/// Lets the user sign in with this email address, too, and with the password they have; who came by a provider gets it with the first address. Where email addresses must be verified first, the response is `unverified-email`: repeat the request with the code that is mailed to the address. Possible within 15 minutes of signing in, while sign-up is open. If the response was lost, repeat the request.
#[utoipa::path(post, path = "/v1/me/identities", operation_id = "linkIdentity", tag = "Accounts", request_body = api::Credentials, responses(
    (status = 201, description = "The user can sign in with it", body = api::Identity, headers(("Location" = String, description = "Path of the identity"))),
    (status = 400, description = "The email address, password or body is invalid"),
    (status = 403, description = "The password or the code is wrong, the address must be verified first, the user has proved nothing so far, the session is older than 15 minutes, or sign-up is closed"),
    (status = 409, description = "The email address is taken, or the user has 20 identities"),
))]
pub async fn link(
    request: HttpRequest,
    caller: Caller,
    body: Json<api::Credentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    let api::Credentials { email, password, code } = body.0;
    let (email, password) = (Email::parse(&email)?, Password::parse(&password)?);
    let (user, device) = (caller.user, device(&request));
    let link = async move {
        mailing
            .start(services.auth.link_email(&caller, email, password, accounts::typed(code.as_ref()), &device).await?)
            .await
    };
    let linked = tasks.run(user, link).await?.ok_or(AuthError::UnverifiedEmail)?;
    let path = paths::identity(&linked.id.to_string());
    Ok(Place::of(&request).created(&path).json(wire::identity(&linked)))
}

/// Unlink an identity
///
/// The user cannot sign in with it any more, nor with the social id that it proves; sessions and playback links stay. The last identity that proves who the user is cannot be unlinked, and with the last email address the password goes. Possible within 15 minutes of signing in.
#[utoipa::path(delete, path = "/v1/me/identities/{id}", operation_id = "unlinkIdentity", tag = "Accounts",
    params(("id" = String, Path, description = "The identity's id", example = "01JD8QKB5T9R2C4D6F8H0J1K3M")), responses(
    (status = 204, description = "The user cannot sign in with it any more"),
    (status = 403, description = "The session is older than 15 minutes"),
    (status = 404, description = "No such identity"),
    (status = 409, description = "Nothing that proves who the user is would be left"),
))]
pub async fn unlink(
    caller: Caller,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = IdentityId::parse(&path).map_err(|_| no_such_identity())?;
    if tasks.run(caller.user, async move { services.auth.unlink(&caller, id).await }).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(no_such_identity())
    }
}

/// Request a verification code
///
/// Mails a code to the email address, unless it is verified or three were sent in this half hour, those at sign-up and to the user's other addresses included. To one address they all have the same code.
#[utoipa::path(post, path = "/v1/me/verifications/{id}", operation_id = "requestVerification", tag = "Accounts",
    params(("id" = String, Path, description = "The identity's id", example = "01JD8QKB5T9R2C4D6F8H0J1K3M")), responses(
    (status = 202, description = "A mail is on its way, unless the address is verified or three were sent in this half hour"),
    (status = 403, description = "This server sends no mail"),
    (status = 404, description = "No email address of this id"),
))]
pub async fn ask_for_verification(
    caller: Caller,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    let (user, id) = (caller.user, IdentityId::parse(&path).map_err(|_| no_such_identity())?);
    let asking = async move {
        let mail = services.auth.ask_for_verification(&caller, id).await?.ok_or_else(no_such_identity)?;
        mailing.start_one(mail).await
    };
    tasks.run(user, asking).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Verify an email address
///
/// With the code that was mailed to it in the last hour. An address that is verified stays so, whatever code is sent: if the response was lost, repeat the request.
#[utoipa::path(put, path = "/v1/me/verifications/{id}", operation_id = "verifyEmail", tag = "Accounts",
    params(("id" = String, Path, description = "The identity's id", example = "01JD8QKB5T9R2C4D6F8H0J1K3M")), request_body = api::Verification, responses(
    (status = 200, description = "The address is verified", body = api::Identity),
    (status = 403, description = "The code is wrong or expired"),
    (status = 404, description = "No email address of this id"),
))]
pub async fn verify(
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
    body: Json<api::Verification>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = IdentityId::parse(&path).map_err(|_| no_such_identity())?;
    let (user, device, code) = (caller.user, device(&request), body.0.code);
    let verify = async move { services.auth.verify_email(&caller, id, &code, &device).await };
    let verified = tasks.run(user, verify).await?.ok_or_else(no_such_identity)?;
    Ok(HttpResponse::Ok().json(wire::identity(&verified)))
}

fn no_such_identity() -> Problem {
    Problem::new(Slug::NotFound, "You have no identity of this id.")
}
