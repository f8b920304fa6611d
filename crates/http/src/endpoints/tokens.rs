//! Endpoints under `/v1/me/tokens`: API tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    api_token::{ApiToken, Scope, Scopes},
    auth::NewApiToken,
    id::{ApiTokenId, RecordingId},
};

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::incoming::Json,
    requests::{caller::Caller, place::Place},
};

type Answer = Result<HttpResponse, Problem>;

/// Create an API token
///
/// For programs of the user's own, with the scope they need; and for uploads that may finish after the session has ended: a token with the scope `upload` and a `recording_id` uploads that recording and nothing else. A token with another scope than `upload` can be created within 15 minutes of signing in. Tokens stay valid when the user signs out or changes the password; they end when they are revoked, have expired, or the account is disabled or deleted. The scope `admin` is refused: only the operator creates tokens with it.
#[utoipa::path(post, path = "/v1/me/tokens", operation_id = "createToken", tag = "API tokens", request_body = api::NewApiToken, responses(
    (status = 201, description = "The token was created; its secret is shown this once", body = api::ApiTokenGrant, headers(("Location" = String, description = "Path of the token"))),
    (status = 400, description = "The name, a scope, the recording's id or the time is invalid"),
    (status = 403, description = "The session is older than 15 minutes, or the scope is `admin`, which only the operator gives"),
    (status = 409, description = "The user has 100 tokens"),
))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    body: Json<api::NewApiToken>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let new = wanted(body.0)?;
    let (secret, token) = tasks.run(caller.user, async move { services.auth.create_token(&caller, new).await }).await?;
    let path = paths::token(&token.id.to_string());
    Ok(Place::of(&request).created(&path).json(wire::api_token_grant(&secret, &token)))
}

fn wanted(body: api::NewApiToken) -> Result<NewApiToken, Problem> {
    let Some(name) = ApiToken::name_of(&body.name) else {
        let most = ApiToken::NAME_CHARACTERS;
        return Err(Problem::new(Slug::InvalidBody, format!("name: send 1 to {most} characters.")));
    };
    let scopes = body.scopes.into_iter().map(|scope| match scope {
        api::Scope::Read => Scope::Read,
        api::Scope::Upload => Scope::Upload,
        api::Scope::Full => Scope::Full,
        api::Scope::Admin => Scope::Admin,
    });
    let scopes = Scopes::of(scopes).map_err(|error| Problem::new(Slug::InvalidBody, format!("scopes: {error}.")))?;
    let recording = body.recording_id.as_deref().map(RecordingId::parse).transpose()?;
    if recording.is_some() && scopes.iter().any(|scope| scope != Scope::Upload) {
        let detail = "A token for one recording has the scope `upload` alone.";
        return Err(Problem::new(Slug::InvalidBody, detail));
    }
    Ok(NewApiToken { name, scopes, recording, expires_at: body.expires_at })
}

/// List API tokens
///
/// All that have not expired, without their secrets.
#[utoipa::path(get, path = "/v1/me/tokens", operation_id = "listTokens", tag = "API tokens", responses(
    (status = 200, description = "All tokens, newest first", body = api::ApiTokens),
))]
pub async fn list(caller: Caller, services: web::Data<Services>) -> Answer {
    let items = services.auth.tokens(caller.user).await?.iter().map(wire::api_token).collect();
    Ok(HttpResponse::Ok().json(api::ApiTokens { items }))
}

/// Get an API token
///
/// What it may do, and when it was last used.
#[utoipa::path(get, path = "/v1/me/tokens/{id}", operation_id = "getToken", tag = "API tokens",
    params(("id" = String, Path, description = "The token's id", example = "01JDB2M4V8W6Q3T9R5X7Y1Z0AB")), responses(
    (status = 200, description = "The token", body = api::ApiToken),
    (status = 404, description = "No such token"),
))]
pub async fn get(caller: Caller, path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let id = ApiTokenId::parse(&path).map_err(|_| no_such_token())?;
    let tokens = services.auth.tokens(caller.user).await?;
    let token = tokens.iter().find(|token| token.id == id).ok_or_else(no_such_token)?;
    Ok(HttpResponse::Ok().json(wire::api_token(token)))
}

/// Revoke an API token
///
/// It opens nothing any more, at once.
#[utoipa::path(delete, path = "/v1/me/tokens/{id}", operation_id = "revokeToken", tag = "API tokens",
    params(("id" = String, Path, description = "The token's id", example = "01JDB2M4V8W6Q3T9R5X7Y1Z0AB")), responses(
    (status = 204, description = "The token is revoked"),
    (status = 404, description = "No such token"),
))]
pub async fn revoke(
    caller: Caller,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = ApiTokenId::parse(&path).map_err(|_| no_such_token())?;
    if tasks.run(caller.user, async move { services.auth.revoke_token(caller.user, id).await }).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(no_such_token())
    }
}

fn no_such_token() -> Problem {
    Problem::new(Slug::NotFound, "You have no API token of this id.")
}
