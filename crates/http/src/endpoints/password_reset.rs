//! Endpoints for those who have forgotten their password.

use actix_web::{HttpRequest, HttpResponse, web};
use tapebase_api as api;
use tapebase_domain::{
    Services,
    auth::AuthError,
    user::{Email, Password},
};

use crate::{Tasks, answers::problem::Problem, bodies::incoming::Json, mailing::Mailing, requests::caller::device};

type Answer = Result<HttpResponse, Problem>;

/// Request a password reset
///
/// Mails a code to the address if a user has it. The response, and how long it takes, is the same if nobody has it. A user is sent at most three mails to reset the password in half an hour; they all have the same code.
#[utoipa::path(post, path = "/v1/auth/password-reset", operation_id = "requestPasswordReset", tag = "Accounts", security(()), request_body = api::EmailAddress, responses(
    (status = 202, description = "If a user has the address, a mail is on its way"),
    (status = 400, description = "The body is invalid"),
    (status = 403, description = "This server sends no mail"),
))]
pub async fn request(
    request: HttpRequest,
    body: Json<api::EmailAddress>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
    mailing: Mailing,
) -> Answer {
    let email = Email::parse_known(&body.0.email)?;
    let device = device(&request);
    let change = async move { mailing.start_one(services.auth.forgot_password(email, &device).await?).await };
    tasks.run(None, change).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Reset the password
///
/// With a code that was mailed, or that the operator has handed over. It can be used once, in the hour after it was requested. Ends all of the user's sessions, API tokens and playback links; they sign in with the new password. Verifies the address and unlinks all others; where `auth.email_verification` is not `off` and the address was not verified before, unlinks everything else, too.
#[utoipa::path(put, path = "/v1/auth/password", operation_id = "resetPassword", tag = "Accounts", security(()), request_body = api::PasswordReset, responses(
    (status = 204, description = "The password is changed, and all tokens are revoked"),
    (status = 400, description = "The new password or the body is invalid"),
    (status = 403, description = "The code is wrong, used or expired"),
))]
pub async fn reset(
    request: HttpRequest,
    body: Json<api::PasswordReset>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let new = Password::parse(&body.0.new_password)?;
    // What can be nobody's address has been sent no code.
    let email = Email::parse_known(&body.0.email).map_err(|_| AuthError::InvalidCode)?;
    let (code, device) = (body.0.code, device(&request));
    tasks.run(None, async move { services.auth.reset_password(email, &code, new, &device).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
