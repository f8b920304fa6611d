//! Endpoints under `/v1/direct`: announcing a recording, sending its parts, and completing it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::DateTime;
use serde::Deserialize;
use tapebase_api::{self as api, Slug, paths};
use tapebase_domain::{
    Services,
    direct::{Begun, PartLink},
    id::{RecordingId, UserId},
    pending::{PartTicket, Parts, PendingUpload},
};
use utoipa::IntoParams;

use crate::{
    Tasks,
    answers::{problem::Problem, wire},
    bodies::{
        incoming::{Admitted, Incoming, Json},
        upload,
    },
    endpoints::recordings::stored,
    requests::{
        caller::Uploader,
        details,
        place::Place,
        query::{self, PageQuery},
    },
};

type Answer = Result<HttpResponse, Problem>;

/// Create a direct upload
///
/// The response says where to send the parts, in any order or in parallel; `completeDirectUpload` comes last. Repeating
/// the request with the same id returns the same plan with fresh URLs.
#[utoipa::path(post, path = "/v1/direct", operation_id = "createDirectUpload", tag = "Direct uploads", request_body = api::CreateUpload, responses(
    (status = 201, description = "The upload was created", body = api::UploadPlan, headers(("Location" = String, description = "Path of the upload"))),
    (status = 200, description = "The upload exists already; without parts, so does the recording", body = api::UploadPlan),
    (status = 409, description = "The id belongs to other audio or to a deleted recording"),
))]
pub async fn plan(
    caller: Uploader,
    request: HttpRequest,
    body: Json<api::CreateUpload>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (owner, new) = (caller.user, details::announced(body.0)?);
    caller.require(new.id.as_ref())?;
    let using = services.clone();
    let planned = tasks.run(owner, async move { using.direct.create(owner, new).await }).await?;
    let (mut response, body) = match planned {
        Begun::Created(plan) => {
            let created = Place::of(&request).created(&paths::upload(plan.id.as_str()));
            (created, plan_body(&request, &services, &plan).await?)
        }
        Begun::Resumed(plan) => (HttpResponse::Ok(), plan_body(&request, &services, &plan).await?),
        Begun::Stored(recording) => {
            let part_size = Parts::of(recording.size).part_size();
            let id = recording.id.into_string();
            let (expires_at, links_expire_at, parts) = (None, None, Vec::new());
            (HttpResponse::Ok(), api::UploadPlan { id, expires_at, links_expire_at, part_size, parts })
        }
    };
    Ok(response.json(body))
}

/// List pending direct uploads
///
/// Pending uploads count towards the quota until they are completed or aborted, or have expired and are removed.
#[utoipa::path(get, path = "/v1/direct", operation_id = "listDirectUploads", tag = "Direct uploads", params(PageQuery), responses(
    (status = 200, description = "A page of uploads, in the order of their ids", body = api::PendingUploadPage),
))]
pub async fn list(caller: Uploader, request: HttpRequest, services: web::Data<Services>) -> Answer {
    caller.require(None)?;
    let (limit, after) = query::page(&request, RecordingId::parse)?;
    let page = services.direct.under_way(caller.user, limit, after).await?;
    Ok(HttpResponse::Ok().json(wire::uploads(page)))
}

/// Get a pending direct upload
///
/// To resume it, repeat `createDirectUpload` with its id, which returns fresh URLs.
#[utoipa::path(get, path = "/v1/direct/{id}", operation_id = "getDirectUpload", tag = "Direct uploads",
    params(("id" = String, Path, description = "The upload's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")),
    responses(
        (status = 200, description = "The upload and its received parts", body = api::PendingUpload),
        (status = 404, description = "No such upload"),
    ))]
pub async fn get(caller: Uploader, path: web::Path<String>, services: web::Data<Services>) -> Answer {
    let id = upload_id(&path)?;
    caller.require(Some(&id))?;
    let under_way = services.direct.find(caller.user, &id).await?;
    Ok(HttpResponse::Ok().json(wire::upload(under_way)))
}

async fn plan_body(
    request: &HttpRequest,
    services: &Services,
    plan: &PendingUpload,
) -> Result<api::UploadPlan, Problem> {
    let (links, links_expire_at) = services.direct.links(plan).await?;
    let (parts, place) = (plan.parts(), Place::of(request));
    let part = |(number, link)| {
        let (url, path, headers) = match link {
            PartLink::Server(ticket, signature) => {
                let path = here(&ticket, &signature);
                (place.url(&path), Some(path), BTreeMap::new())
            }
            PartLink::Store(request) => (request.url, None, request.headers.into_iter().collect()),
        };
        let size = parts.range(number).map_or(0, |range| range.length);
        api::UploadPart { number, size, method: "PUT".to_owned(), url, path, headers }
    };
    Ok(api::UploadPlan {
        id: plan.id.to_string(),
        expires_at: Some(plan.expires_at),
        links_expire_at: Some(links_expire_at),
        part_size: parts.part_size(),
        parts: parts.numbers().zip(links).map(part).collect(),
    })
}

