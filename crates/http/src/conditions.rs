//! Conditional requests (RFC 9110 section 13) on strong entity tags.

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    http::header::{self, EntityTag, IfMatch, IfNoneMatch, IfRange},
};
use tapebase_domain::recording::{Recording, Revision};

use crate::problem::{Problem, ProblemKind};

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

/// 304: the client has this version.
pub fn not_modified(tag: &EntityTag) -> HttpResponse {
    HttpResponse::NotModified().insert_header((header::ETAG, tag.to_string())).insert_header(REVALIDATE).finish()
}

/// Weighs `If-Match` and `If-None-Match` of a read.
pub fn weigh(request: &HttpRequest, tag: &EntityTag) -> Result<Read, Problem> {
    if request.headers().contains_key(header::IF_MATCH) {
        let is_met = match request.get_header::<IfMatch>() {
            Some(IfMatch::Any) => true,
            Some(IfMatch::Items(tags)) => tags.iter().any(|candidate| candidate.strong_eq(tag)),
            None => false,
        };
        if !is_met {
            return Err(Problem::new(ProblemKind::PreconditionFailed, "No tag in If-Match is the current one."));
        }
    }
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

/// The revision a write expects, from `If-Match`.
///
/// A tag that is not a revision's names one that never was: the write fails as it should.
pub fn expected_revision(request: &HttpRequest) -> Result<Option<Revision>, Problem> {
    if !request.headers().contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let malformed = || Problem::new(ProblemKind::InvalidParameter, "Send If-Match: * or one quoted entity tag.");
    match request.get_header::<IfMatch>() {
        Some(IfMatch::Any) => Ok(None),
        Some(IfMatch::Items(tags)) => match tags.as_slice() {
            [tag] if tag.weak => Ok(Some(Revision(0))),
            [tag] => Ok(Some(Revision(tag.tag().strip_prefix('r').and_then(|n| n.parse().ok()).unwrap_or(0)))),
            _ => Err(malformed()),
        },
        None => Err(malformed()),
    }
}
