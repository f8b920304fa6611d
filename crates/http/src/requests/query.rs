//! Query strings, read strictly: what is not UTF-8 is an error and no replacement character. A parameter without a value
//! is one that is not there: forms and generated clients send those.

use actix_web::{HttpRequest, web};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};
use tapebase_api::Slug;
use tapebase_domain::page::Limit;
use utoipa::IntoParams;

use crate::answers::problem::Problem;

/// The query of a request, as a struct of its parameters.
pub fn parse<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let has_value = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty());
    parse_query(&request.query_string().split('&').filter(has_value).collect::<Vec<_>>().join("&"))
}

/// The same, where a parameter without a value is one that is empty.
pub fn parse_as_sent<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    parse_query(request.query_string())
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let invalid = |detail: String| Problem::new(Slug::InvalidParameter, detail);
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(invalid("Send the query in UTF-8, percent-encoded.".to_owned()));
    }
    let parsed =
        web::Query::<T>::from_query(query).map_err(|error| invalid(format!("The query is invalid: {error}.")))?;
    Ok(parsed.into_inner())
}

/// Which page of a list that has but one order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Maximum number of items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u64>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// How many items are asked for at most, and after which.
pub fn page<T, E>(
    request: &HttpRequest,
    parse_cursor: impl Fn(&str) -> Result<T, E>,
) -> Result<(Limit, Option<T>), Problem> {
    let PageQuery { limit: asked, cursor } = parse(request)?;
    let after = cursor.as_deref().map(parse_cursor).transpose();
    let after = after
        .map_err(|_| Problem::new(Slug::InvalidParameter, "Send as cursor the next_cursor of the previous page."))?;
    Ok((limit(asked)?, after))
}

/// How many items are asked for at most.
pub fn limit(asked: Option<u64>) -> Result<Limit, Problem> {
    let limit = asked.map_or(Ok(Limit::default()), Limit::new);
    limit.map_err(|error| Problem::new(Slug::InvalidParameter, format!("{error}.")))
}
