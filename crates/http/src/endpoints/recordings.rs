//! Endpoints under `/v1/recordings`: everything one does with recordings.

use std::slice;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web};
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    id::{RecordingId, UserId},
    recording::{Edit, Recording, RecordingName, Revision},
    upload::{NewRecording, Stored},
};
use utoipa::ToSchema;

use crate::{
    Tasks,
    answers::{
        caching::{self, NO_STORE, REVALIDATE},
        download::{self, Audio, PlayingAnswers, PlayingHeaders},
        problem::Problem,
        wire,
    },
    bodies::{
        incoming::{Incoming, Json},
        multipart,
        upload::{self, AgainQuery},
    },
    requests::{
        caller::{Editor, Reader, Uploader},
        conditions::{self, Read},
        details::UploadQuery,
        include::{Include, IncludeQuery},
        list::ListQuery,
        place::Place,
        query,
    },
};

type Answer = Result<HttpResponse, Problem>;

/// Upload a recording
///
/// The client chooses the id, which makes the request safe to repeat: the same audio under the same id returns the
/// recording that is stored already, whatever the name.
#[utoipa::path(put, path = "/v1/recordings/{id}", operation_id = "uploadRecording", tag = "Recordings",
    params(
        ("id" = String, Path, description = "A ULID or a hyphenated UUID; case-insensitive", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE", pattern = "^([0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"),
        UploadQuery,
        AgainQuery,
        ("X-Recorded-At" = Option<String>, Header, description = "When it was recorded (RFC 3339 with an offset); now otherwise", format = DateTime),
        ("Content-Disposition" = Option<String>, Header, description = "The recording's name, as `attachment; filename*=UTF-8''memo.m4a`"),
        ("Repr-Digest" = Option<String>, Header, description = "Digest of the audio, as `sha-256=:BASE64:` (RFC 9530). The upload is refused if it does not match"),
        ("Content-Digest" = Option<String>, Header, description = "Like `Repr-Digest`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if no recording has this id"),
        ("If-Match" = Option<String>, Header, description = "ETags, one of which the recording must have"),
    ),
    request_body(description = "The audio. `Content-Type` is a type of audio or absent; the format is detected, and the declared type is used where detection finds none", content(
        (String = "application/octet-stream"), (String = "audio/mp4"), (String = "audio/webm"),
    )),
    responses(
        (status = 201, description = "The recording was stored", body = api::Recording, headers(("Location" = String, description = "Path of the recording"))),
        (status = 200, description = "The recording was stored by an earlier request", body = api::Recording),
        (status = 409, description = "The id belongs to other audio or to a deleted recording"),
        (status = 412, description = "The precondition in If-Match or If-None-Match failed"),
    ))]
pub async fn put(
    caller: Uploader,
    request: HttpRequest,
    path: web::Path<String>,
    incoming: Incoming,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = RecordingId::parse(&path)?;
    caller.require(Some(&id))?;
    let again = query::parse::<AgainQuery>(&request)?.again;
    let head = upload::parse_head(&request, incoming.content_length()?)?;
    let new = NewRecording { id: Some(id), again, condition: conditions::of_upload(&request), ..head };
    let admitted = incoming.admit(caller.user, 0).await?;
    let stored = upload::store(services, &tasks, caller.user, new, admitted).await?;
    Ok(self::stored(&request, stored))
}

/// Upload a recording as a form
///
/// The server chooses the id, so repeating the request stores a second recording; `uploadRecording` is safe to repeat.
/// The optional fields may come before or after the file. The audio as the body, without a form, is accepted as well, with
/// `name`, `client_duration_ms`, `X-Recorded-At`, `Content-Disposition` and the digests of `uploadRecording`.
#[utoipa::path(post, path = "/v1/recordings", operation_id = "uploadRecordingForm", tag = "Recordings",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The recording was stored", body = api::Recording, headers(("Location" = String, description = "Path of the recording"))),
    ))]
