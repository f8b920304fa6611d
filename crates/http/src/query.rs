//! Query strings, read strictly: what is not UTF-8 is an error and no replacement character.

use actix_web::{HttpRequest, web};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tapebase_api::Slug;
use tapebase_domain::page::Limit;

use crate::problem::Problem;

/// The query of a request, as a struct of its parameters.
pub fn parse<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let invalid = |detail: String| Problem::new(Slug::InvalidParameter, detail);
    let query = request.query_string();
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(invalid("Send the query in UTF-8, percent-encoded.".to_owned()));
    }
    let parsed =
        web::Query::<T>::from_query(query).map_err(|error| invalid(format!("The query does not fit: {error}.")))?;
    Ok(parsed.into_inner())
}

/// How many items are asked for at most.
pub fn limit(asked: Option<u64>) -> Result<Limit, Problem> {
    let limit = asked.map_or(Ok(Limit::default()), Limit::new);
    limit.map_err(|error| Problem::new(Slug::InvalidParameter, format!("{error}.")))
}
