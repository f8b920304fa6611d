//! All recordings in one answer, a page at a time: no more than one is in memory, and everybody else has their turn
//! in between.

use actix_web::rt::task::yield_now;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tapebase_domain::{
    id::UserId,
    list::{List, ListError},
    page::{Limit, Order, Page, PageRequest},
    ports::causes,
    recording::Recording,
};

use super::names;

/// The way through all recordings of somebody.
pub struct Walk {
    list: List,
    owner: UserId,
    user_id: String,
    request: PageRequest,
    is_over: bool,
}

impl Walk {
    /// At the oldest.
    pub fn new(list: List, owner: UserId, user_id: String) -> Self {
        let request = PageRequest { order: Order::Oldest, limit: Limit::MAX, ..PageRequest::default() };
        Self { list, owner, user_id, request, is_over: false }
    }

    /// Whether there is nothing more to come.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The first piece of the answer.
    pub async fn first(&mut self) -> Result<Bytes, ListError> {
        let records = self.next().await?;
        Ok(format!("{{\"records\":[{records}{}", self.end()).into())
    }

    /// All others. Without the last, the answer has no end: whoever reads it sees that it broke off.
    pub fn rest(self) -> impl Stream<Item = Result<Bytes, ListError>> {
        let rest = stream::try_unfold(self, |mut walk| async move {
            if walk.is_over {
                return Ok(None);
            }
            yield_now().await;
            let records = walk.next().await?;
            // Whatever was last when the page before was read may have been deleted since.
            let comma = if records.is_empty() { "" } else { "," };
            Ok(Some((Bytes::from(format!("{comma}{records}{}", walk.end())), walk)))
        });
        rest.inspect_err(|error| tracing::error!(cause = causes(error), "a list broke off"))
    }

    /// The next page, its records joined by commas.
    async fn next(&mut self) -> Result<String, ListError> {
        let Page { items, next } = self.list.page(self.owner, self.request.clone()).await?;
        self.is_over = next.is_none();
        self.request.after = next.map(|cursor| cursor.position);
        let records: Vec<String> = items.iter().map(|recording| record(&self.user_id, recording).to_string()).collect();
        Ok(records.join(","))
    }

    const fn end(&self) -> &'static str {
        if self.is_over { "]}" } else { "" }
    }
}

fn record(user_id: &str, recording: &Recording) -> Value {
    json!({
        "id": names::record_id(user_id, recording),
        "user_id": user_id,
        "file_name": recording.details.name.as_str(),
        "created_at": recording.received_at.format("%Y-%m-%d").to_string(),
    })
}