pub async fn post(
    caller: Uploader,
    request: HttpRequest,
    incoming: Incoming,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    caller.require(None)?;
    let owner = caller.user;
    let (new, admitted) = if request.content_type().eq_ignore_ascii_case("multipart/form-data") {
        multipart::parse(&request, owner, incoming).await?
    } else {
        (upload::parse_head(&request, incoming.content_length()?)?, incoming.admit(owner, 0).await?)
    };
    Ok(stored(&request, upload::store(services, &tasks, owner, new, admitted).await?))
}

/// A form with a recording.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read part by part, and only described here")]
pub struct UploadForm {
    /// The recording's name; the file's name otherwise.
    #[schema(example = "회의록 3.m4a")]
    name: Option<String>,
    /// When it was recorded (RFC 3339 with an offset); now otherwise.
    #[schema(format = DateTime, example = "2026-11-23T09:30:00+09:00")]
    recorded_at: Option<String>,
    /// Duration in milliseconds.
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64, example = 3120)]
    client_duration_ms: Option<u32>,
    /// The audio.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
}

/// 201 for a new recording, 200 for one that was there.
pub fn stored(request: &HttpRequest, stored: Stored) -> HttpResponse {
    match stored {
        Stored::Created(recording) => Place::of(request)
            .created(&paths::recording(recording.id.as_str()))
            .insert_header((header::ETAG, conditions::revision_tag(&recording).to_string()))
            .json(wire::recording(recording)),
        Stored::Existing(recording) => found(recording),
        Stored::Repaired(recording) => {
            tracing::warn!(recording = %recording.id, "damaged audio was repaired by a repeated upload");
            answer(&recording).json(wire::repaired(recording.clone()))
        }
    }
}

/// List recordings
///
/// The caller's recordings, in pages. To keep a device in sync, use `listChanges`.
#[utoipa::path(get, path = "/v1/recordings", operation_id = "listRecordings", tag = "Recordings", params(ListQuery), responses(
    (status = 200, description = "A page of recordings", body = api::RecordingPage),
))]
pub async fn list(caller: Reader, request: HttpRequest, services: web::Data<Services>) -> Answer {
    let (query, owner): (ListQuery, _) = (query::parse(&request)?, caller.user);
    let include = query.include;
    let page = services.list.page(owner, query.parse()?).await?;
    let page = match include {
        None => wire::page(page),
        Some(Include::Link) => {
            let links = services.playback.links(caller.session()?, &page.items).await?;
            wire::linked(wire::page(page), &Place::of(&request), &links)
        }
    };
    wire::list(page.items.len(), &page)
}

/// Get a recording
///
/// The metadata of one recording. Its `sha256` tells whether the local copy may be deleted.
#[utoipa::path(method(get, head), path = "/v1/recordings/{id}", operation_id = "getRecording", tag = "Recordings",
    params(
        ("id" = String, Path, description = "The recording's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        IncludeQuery,
        ("If-None-Match" = Option<String>, Header, description = "ETags the client has; without effect where a link is included"),
        ("If-Match" = Option<String>, Header, description = "ETags, one of which the recording must have"),
    ),
    responses(
        (status = 200, description = "The recording", body = api::Recording),
        (status = 304, description = "The client's version is current (If-None-Match)"),
        (status = 404, description = "No such recording"),
        (status = 412, description = "The precondition in If-Match failed"),
    ))]
pub async fn get(
    caller: Reader,
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
) -> Answer {
    let IncludeQuery { include } = query::parse(&request)?;
    let recording = services.list.find(caller.user, &existing_id(&path)?).await?;
    let tag = conditions::revision_tag(&recording);
    let read = conditions::weigh(&request, &tag)?;
    if include == Some(Include::Link) {
        return linked(&caller, &request, &services, recording).await;
    }
    Ok(match read {
        Read::Proceed => found(recording),
        Read::NotModified => caching::not_modified(&tag).finish(),
    })
}

