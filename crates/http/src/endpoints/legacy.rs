//! The routes of the 2018 server, exactly as its clients know them, over the same use cases.
//!
//! Its wire form is odd in places; each oddity is a promise to an app somebody still has on a phone.
//! A trailing slash is ignored. `Authorization` is `<user_id> <auth_key>`.

mod list;
mod names;

use std::str::Utf8Error;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{
        Method,
        header::{self, ContentType},
    },
    web,
};
use futures_util::{StreamExt as _, stream};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tapebase_api::Slug;
use tapebase_domain::{
    Services,
    auth::AuthError,
    details::NewDetails,
    list::ListError,
    media_type::MediaType,
    oidc::IdToken,
    recording::{Recording, RecordingName},
    upload::NewRecording,
    user::{InvalidSocialId, SocialId, User},
};

use self::list::Walk;
use crate::{
    Tasks,
    answers::{
        download::{self, Audio},
        problem::{Meaning, Problem},
    },
    bodies::{incoming::Incoming, upload},
    rates,
    requests::caller::device,
};

type Answer = Result<HttpResponse, Failure>;

/// Sign in with a social id
///
/// With an ID token of the provider that is configured for the social network, whose subject the id must be. Without one it is disabled by default, since nothing is verified.
#[utoipa::path(get, path = "/login", operation_id = "legacyLogin", tag = "Legacy", security(()),
    params(
        ("social_id" = String, Query, description = "The user's id at the social network", example = "1234567890"),
        ("social_type" = String, Query, description = "The social network; must not contain an underscore", example = "kakao"),
        ("id_token" = Option<String>, Query, description = "The ID token that the provider's SDK gave the app; it is accepted once"),
        ("nonce" = Option<String>, Query, description = "The nonce it was requested with (`createOidcNonce`), if it was"),
    ),
    responses(
        (status = 200, description = "For `Authorization: USER_ID AUTH_KEY`", body = Object, example = json!({"auth_key": "7Hc0vQ2mXkR9dT4sLw8bNz6yJf3gPa1e", "user_id": "kakao_1234567890"})),
        (status = 400, description = "A parameter is missing or invalid"),
        (status = 403, description = "The ID token is not accepted, or there is none and unverified social ids are not accepted; or the account is disabled"),
        (status = 404, description = "No provider is configured for the social network"),
        (status = 409, description = "Another user has the social id"),
        (status = 503, description = "A store or the provider does not respond"),
        (status = 507, description = "The storage is full"),
    ))]
pub async fn login(request: HttpRequest, services: web::Data<Services>, tasks: web::Data<Tasks>) -> Answer {
    let refuse = |message: &str| Failure::error(Slug::InvalidParameter, message);
    let parameter = |name| parameter(&request, name).map_err(|_| refuse("All parameters must be UTF-8."));
    let social = SocialId::parse(parameter("social_type")?, parameter("social_id")?).map_err(|error| {
        refuse(match error {
            InvalidSocialId::Empty => "social_id or social_type is null.",
            InvalidSocialId::Underscore => "social_type must not contain an underscore.",
            InvalidSocialId::TooLong => "social_id or social_type is too long.",
        })
    })?;
    let (token, nonce) = (parameter("id_token")?, parameter("nonce")?);
    let device = device(&request);
    let signing_in = async move {
        if token.is_empty() {
            return services.auth.log_in_with_social_id(social, &device).await;
        }
        let token = IdToken::parse(token).map_err(AuthError::InvalidIdToken)?;
        let nonce = Some(&*nonce).filter(|nonce| !nonce.is_empty());
        services.auth.log_in_with_proved_social_id(social, token, nonce, &device).await
    };
    let grant = tasks.run(None, signing_in).await.map_err(Failure::of_error)?;
    let body = json!({"auth_key": grant.token.expose(), "user_id": names::user_id(&grant.user)});
    Ok(HttpResponse::Ok().json(body))
}

/// Upload a recording
///
/// The client chooses the name. Every request stores another recording; names may repeat.
#[utoipa::path(put, path = "/record/{id}", operation_id = "legacyUpload", tag = "Legacy", security(("seed" = [])),
    params(("id" = String, Path, description = "The recording's name, chosen by the client", example = "memo.m4a")),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The request succeeded", body = Object, example = json!({"result": "success"})),
        (status = 415, description = "The media type is not `application/octet-stream` or `audio/*`"),
    ))]
