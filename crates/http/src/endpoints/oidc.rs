//! Endpoints under `/v1/auth/oidc` and `/v1/me/identities/oidc`: signing in with an account at an OpenID provider.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    auth::AuthError,
    oidc::{AppCode, IdToken, ProviderName},
    user::Password,
};

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    requests::{
        caller::{Caller, device},
        place::Place,
    },
};

type Answer = Result<HttpResponse, Problem>;

/// Get a nonce
///
/// Have the provider's SDK put it into the ID token: as it is, or its SHA-256 as lowercase hexadecimal, as Sign in with Apple does. It is valid for an hour and for one sign-in.
#[utoipa::path(post, path = "/v1/auth/oidc/{provider}/nonce", operation_id = "createOidcNonce", tag = "Accounts", security(()),
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "google")), responses(
    (status = 200, description = "A nonce", body = api::OidcNonce),
    (status = 404, description = "No such provider"),
    (status = 503, description = "A store does not respond"),
))]
pub async fn nonce(path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let nonce = services.auth.nonce(&provider(&path)?).await?;
    Ok(HttpResponse::Ok().json(wire::nonce(&nonce)))
}

/// Sign in with an OpenID provider
///
/// Verifies the ID token that the provider's SDK gave the app, and creates an account the first time. Get the nonce first.
#[utoipa::path(post, path = "/v1/auth/oidc/{provider}", operation_id = "signInWithOidc", tag = "Accounts", security(()), request_body = api::OidcCredentials,
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "google")), responses(
    (status = 200, description = "Signed in", body = api::Grant),
    (status = 403, description = "The ID token or its nonce is invalid, expired or used; the account is disabled; or there is none and sign-up is closed"),
    (status = 404, description = "No such provider"),
))]
pub async fn log_in(
    request: HttpRequest,
    path: web::Path<String>,
    body: Json<api::OidcCredentials>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let provider = provider(&path)?;
    let api::OidcCredentials { id_token, nonce } = body.0;
    let token = IdToken::parse(id_token).map_err(AuthError::InvalidIdToken)?;
    let device = device(&request);
    let signing_in = async move { services.auth.log_in_with_id_token(&provider, token, &nonce, &device).await };
    let grant = tasks.run(None, signing_in).await?;
    Ok(HttpResponse::Ok().json(wire::grant(&grant)))
}

/// Link an OpenID provider
///
/// Lets the user sign in with the account at the provider, too. Possible within 15 minutes of signing in, and with the password if the user has one.
#[utoipa::path(post, path = "/v1/me/identities/oidc/{provider}", operation_id = "linkOidcIdentity", tag = "Accounts", request_body = api::OidcLink,
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "google")), responses(
    (status = 201, description = "The user can sign in with it", body = api::Identity, headers(("Location" = String, description = "Path of the identity"))),
    (status = 403, description = "The ID token or its nonce is invalid, expired or used; the password is wrong; the session is older than 15 minutes; or the user has proved nothing so far"),
    (status = 404, description = "No such provider"),
    (status = 409, description = "Another user has the identity or the social id that it proves, or the user has 20 identities"),
))]
pub async fn link(
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
    body: Json<api::OidcLink>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let provider = provider(&path)?;
    let api::OidcLink { id_token, nonce, password } = body.0;
    let token = IdToken::parse(id_token).map_err(AuthError::InvalidIdToken)?;
    // What can be nobody's password is not theirs.
    let password =
        password.map(|password| Password::parse(&password)).transpose().map_err(|_| AuthError::WrongPassword)?;
    let user = caller.user;
    let linking = async move { services.auth.link_id_token(&caller, &provider, token, &nonce, password).await };
    let linked = tasks.run(user, linking).await?;
    let path = paths::identity(&linked.id.to_string());
    Ok(Place::of(&request).created(&path).json(wire::identity(&linked)))
}

/// Revoke a provider's tokens
///
/// Has the provider end the tokens it has given the app for this user. Apple wants apps to do so when an account is deleted: have the user sign in with Apple once more, sign in here with the new ID token, send its authorization code to this operation, and delete the account. Identities and sessions stay as they are. A code counts once: if the response was lost, the same request gets 403.
#[utoipa::path(post, path = "/v1/me/identities/oidc/{provider}/revocation", operation_id = "revokeOidcTokens", tag = "Accounts", request_body = api::OidcRevocation,
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "apple")), responses(
    (status = 204, description = "The provider has revoked them"),
    (status = 403, description = "The code is invalid, expired or used"),
    (status = 404, description = "No such provider, or none whose tokens this server can revoke"),
    (status = 503, description = "The provider does not respond"),
))]
pub async fn revoke(
    caller: Caller,
    path: web::Path<String>,
    body: Json<api::OidcRevocation>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (user, provider) = (caller.user, provider(&path)?);
    let api::OidcRevocation { authorization_code, client_id } = body.0;
    let code = AppCode::parse(authorization_code, client_id)
        .map_err(|error| Problem::new(Slug::InvalidBody, format!("{error}.")))?;
    let revoke = async move { services.auth.revoke_at_provider(&caller, &provider, &code).await };
    tasks.run(user, revoke).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What stands in a path as the name of a provider.
pub fn provider(name: &str) -> Result<ProviderName, Problem> {
    ProviderName::parse(name).map_err(|_| AuthError::UnknownProvider.into())
}