/// Rename a recording
///
/// With `If-Match`, only if nobody has renamed it meanwhile.
#[utoipa::path(patch, path = "/v1/recordings/{id}", operation_id = "renameRecording", tag = "Recordings",
    params(
        ("id" = String, Path, description = "The recording's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the recording (not its audio) must have"),
    ),
    request_body(content(
        (api::RecordingUpdate = "application/json"), (api::RecordingUpdate = "application/merge-patch+json"),
    )),
    responses(
        (status = 200, description = "The renamed recording", body = api::Recording),
        (status = 404, description = "No such recording"),
        (status = 412, description = "The recording has another ETag"),
    ))]
pub async fn rename(
    caller: Editor,
    request: HttpRequest,
    path: web::Path<String>,
    changes: Json<api::RecordingUpdate>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = existing_id(&path)?;
    let name = RecordingName::parse(changes.0.name)?;
    let expected = expected_revision(&request, &services, caller.user, &id).await?;
    let edit = Edit { name: Some(name) };
    Ok(found(tasks.run(caller.user, async move { services.list.edit(caller.user, &id, edit, expected).await }).await?))
}

/// Delete a recording
///
/// Deletes the audio, too, and ends its playback links. Other devices see the deletion in `listChanges`.
#[utoipa::path(delete, path = "/v1/recordings/{id}", operation_id = "deleteRecording", tag = "Recordings",
    params(
        ("id" = String, Path, description = "The recording's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the recording (not its audio) must have"),
    ),
    responses(
        (status = 204, description = "The recording was deleted"),
        (status = 404, description = "No such recording"),
        (status = 412, description = "The recording has another ETag"),
    ))]
pub async fn delete(
    caller: Editor,
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let id = existing_id(&path)?;
    let expected = expected_revision(&request, &services, caller.user, &id).await?;
    tasks.run(caller.user, async move { services.list.delete(caller.user, &id, expected).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Play or download a recording
///
/// Supports range and conditional requests. Where audio is in S3, the response may redirect to it.
#[utoipa::path(method(get, head), path = "/v1/recordings/{id}/audio", operation_id = "getRecordingAudio", tag = "Recordings",
    params(
        ("id" = String, Path, description = "The recording's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        PlayingHeaders,
    ),
    responses(
        PlayingAnswers,
        (status = 307, description = "Redirect to a presigned URL, valid for 15 minutes", headers(("Location" = String, description = "The presigned URL; send no `Authorization` to it"))),
        (status = 404, description = "No such recording"),
    ))]
pub async fn audio(
    caller: Reader,
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
) -> Answer {
    let recording = services.list.find(caller.user, &existing_id(&path)?).await?;
    download::answer_or_redirect(&request, &services.list, Audio::download(&recording)).await
}

/// The revision a write depends on, if it has `If-Match`: the current one, which must be among its tags.
async fn expected_revision(
    request: &HttpRequest,
    services: &Services,
    owner: UserId,
    id: &RecordingId,
) -> Result<Option<Revision>, Problem> {
    if !request.headers().contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let recording = services.list.find(owner, id).await?;
    conditions::require_match(request, &conditions::revision_tag(&recording))?;
    Ok(Some(recording.revision))
}

/// What cannot be an id is the id of nothing.
pub fn existing_id(text: &str) -> Result<RecordingId, Problem> {
    RecordingId::parse(text).map_err(|_| Problem::new(Slug::NotFound, "You have no recording of this id."))
}

/// A link expires, whatever the version: it is always sent, and no cache keeps it.
async fn linked(caller: &Reader, request: &HttpRequest, services: &Services, recording: Recording) -> Answer {
    let links = services.playback.links(caller.session()?, slice::from_ref(&recording)).await?;
    let link = links.first().map(|link| wire::link(&Place::of(request), link));
    let mut response = answer(&recording);
    Ok(response.insert_header(NO_STORE).json(api::Recording { link, ..wire::recording(recording) }))
}

fn found(recording: Recording) -> HttpResponse {
    answer(&recording).json(wire::recording(recording))
}

fn answer(recording: &Recording) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, conditions::revision_tag(recording).to_string())).insert_header(REVALIDATE);
    response
}
