//! Gives every request an id, which is in its answer, its problem document and its log lines.

use std::time::Instant;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
};
use tracing::{Instrument as _, Level, enabled};
use uuid::Uuid;

use crate::answers::caching::NO_STORE;

tokio::task_local! {
    static REQUEST_ID: Uuid;
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request being answered, as a URI.
pub(crate) fn current_request_urn() -> String {
    REQUEST_ID.try_with(|id| id.urn().to_string()).unwrap_or_default()
}

/// Middleware: answers with `X-Request-Id` and `nosniff`, forbids caches whatever does not say how it may be cached, and
/// logs method, path pattern, status and time.
///
/// The path itself and the query are not logged: they hold names and ids of people.
///
/// # Errors
/// Whatever the inner service fails with.
pub async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = Uuid::new_v4();
    let span = tracing::info_span!("request", id = %id, method = %request.method());
    REQUEST_ID.scope(id, answer(request, next, id).instrument(span)).await
}

async fn answer<B: MessageBody>(request: ServiceRequest, next: Next<B>, id: Uuid) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    if !response.headers().contains_key(CACHE_CONTROL) {
        let (name, value) = NO_STORE;
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // To find the pattern again is work of its own.
    if enabled!(Level::INFO) {
        let path = response.request().match_pattern().unwrap_or_else(|| "-".into());
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(path, status = response.status().as_u16(), duration_us, "answered");
    }
    Ok(response)
}
