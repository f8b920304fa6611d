//! Conditional requests (RFC 9110 section 13) on strong entity tags.

use actix_web::{
    HttpMessage as _, HttpRequest,
    http::header::{self, EntityTag, IfMatch, IfNoneMatch, IfRange},
};
use tapebase_api::Slug;
use tapebase_domain::{
    condition::{Condition, Revisions},
    recording::{Recording, Revision},
};

use crate::answers::problem::Problem;

/// The tag of a recording's audio: its digest, for the bytes never change.
pub fn audio_tag(recording: &Recording) -> EntityTag {
    EntityTag::new_strong(recording.sha256.to_hex())
}

/// The tag of what is known about a recording: its revision.
pub fn revision_tag(recording: &Recording) -> EntityTag {
    tag_of(recording.revision)
}

fn tag_of(revision: Revision) -> EntityTag {
    EntityTag::new_strong(format!("r{}", revision.0))
}

/// What the preconditions of a read come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The client has not got it yet.
    Proceed,
    /// The client has this very thing: 304.
    NotModified,
}

/// How a tag in `If-Match` is compared.
type Comparison = fn(&EntityTag, &EntityTag) -> bool;

/// Fails unless `If-Match`, if there is one, has the tag of what is known about a recording.
pub fn require_match(request: &HttpRequest, tag: &EntityTag) -> Result<(), Problem> {
    require(request, tag, is_of)
}

fn require(request: &HttpRequest, tag: &EntityTag, is_same: Comparison) -> Result<(), Problem> {
    let is_met = match request.get_header::<IfMatch>() {
        Some(IfMatch::Any) => true,
        Some(IfMatch::Items(tags)) => tags.iter().any(|candidate| is_same(candidate, tag)),
        None => false,
    };
    if is_met || !request.headers().contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let detail = "No ETag in If-Match is current. Fetch the recording again and decide again.";
    Err(Problem::new(Slug::PreconditionFailed, detail))
}

/// Whether a client means this tag. A proxy that compresses an answer marks its tag: nginx as weak, Apache and Caddy with
/// the name of the encoding (`"r1-gzip"`). The tag of what is known of a recording names its revision, in whichever bytes
/// it was sent, so the mark says nothing; whoever took the comparison for strong could change nothing behind a proxy.
fn is_of(candidate: &EntityTag, tag: &EntityTag) -> bool {
    let text = candidate.tag();
    let plain = ENCODINGS.iter().find_map(|mark| text.strip_suffix(mark)).unwrap_or(text);
    plain == tag.tag()
}

const ENCODINGS: [&str; 4] = ["-gzip", "-br", "-zstd", "-deflate"];

/// What `If-Match` and `If-None-Match` say of an upload. A condition that cannot be read is one that is never met.
pub fn of_upload(request: &HttpRequest) -> Condition {
    let has = |name| request.headers().contains_key(name);
    Condition {
        matching: has(header::IF_MATCH).then(|| match request.get_header::<IfMatch>() {
            Some(IfMatch::Any) => Revisions::Any,
            Some(IfMatch::Items(tags)) => revisions(&tags),
            None => Revisions::These(Vec::new()),
        }),
        not_matching: has(header::IF_NONE_MATCH).then(|| match request.get_header::<IfNoneMatch>() {
            Some(IfNoneMatch::Items(tags)) => revisions(&tags),
            Some(IfNoneMatch::Any) | None => Revisions::Any,
        }),
    }
}

fn revisions(tags: &[EntityTag]) -> Revisions {
    let revision = |candidate: &EntityTag| {
        let digits = candidate.tag().strip_prefix('r')?.split('-').next()?;
        let revision = Revision(digits.parse().ok()?);
        is_of(candidate, &tag_of(revision)).then_some(revision)
    };
    Revisions::These(tags.iter().filter_map(revision).collect())
}

/// Weighs `If-Match` and `If-None-Match` of a read of what is known about a recording.
pub fn weigh(request: &HttpRequest, tag: &EntityTag) -> Result<Read, Problem> {
    weigh_by(request, tag, is_of)
}

/// Weighs those of a read of its bytes: other bytes are another tag.
pub fn weigh_audio(request: &HttpRequest, tag: &EntityTag) -> Result<Read, Problem> {
    weigh_by(request, tag, EntityTag::strong_eq)
}

fn weigh_by(request: &HttpRequest, tag: &EntityTag, is_same: Comparison) -> Result<Read, Problem> {
    require(request, tag, is_same)?;
    let is_known = match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|candidate| is_of(candidate, tag)),
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