pub async fn put(
    request: HttpRequest,
    incoming: Incoming,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let media_type = media_type(&request)?;
    let owner = authenticate(&request, &services).await?.id;
    let name = percent_decode_str(last_segment(&request)).decode_utf8().ok();
    let name = name.and_then(|name| RecordingName::parse(name.into_owned()).ok());
    let name = name.ok_or_else(|| Failure::result(Problem::new(Slug::InvalidName, "Choose another name.")))?;
    let size = incoming.content_length().map_err(Failure::result)?;
    let details = NewDetails { name: Some(name), ..NewDetails::of_type(media_type) };
    // In 2018 nobody looked at what it was.
    let new = NewRecording { size, anything: true, ..NewRecording::of(details) };
    let admitted = incoming.admit(owner, 0).await.map_err(Failure::result)?;
    upload::store(services, &tasks, owner, new, admitted).await.map_err(Failure::result)?;
    Ok(success())
}

/// List recordings
///
/// All of the caller's recordings, oldest first.
#[utoipa::path(get, path = "/record/list", operation_id = "legacyList", tag = "Legacy", security(("seed" = [])), responses(
    (status = 200, description = "All recordings, oldest first", body = Object, example = json!({"records": [{
        "id": "kakao_1234567890_2026-11-23_00-31-02_01JD9Z8Q3NVX4T6M2K7C5B1ARE.m4a",
        "user_id": "kakao_1234567890",
        "file_name": "memo.m4a",
        "created_at": "2026-11-23",
    }]})),
))]
pub async fn list(request: HttpRequest, services: web::Data<Services>) -> Answer {
    let user = authenticate(&request, &services).await?;
    let mut walk = Walk::new(services.list.clone(), user.id, names::user_id(&user));
    let first = walk.first().await.map_err(Failure::of_error)?;
    let mut response = HttpResponse::Ok();
    response.content_type(ContentType::json());
    if walk.is_over() {
        return Ok(response.body(first));
    }
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<_, ListError>>()));
    }
    Ok(response.streaming(stream::iter([Ok(first)]).chain(walk.rest())))
}

/// Play or download a recording
///
/// Supports range and conditional requests.
#[utoipa::path(get, path = "/record/{id}", operation_id = "legacyDownload", tag = "Legacy", security(("seed" = [])),
    params(("id" = String, Path, description = "The recording's id, as listed", example = "kakao_1234567890_2026-11-23_00-31-02_01JD9Z8Q3NVX4T6M2K7C5B1ARE.m4a")), responses(
    (status = 200, description = "The audio", body = String, content_type = "*/*"),
    (status = 206, description = "The requested range of the audio", body = String, content_type = "*/*"),
    (status = 304, description = "The client's version is current (If-None-Match)"),
    (status = 404, description = "No such recording"),
    (status = 412, description = "The precondition in If-Match failed"),
    (status = 416, description = "The range lies beyond the end"),
))]
pub async fn get(request: HttpRequest, services: web::Data<Services>) -> Answer {
    let user = authenticate(&request, &services).await?;
    let recording = find(&request, &user, &services).await?;
    download::answer(&request, &services.list, Audio::download(&recording)).await.map_err(Failure::result)
}

/// Delete a recording
///
/// Deletes the audio, too.
#[utoipa::path(delete, path = "/record/{id}", operation_id = "legacyDelete", tag = "Legacy", security(("seed" = [])),
    params(("id" = String, Path, description = "The recording's id, as listed", example = "kakao_1234567890_2026-11-23_00-31-02_01JD9Z8Q3NVX4T6M2K7C5B1ARE.m4a")), responses(
    (status = 200, description = "The request succeeded", body = Object, example = json!({"result": "success"})),
    (status = 404, description = "No such recording"),
))]
pub async fn delete(request: HttpRequest, services: web::Data<Services>, tasks: web::Data<Tasks>) -> Answer {
    let user = authenticate(&request, &services).await?;
    let recording = find(&request, &user, &services).await?;
    let deleting = tasks.run(user.id, async move { services.list.delete(user.id, &recording.id, None).await });
    deleting.await.map_err(Failure::result)?;
    Ok(success())
}

/// The caller's recording of the id in the path, which clients send as listed or percent-encoded once more.
async fn find(request: &HttpRequest, user: &User, services: &Services) -> Result<Recording, Failure> {
    let user_id = names::user_id(user);
    let sent = last_segment(request);
    let decoded = percent_decode_str(sent).decode_utf8().unwrap_or_default();
    for record_id in [sent, &decoded] {
        let Some(id) = names::recording_id(&user_id, record_id) else { continue };
        let found = services.list.find(user.id, &id).await;
        let recording = match found {
            Ok(recording) => recording,
            Err(ListError::NotFound) => continue,
            Err(error) => return Err(Failure::result(error.into())),
        };
        let ids = [names::record_id(&user_id, &recording), names::former_record_id(&user_id, &recording)];
        if ids.iter().any(|id| id == record_id) {
            return Ok(recording);
        }
    }
    Err(Failure::result(ListError::NotFound.into()))
}

