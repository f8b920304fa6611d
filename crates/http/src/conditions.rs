//! Conditional requests (RFC 9110 section 13) on strong entity tags.

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    http::header::{self, EntityTag, IfMatch, IfNoneMatch, IfRange},
};
use tapebase_api::Slug;
use tapebase_domain::recording::Recording;

use crate::problem::Problem;

/// The tag of a recording's audio: its digest, for the bytes never change.
pub fn audio_tag(recording: &Recording) -> EntityTag {
    EntityTag::new_strong(recording.sha256.to_hex())
}

/// The tag of what is known about a recording: its revision.
pub fn revision_tag(recording: &Recording) -> EntityTag {
    EntityTag::new_strong(format!("r{}", recording.revision.0))
}

/// What the preconditions of a read come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The client has not got it yet.
    Proceed,
    /// The client has this very thing: 304.
    NotModified,
}

/// Private to its owner, and asked for again before it is used again: it may be renamed or deleted.
pub const REVALIDATE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

/// Tokens and who they belong to are no cache's business.
pub const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// 304: the client has this version.
pub fn not_modified(tag: &EntityTag) -> HttpResponse {
    HttpResponse::NotModified().insert_header((header::ETAG, tag.to_string())).insert_header(REVALIDATE).finish()
}

/// Fails unless `If-Match`, if there is one, has the tag.
pub fn require_match(request: &HttpRequest, tag: &EntityTag) -> Result<(), Problem> {
    let is_met = match request.get_header::<IfMatch>() {
        Some(IfMatch::Any) => true,
        Some(IfMatch::Items(tags)) => tags.iter().any(|candidate| candidate.strong_eq(tag)),
        None => false,
    };
    if is_met || !request.headers().contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let detail = "No tag in If-Match is the current one. Fetch the recording again and decide anew.";
    Err(Problem::new(Slug::PreconditionFailed, detail))
}

/// Weighs `If-Match` and `If-None-Match` of an upload, which never replaces anything.
pub fn weigh_upload(request: &HttpRequest, existing: Option<&Recording>) -> Result<(), Problem> {
    let refuse = |detail: &'static str| Err(Problem::new(Slug::PreconditionFailed, detail));
    match existing {
        Some(existing) => match weigh(request, &revision_tag(existing))? {
            Read::Proceed => Ok(()),
            Read::NotModified => refuse("The recording exists, and If-None-Match rules that out."),
        },
        None if request.headers().contains_key(header::IF_MATCH) => {
            refuse("There is no recording that If-Match could name.")
        }
        None => Ok(()),
    }
}

/// Weighs `If-Match` and `If-None-Match` of a read.
pub fn weigh(request: &HttpRequest, tag: &EntityTag) -> Result<Read, Problem> {
    require_match(request, tag)?;
    let is_known = match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|candidate| candidate.weak_eq(tag)),
        None => false,
    };
    Ok(if is_known { Read::NotModified } else { Read::Proceed })
}

/// Whether `Range` counts: it does unless `If-Range` names another version.
pub fn range_applies(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key(header::IF_RANGE) {
        return true;
    }
    matches!(request.get_header::<IfRange>(), Some(IfRange::EntityTag(candidate)) if candidate.strong_eq(tag))
}
