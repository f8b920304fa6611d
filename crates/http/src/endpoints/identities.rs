//! Endpoints under `/v1/me/identities`: what one signs in with.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    id::IdentityId,
    user::{Email, Password},
};

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    requests::{caller::Caller, place::Place},
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
/// Lets the user sign in with this email address, too, and with the password they have; who came by a provider gets it with the first address. Possible within 15 minutes of signing in, while sign-up is open. If the response was lost, repeat the request.
#[utoipa::path(post, path = "/v1/me/identities", operation_id = "linkIdentity", tag = "Accounts", request_body = api::Credentials, responses(
    (status = 201, description = "The user can sign in with it", body = api::Identity, headers(("Location" = String, description = "Path of the identity"))),
    (status = 400, description = "The email address, password or body is invalid"),
    (status = 403, description = "The password is wrong, the user has proved nothing so far, the session is older than 15 minutes, or sign-up is closed"),
    (status = 409, description = "The email address is taken, or the user has 20 identities"),
))]
pub async fn link(
    request: HttpRequest,
    caller: Caller,
    body: Json<api::Credentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let email = Email::parse(&body.0.email)?;
    let password = Password::parse(&body.0.password)?;
    let linking = tasks.run(caller.user, async move { services.auth.link_email(&caller, email, password).await });
    let linked = linking.await?;
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

fn no_such_identity() -> Problem {
    Problem::new(Slug::NotFound, "You have no identity of this id.")
}