/// Where this server takes a part.
fn here(ticket: &PartTicket, signature: &str) -> String {
    let PartTicket { owner, id, number, expires_at } = ticket;
    let (path, expires) = (paths::upload_part(id.as_str(), *number), expires_at.timestamp());
    format!("{path}?owner={owner}&expires={expires}&signature={signature}")
}

/// The authorization of a part's URL.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// The upload's owner.
    #[param(example = "01JD8QKB5T2W9XE6N4RFZ0HYCM")]
    owner: String,
    /// When the URL expires, as Unix time in seconds.
    #[param(example = 1_795_397_460)]
    expires: i64,
    /// The server's signature over path, owner and expiry.
    #[param(example = "kQ3vT0mZb8Xw1n5Rf7Yc2A")]
    signature: String,
}

/// Upload a part
///
/// For part URLs that lead to this server; parts may go to S3 instead. A part that is sent again replaces the earlier one.
#[utoipa::path(put, path = "/v1/direct/{id}/parts/{number}", operation_id = "uploadPart", tag = "Direct uploads", security(()),
    params(
        ("id" = String, Path, description = "The upload's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ("number" = u32, Path, description = "The part's number, from 1", minimum = 1, example = 1),
        TicketQuery,
    ),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "The part was stored"),
        (status = 403, description = "The URL is invalid or has expired"),
    ))]
pub async fn put_part(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    incoming: Incoming,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (id, number) = path.into_inner();
    let (ticket, signature) = ticket(&request, &id, &number)
        .ok_or_else(|| Problem::new(Slug::InvalidLink, "Use a link as POST /v1/direct gave it."))?;
    upload::refuse_unstorable(request.headers())?;
    let length = incoming.content_length()?;
    let Admitted { body, memory } = incoming.admit(ticket.owner, 0).await?;
    let kept = tasks.run(ticket.owner, async move {
        let kept = services.direct.put_part(&ticket, &signature, length, body).await;
        drop(memory);
        kept
    });
    kept.await?;
    Ok(HttpResponse::NoContent().finish())
}

fn ticket(request: &HttpRequest, id: &str, number: &str) -> Option<(PartTicket, String)> {
    let TicketQuery { owner, expires, signature } = query::parse(request).ok()?;
    let ticket = PartTicket {
        owner: UserId::parse(&owner).ok()?,
        id: RecordingId::parse(id).ok()?,
        number: number.parse().ok()?,
        expires_at: DateTime::from_timestamp(expires, 0)?,
    };
    Some((ticket, signature))
}

/// Complete a direct upload
///
/// Verifies the parts and stores the recording. Safe to repeat.
#[utoipa::path(post, path = "/v1/direct/{id}/complete", operation_id = "completeDirectUpload", tag = "Direct uploads",
    params(("id" = String, Path, description = "The upload's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")),
    responses(
        (status = 201, description = "The recording was stored", body = api::Recording, headers(("Location" = String, description = "Path of the recording"))),
        (status = 200, description = "The recording was stored by an earlier request", body = api::Recording),
        (status = 404, description = "No such upload"),
        (status = 409, description = "A part is missing, the digest does not match, or the id belongs to other audio"),
    ))]
pub async fn complete(
    caller: Uploader,
    request: HttpRequest,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (owner, id) = (caller.user, upload_id(&path)?);
    caller.require(Some(&id))?;
    Ok(stored(&request, tasks.run(owner, async move { services.direct.complete(owner, &id).await }).await?))
}

/// Abort a direct upload
///
/// Deletes the parts that were received. Part URLs that lead to this server end; those that lead to S3 expire by themselves.
#[utoipa::path(delete, path = "/v1/direct/{id}", operation_id = "abortDirectUpload", tag = "Direct uploads",
    params(("id" = String, Path, description = "The upload's id", example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")),
    responses(
        (status = 204, description = "The upload and its parts were deleted"),
        (status = 404, description = "No such upload"),
    ))]
pub async fn abort(
    caller: Uploader,
    path: web::Path<String>,
    services: web::Data<Services>,
    tasks: web::Data<Tasks>,
) -> Answer {
    let (owner, id) = (caller.user, upload_id(&path)?);
    caller.require(Some(&id))?;
    tasks.run(owner, async move { services.direct.abort(owner, &id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What cannot be an id is the id of nothing.
fn upload_id(text: &str) -> Result<RecordingId, Problem> {
    RecordingId::parse(text).map_err(|_| Problem::new(Slug::NotFound, "You have no upload of this id."))
}
