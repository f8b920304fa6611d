//! Playback links: making one, and playing what it is of.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue, REFERRER_POLICY},
    web,
};
use serde::Deserialize;
use tapebase_api::{self as api, Slug};
use tapebase_domain::{
    Services,
    playback::{Disposition, Lifetime},
};
use utoipa::IntoParams;

use crate::{
    answers::{
        download::{self, Audio, PlayingAnswers, PlayingHeaders},
        problem::Problem,
        wire,
    },
    endpoints::recordings::existing_id,
    requests::{caller::Caller, place::Place, query},
};

type Answer = Result<HttpResponse, Problem>;

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// How a link plays.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkQuery {
    /// Whether browsers save the audio instead of playing it.
    #[param(value_type = Option<bool>)]
    download: Option<String>,
    /// Seconds until it expires.
    #[param(minimum = 60, maximum = 604_800, default = 86_400)]
    expires_in: Option<i64>,
}

/// Create a playback link
///
/// The link plays this recording without a token, in `<audio src>`, native players and casting devices; range requests are
/// supported. It expires at `expires_at`, which is up to 1/24 later than requested, so that repeated requests return the
/// same, cacheable link. It ends at once if the recording is deleted, or its owner signs out everywhere or changes the
/// password; where audio is in S3 and downloads are redirected, a presigned URL that a player already has works for up to 15
/// minutes more.
#[utoipa::path(post, path = "/v1/recordings/{id}/link", operation_id = "createPlaybackLink", tag = "Playback",
    params(("id" = String, Path, description = "The recording's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"), LinkQuery),
    responses(
        (status = 200, description = "The link", body = api::PlaybackLink),
        (status = 404, description = "No such recording"),
    ))]
pub async fn link(
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
) -> Answer {
    let LinkQuery { download, expires_in } = query::parse(&request)?;
    let lifetime = expires_in.map_or(Ok(Lifetime::default()), Lifetime::of_seconds);
    let lifetime = lifetime.map_err(|error| Problem::new(Slug::InvalidParameter, format!("expires_in: {error}.")))?;
    let disposition = disposition(download.as_deref())?;
    let link = services.playback.link(&caller.session, &existing_id(&path)?, lifetime, disposition).await?;
    Ok(HttpResponse::Ok().json(wire::link(&Place::of(&request), &link)))
}

fn disposition(download: Option<&str>) -> Result<Disposition, Problem> {
    match download {
        None | Some("0" | "false") => Ok(Disposition::Inline),
        Some("1" | "true") => Ok(Disposition::Attachment),
        Some(_) => Err(Problem::new(Slug::InvalidParameter, "Send download=1 or leave it out.")),
    }
}

/// Play a recording by a link
///
/// Like `getRecordingAudio`, with the authorization in the path instead of a token.
#[utoipa::path(method(get, head), path = "/v1/play/{ticket}/{file}", operation_id = "getPlaybackAudio", tag = "Playback",
    security(()),
    params(
        ("ticket" = String, Path, description = "From a link's `path`", example = "AQABk2F7bSwu3vV0hT9xJg8K5nQzR1cYdE"),
        ("file" = String, Path, description = "From a link's `path`; some players need its extension", example = "audio.m4a"),
        PlayingHeaders,
    ),
    responses(
        PlayingAnswers,
        (status = 307, description = "Redirect to a presigned URL, valid for 15 minutes", headers(("Location" = String, description = "The presigned URL"))),
        (status = 403, description = "The link is invalid or has expired"),
    ))]
pub async fn play(request: HttpRequest, path: web::Path<(String, String)>, services: web::Data<Services>) -> Answer {
    let (ticket, _) = path.into_inner();
    let (recording, disposition) = services.playback.open(&ticket).await?;
    let audio = Audio { recording: &recording, disposition };
    let mut response = download::answer_or_redirect(&request, &services.list, audio).await?;
    // The link is a secret: it goes into no other site's log, and into no index.
    let headers = response.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex, nofollow"));
    Ok(response)
}
