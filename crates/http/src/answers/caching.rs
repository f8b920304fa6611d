//! How answers may be cached (RFC 9111).

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{self, EntityTag},
};

/// Private to its owner, and asked for again before it is used again: it may be renamed or deleted.
pub const REVALIDATE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

/// Anybody's, and asked for again before it is used again: another version of the server may run by then.
pub const SHARED: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// What is good for this one answer is no cache's business: tokens, links, lists that are others by now.
pub const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// 304: the client has this version.
pub fn not_modified(tag: &EntityTag) -> HttpResponseBuilder {
    let mut response = HttpResponse::NotModified();
    response.insert_header((header::ETAG, tag.to_string())).insert_header(REVALIDATE);
    response
}
