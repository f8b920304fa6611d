//! Transactions: everything or nothing, again when others were in the way.
//!
//! A request may arrive long after its sender has given it up, and asked again, and gone on from there. Such a
//! latecomer must not bring back what was taken out meanwhile, so what has an id of its client's choice leaves a
//! tombstone where it was: adding expects nothing at all there, or the very tombstone it has seen.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata as _, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, Delete, Put,
        ReturnValuesOnConditionCheckFailure::AllOld,
        TransactWriteItem, Update,
        builders::{DeleteBuilder, UpdateBuilder},
        error::TransactionCanceledException,
    },
};
use tapebase_domain::{
    id::{UserId, random_bytes},
    ports::{BoxError, Clock as _, StoreError, SystemClock},
};

use super::{
    DynamoDb,
    errors::{Backoff, from_build, from_sdk},
    items::{self, Item, number},
    keys,
};

/// Some writes that happen together or not at all. What is most decisive comes first: see [`Refusal`].
pub struct Transaction<'a> {
    store: &'a DynamoDb,
    actions: Vec<TransactWriteItem>,
}

/// The first action, in their order, whose condition does not hold; nothing was written.
#[derive(Debug)]
pub struct Refusal {
    /// Which it is, counted from 0.
    pub action: usize,
    there: Option<Item>,
}

impl Refusal {
    /// The item that is there, where one must be.
    pub fn item(self) -> Result<Item, StoreError> {
        self.into_item()
            .ok_or_else(|| StoreError::Unavailable("a condition failed on an item that is not there".into()))
    }

    /// The item that is there, if there is more than a tombstone.
    pub fn into_item(self) -> Option<Item> {
        self.there.filter(items::is_alive)
    }
}

impl DynamoDb {
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction { store: self, actions: Vec::new() }
    }
}

