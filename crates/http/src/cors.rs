//! What browsers let pages of other origins do here (the CORS protocol of the Fetch standard).

use actix_cors::{Cors, CorsError};
use actix_web::{
    Error, HttpResponse, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderName},
    },
    middleware::Next,
};
use tapebase_api::Slug;

use crate::{Origins, answers::problem::Problem, requests::digests};

/// For how many seconds a browser need not ask again; none of them believes in more than two hours.
const MAX_AGE_SECONDS: usize = 7_200;

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What requests may bring.
const REQUEST_HEADERS: [HeaderName; 10] = [
    header::AUTHORIZATION,
    digests::CONTENT_DIGEST,
    header::CONTENT_DISPOSITION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::RANGE,
    digests::REPR_DIGEST,
    HeaderName::from_static("x-recorded-at"),
];

/// How much of what is limited is left (draft-ietf-httpapi-ratelimit-headers).
pub mod rate_limits {
    use actix_web::http::header::HeaderName;

    /// What is left, and when there is more.
    pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
    /// How much there is in all.
    pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
}

/// What pages may read of answers.
const RESPONSE_HEADERS: [HeaderName; 11] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LOCATION,
    rate_limits::LIMIT,
    rate_limits::POLICY,
    digests::REPR_DIGEST,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-request-id"),
];

/// Middleware that answers preflight requests and tells browsers whose pages may read what is answered.
pub fn cors(origins: &Origins) -> Cors {
    let cors = Cors::default()
        .allowed_methods(METHODS)
        .allowed_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .block_on_origin_mismatch(false)
        .max_age(MAX_AGE_SECONDS);
    match origins {
        Origins::Any => cors.allow_any_origin().send_wildcard(),
        Origins::Listed(origins) => {
            origins.iter().fold(cors.supports_credentials(), |cors, origin| cors.allowed_origin(origin))
        }
    }
}

/// Middleware around it: says what is wrong with a preflight request, as of any other.
///
/// # Errors
/// Whatever the inner service fails with.
pub async fn explain<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let response = next.call(request).await?;
    let Some(refused) = response.response().error().and_then(Error::as_error::<CorsError>) else {
        return Ok(response.map_into_left_body());
    };
    let detail = format!("{refused}. http.allowed_origins lists the origins; /docs has the methods and headers.");
    let explained: HttpResponse = Problem::new(Slug::CrossOriginRefused, detail).error_response();
    Ok(response.into_response(explained).map_into_right_body())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::openapi;

    #[test]
    fn the_headers_are_those_of_the_description() {
        let names = |headers: &[HeaderName]| headers.iter().map(ToString::to_string).collect::<BTreeSet<_>>();

        let (mut sent, mut answered) = openapi::generator::described_headers();
        // No page may read that one (the Fetch standard, forbidden response-header names).
        answered.remove("set-cookie");
        // The description has these by other means: security schemes and bodies.
        sent.extend(["authorization", "content-type"].map(String::from));
        assert_eq!(names(&REQUEST_HEADERS), sent);
        assert_eq!(names(&RESPONSE_HEADERS), answered);
    }
}
