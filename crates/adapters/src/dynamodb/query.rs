//! Queries, past the 1 MB that one answer may have.

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::KeysAndAttributes};
use tapebase_domain::ports::{StoreError, causes};

use super::{
    DynamoDb,
    errors::{Backoff, from_sdk},
    items::{Item, text},
};

impl DynamoDb {
    /// A query of the table, or of one of its indexes.
    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table)
    }

    /// What there is of some items, in any order, as every write before has left them.
    pub(super) async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for batch in keys.chunks(MOST_AT_ONCE) {
            let (mut wanted, mut backoff) = (batch.to_vec(), Backoff::default());
            while !wanted.is_empty() {
                let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
                let request = request.build().map_err(|error| StoreError::Unavailable(error.into()))?;
                let batch = self.client.batch_get_item().request_items(&self.table, request);
                let answer = batch.send().await.map_err(from_sdk)?;
                found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
                // DynamoDB answers some of it where it has to throttle.
                let left = answer.unprocessed_keys.into_iter().flatten();
                wanted = left.flat_map(|(_, left)| left.keys).collect();
                if !wanted.is_empty() {
                    backoff.wait("the table is throttled").await?;
                }
            }
        }
        Ok(found)
    }
}

/// How many items one call fetches at most.
const MOST_AT_ONCE: usize = 100;

/// The answers to a query, one after the other.
pub struct Pages {
    query: QueryFluentBuilder,
    is_over: bool,
}

pub fn pages(query: QueryFluentBuilder) -> Pages {
    Pages { query, is_over: false }
}

impl Pages {
    fn at_most(&mut self, items: usize) -> &mut Self {
        self.query = self.query.clone().limit(i32::try_from(items).unwrap_or(i32::MAX));
        self
    }

    /// The next items, which may be none; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let page = self.query.clone().send().await.map_err(from_sdk)?;
        self.is_over = page.last_evaluated_key.is_none();
        self.query = self.query.clone().set_exclusive_start_key(page.last_evaluated_key);
        Ok(Some(page.items.unwrap_or_default()))
    }
}

/// The first `most` items that a query finds.
pub async fn first(query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, StoreError> {
    first_of(query, most, Some).await
}

/// The first `most` of the items that a query finds and that can be read.
pub async fn first_readable<T>(
    query: QueryFluentBuilder,
    most: usize,
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    first_of(query, most, |item| readable(read(&item))).await
}

/// Asks for items until there are `most` that `pick` makes something of.
async fn first_of<T>(
    query: QueryFluentBuilder,
    most: usize,
    pick: impl Fn(Item) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let mut pages = pages(query);
    let mut found = Vec::new();
    while found.len() < most
        && let Some(items) = pages.at_most(most - found.len()).next().await?
    {
        found.extend(items.into_iter().filter_map(&pick));
    }
    Ok(found)
}

/// What was read of an item. One that is damaged must not keep the others; the log has it.
pub fn readable<T>(read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(cause = causes(error), "a damaged item is left out")).ok()
}

/// Every item that a query finds.
pub async fn all(query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
    let mut pages = pages(query);
    let mut found = Vec::new();
    while let Some(items) = pages.next().await? {
        found.extend(items);
    }
    Ok(found)
}

/// The items of one partition whose sort key lies between two, both inclusive.
pub fn between(
    query: QueryFluentBuilder,
    (pk, partition): (&str, String),
    (sk, first, last): (&str, String, String),
) -> QueryFluentBuilder {
    query
        .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
        .expression_attribute_names("#pk", pk)
        .expression_attribute_names("#sk", sk)
        .expression_attribute_values(":pk", text(partition))
        .expression_attribute_values(":first", text(first))
        .expression_attribute_values(":last", text(last))
}