impl Transaction<'_> {
    /// Adds an item that must not be there.
    pub fn add(&mut self, item: Item) -> Result<(), StoreError> {
        self.put(item, "attribute_not_exists(pk)", Item::new())
    }

    /// Puts a tombstone in the place of an item that must be as `condition` says, with `values` for its placeholders.
    pub fn bury(&mut self, key: Item, condition: &str, values: Item) -> Result<(), StoreError> {
        let tombstone = items::of_tombstone(key, &random_bytes(), SystemClock.now());
        self.put(tombstone, condition, values)
    }

    fn put(&mut self, item: Item, condition: &str, values: Item) -> Result<(), StoreError> {
        let put = Put::builder()
            .table_name(&self.store.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(AllOld)
            .build()
            .map_err(from_build)?;
        self.actions.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    /// Takes out an item that must be there.
    pub fn take_out(&mut self, key: Item) -> Result<(), StoreError> {
        self.delete(Delete::builder().set_key(Some(key)).condition_expression("attribute_exists(pk)"))
    }

    /// Takes out an item if it is there.
    pub fn clear(&mut self, key: Item) -> Result<(), StoreError> {
        self.delete(Delete::builder().set_key(Some(key)))
    }

    fn delete(&mut self, delete: DeleteBuilder) -> Result<(), StoreError> {
        let delete = delete.table_name(&self.store.table).build().map_err(from_build)?;
        self.actions.push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    /// Changes an item that must be there.
    pub fn change(&mut self, key: Item, update: &str, names: &[(&str, &str)], values: Item) -> Result<(), StoreError> {
        let update = names
            .iter()
            .fold(Update::builder(), |update, (placeholder, name)| {
                update.expression_attribute_names(*placeholder, *name)
            })
            .table_name(&self.store.table)
            .set_key(Some(key))
            .update_expression(update)
            .condition_expression("attribute_exists(pk)")
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(from_build)?;
        self.actions.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    /// Counts bytes as used by `owner`, who must have `room` for them: use that much at most by now.
    pub fn use_bytes(&mut self, owner: UserId, bytes: u64, room: u64) -> Result<(), StoreError> {
        let update = self
            .count_bytes(owner, number(bytes))
            .condition_expression("attribute_not_exists(#bytes) OR #bytes <= :room")
            .expression_attribute_values(":room", number(room));
        self.push_update(update)
    }

    /// Gives bytes back to the quota of `owner`.
    pub fn give_back_bytes(&mut self, owner: UserId, bytes: u64) -> Result<(), StoreError> {
        let update = self.count_bytes(owner, number(-i128::from(bytes)));
        self.push_update(update)
    }

    fn count_bytes(&self, owner: UserId, bytes: AttributeValue) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.store.table)
            .set_key(Some(keys::usage(owner)))
            .update_expression("ADD #bytes :bytes")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":bytes", bytes)
    }

    fn push_update(&mut self, update: UpdateBuilder) -> Result<(), StoreError> {
        let update = update.build().map_err(from_build)?;
        self.actions.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    /// Writes everything, or nothing and says which condition does not hold.
    ///
    /// One token goes with all tries of the same actions, for an earlier one may still be on its way: whichever
    /// arrives first writes, and the others change nothing. DynamoDB remembers the tokens of what has succeeded.
    pub async fn commit(mut self) -> Result<Result<(), Refusal>, StoreError> {
        let mut backoff = Backoff::default();
        let mut token = fresh_token();
        loop {
            let write = self.store.client.transact_write_items().set_transact_items(Some(self.actions.clone()));
            let Err(error) = write.client_request_token(&token).send().await else { return Ok(Ok(())) };
            match judge(error) {
                Verdict::Refused(refusal) => {
                    if !self.add_over_tombstone(&refusal) {
                        return Ok(Err(refusal));
                    }
                    token = fresh_token();
                    backoff.wait("the item comes and goes all the time").await?;
                }
                Verdict::Failed(error) => return Err(error),
                Verdict::InTheWay(error) => backoff.wait(error).await?,
            }
        }
    }

    /// Has an item that was refused take the place of the tombstone there; `false` if that is not why it was refused.
    fn add_over_tombstone(&mut self, refusal: &Refusal) -> bool {
        let put = self.actions[refusal.action].put.as_mut().filter(|put| items::is_alive(&put.item));
        let Some((put, stamp)) = put.zip(refusal.there.as_ref().and_then(items::stamp)) else { return false };
        put.condition_expression = Some("attribute_not_exists(pk) OR gone = :gone".to_owned());
        put.expression_attribute_values = Some(Item::from([(":gone".to_owned(), stamp.clone())]));
        true
    }
}

fn fresh_token() -> String {
    data_encoding::HEXLOWER.encode(&random_bytes::<16>())
}

type TransactError = SdkError<TransactWriteItemsError>;

/// What to make of a transaction that failed.
enum Verdict {
    Refused(Refusal),
    /// Others wrote at the same moment, or too much, or the same transaction, sent before, is still under way.
    InTheWay(BoxError),
    Failed(StoreError),
}

fn judge(error: TransactError) -> Verdict {
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
        return match decisive(cancelled) {
            Some(Decisive::Condition(refusal)) => Verdict::Refused(refusal),
            Some(Decisive::InTheWay) => Verdict::InTheWay(error.into()),
            Some(Decisive::Full) => Verdict::Failed(StoreError::Full(error.into())),
            Some(Decisive::Other) | None => Verdict::Failed(from_sdk(error)),
        };
    }
    match error.code() {
        Some("TransactionInProgressException") => Verdict::InTheWay(error.into()),
        _ => Verdict::Failed(from_sdk(error)),
    }
}

/// Why a transaction was cancelled.
enum Decisive {
    Condition(Refusal),
    InTheWay,
    Full,
    Other,
}

/// The first action that has something to say speaks for all: what it says does not depend on the later ones.
fn decisive(cancelled: &TransactionCanceledException) -> Option<Decisive> {
    let spoken = |(action, reason): (usize, &CancellationReason)| match reason.code() {
        None | Some("None") => None,
        Some("ConditionalCheckFailed") => Some(Decisive::Condition(Refusal { action, there: reason.item.clone() })),
        Some("TransactionConflict" | "ProvisionedThroughputExceeded" | "ThrottlingError") => Some(Decisive::InTheWay),
        Some("ItemCollectionSizeLimitExceeded") => Some(Decisive::Full),
        Some(_) => Some(Decisive::Other),
    };
    cancelled.cancellation_reasons().iter().enumerate().find_map(spoken)
}
