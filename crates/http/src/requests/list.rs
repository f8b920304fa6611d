//! Which recordings to list: the query of `GET /v1/recordings`.

use serde::Deserialize;
use tapebase_api::Slug;
use tapebase_domain::{
    page::{Cursor, Order, PageRequest, TimeField},
    time::Timestamp,
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answers::problem::Problem,
    requests::{include::Include, query, times},
};

const OTHER_LIST: &str = "The cursor is of a list with another by or order: leave them out, or ask for the same.";

/// Which recordings to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The time to sort and filter by; `received` by default.
    #[param(inline)]
    by: Option<By>,
    /// Sort order; `newest` first by default.
    #[param(inline)]
    order: Option<Direction>,
    /// Maximum number of recordings.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u64>,
    /// The `next_cursor` of the previous page, which includes `by` and `order`.
    cursor: Option<String>,
    /// Only recordings whose time (see `by`) is this or later (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only recordings whose time is before this (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
    /// `link`: a playback link with each recording.
    #[param(inline)]
    pub include: Option<Include>,
}

#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum By {
    Received,
    Recorded,
}

#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Newest,
    Oldest,
}

impl ListQuery {
    /// The page asked for, in the domain's words.
    pub fn parse(self) -> Result<PageRequest, Problem> {
        let invalid = |what: &str| Problem::new(Slug::InvalidParameter, what.to_owned());
        let by = self.by.map(|by| match by {
            By::Received => TimeField::Received,
            By::Recorded => TimeField::Recorded,
        });
        let order = self.order.map(|order| match order {
            Direction::Newest => Order::Newest,
            Direction::Oldest => Order::Oldest,
        });
        let cursor = self.cursor.as_deref().map(Cursor::parse).transpose();
        let cursor = cursor.map_err(|_| invalid("Send as cursor the next_cursor of the previous page."))?;
        let of_cursor = cursor.as_ref().map(|cursor| (cursor.by, cursor.order));
        let (by, order) = match (of_cursor, by, order) {
            (Some((own, _)), Some(by), _) if own != by => return Err(invalid(OTHER_LIST)),
            (Some((_, own)), _, Some(order)) if own != order => return Err(invalid(OTHER_LIST)),
            (Some(own), _, _) => own,
            (None, by, order) => (by.unwrap_or_default(), order.unwrap_or_default()),
        };
        Ok(PageRequest {
            by,
            order,
            from: self.from.as_deref().map(time).transpose()?,
            to: self.to.as_deref().map(time).transpose()?,
            limit: query::limit(self.limit)?,
            after: cursor.map(|cursor| cursor.position),
        })
    }
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    let invalid = || Problem::new(Slug::InvalidParameter, "Send from and to as RFC 3339, like 2026-11-23T00:00:00Z.");
    times::parse(text).map(|time| time.to_utc()).ok_or_else(invalid)
}