/// Whoever sends a key that is theirs, and what they are called here, which a session does not tell.
async fn authenticate(request: &HttpRequest, services: &Services) -> Result<User, Failure> {
    let header = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes().trim_ascii());
    let missing = || Failure::error(Slug::InvalidParameter, HEADER_REQUIRED);
    let header = header.filter(|header| !header.is_empty()).ok_or_else(missing)?;
    let header = std::str::from_utf8(header).map_err(|_| Failure::unauthorized())?;
    let words: Vec<&str> = header.split_whitespace().collect();
    let [user_id, key] = words.as_slice() else { return Err(Failure::unauthorized()) };
    let found = async { services.auth.user(&services.auth.authenticate(key).await?).await };
    match found.await {
        Ok(user) if names::user_id(&user) == *user_id => {
            rates::count_user(request.app_data(), user.id).map_err(Failure::of_error)?;
            Ok(user)
        }
        Ok(_) | Err(AuthError::InvalidToken) => Err(Failure::unauthorized()),
        Err(error) => Err(Failure::of_error(error)),
    }
}

fn media_type(request: &HttpRequest) -> Result<MediaType, Failure> {
    let sent = request.headers().get(header::CONTENT_TYPE);
    // The framework of 2018 took a missing type for JSON.
    let named = sent.map_or("application/json".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let accepted = sent.and_then(|value| MediaType::parse(value.to_str().ok()?).ok());
    let accepted = accepted.filter(|media_type| {
        media_type.as_str().starts_with("audio/") || media_type.as_str() == "application/octet-stream"
    });
    accepted
        .and_then(|media_type| MediaType::declared([media_type.as_str()]).ok())
        .ok_or_else(|| Failure::unsupported(&named))
}

fn success() -> HttpResponse {
    HttpResponse::Ok().json(json!({"result": "success"}))
}

/// The last segment of the path as it was sent, without a trailing slash.
fn last_segment(request: &HttpRequest) -> &str {
    let path = request.uri().path();
    path.strip_suffix('/').unwrap_or(path).rsplit('/').next().unwrap_or_default()
}

/// A query parameter, percent-decoded; empty if it is missing.
fn parameter(request: &HttpRequest, name: &str) -> Result<String, Utf8Error> {
    let pairs = request.query_string().split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value)).unwrap_or_default();
    percent_decode_str(&value.replace('+', " ")).decode_utf8().map(Into::into)
}

/// What a failed request of a 2018 client is answered, for the description.
#[cfg(test)]
pub fn example(operation: &str, slug: Slug) -> Value {
    let failure = match (operation, slug) {
        (_, Slug::InvalidToken) => Failure::unauthorized(),
        (_, Slug::UnsupportedMediaType) => Failure::unsupported("text/html"),
        (_, Slug::InvalidParameter) => Failure::error(slug, HEADER_REQUIRED),
        ("legacyLogin" | "legacyList", _) => Failure::of_error(Problem::new(slug, "")),
        _ => Failure::result(Problem::new(slug, "")),
    };
    serde_json::from_str(&failure.body).unwrap_or_default()
}

const HEADER_REQUIRED: &str = "Authorization Header is required.";

/// A failed request of a 2018 client: the status is that of the problem, the body is what it knows.
#[derive(Debug)]
pub struct Failure {
    problem: Problem,
    body: Box<str>,
}

impl Failure {
    fn new(problem: Problem, body: &Value) -> Self {
        Self { problem, body: body.to_string().into() }
    }

    fn error(slug: Slug, message: &str) -> Self {
        Self::new(Problem::new(slug, message.to_owned()), &json!({"error": message}))
    }

    fn of_error(error: impl Into<Problem>) -> Self {
        let problem = error.into();
        let body = json!({"error": Meaning::of(problem.slug()).title});
        Self::new(problem, &body)
    }

    fn result(problem: Problem) -> Self {
        let body = json!({"result": "fail", "error": Meaning::of(problem.slug()).title});
        Self::new(problem, &body)
    }

    fn unsupported(media_type: &str) -> Self {
        let message = format!("Unsupported media type: {media_type}");
        let body = json!({"Code": "UnsupportedMediaType", "Message": message});
        Self::new(Problem::new(Slug::UnsupportedMediaType, ""), &body)
    }

    fn unauthorized() -> Self {
        let problem = Problem::from(AuthError::InvalidToken);
        Self::new(problem, &json!({"error": "Not Authorization"}))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.error_response();
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        response.set_body(actix_web::body::BoxBody::new(String::from(&*self.body)))
    }
}
