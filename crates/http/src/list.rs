//! Which recordings to list: the query of `GET /v1/recordings`.

use chrono::DateTime;
use serde::Deserialize;
use tapebase_api::Slug;
use tapebase_domain::{
    page::{Cursor, Order, PageRequest, TimeField},
    ports::Timestamp,
};
use utoipa::{IntoParams, ToSchema};

use crate::{problem::Problem, query};

/// Which recordings to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The time to order and select by: `received` (the default) or `recorded`.
    #[param(inline)]
    by: Option<By>,
    /// `newest` first (the default) or `oldest` first.
    #[param(inline)]
    order: Option<Direction>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u64>,
    /// The `next_cursor` of the page before; its `by` and `order` must be asked for again.
    cursor: Option<String>,
    /// Only recordings whose time, as `by` names it, is this or later; RFC 3339.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only recordings whose time is before this; RFC 3339.
    #[param(format = DateTime)]
    to: Option<String>,
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
        let by = match self.by {
            Some(By::Recorded) => TimeField::Recorded,
            Some(By::Received) | None => TimeField::Received,
        };
        let order = match self.order {
            Some(Direction::Oldest) => Order::Oldest,
            Some(Direction::Newest) | None => Order::Newest,
        };
        let cursor = self.cursor.as_deref().map(Cursor::parse).transpose();
        let cursor = cursor.map_err(|_| invalid("Send as cursor the next_cursor of the page before."))?;
        if cursor.as_ref().is_some_and(|cursor| cursor.by != by || cursor.order != order) {
            return Err(invalid("The cursor is of a list with another by or order: ask for the same again."));
        }
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

/// RFC 3339, forgiving a `+` that was not percent-encoded and so became a space.
fn time(text: &str) -> Result<Timestamp, Problem> {
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    time.map(|time| time.to_utc())
        .map_err(|_| Problem::new(Slug::InvalidParameter, "Send from and to as RFC 3339, like 2026-11-23T00:00:00Z."))
}
