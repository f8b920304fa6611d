//! Transactions: everything or nothing, again when others were in the way.
//!
//! A request may arrive long after its sender has given it up, and asked again, and gone on from there. Such a
//! latecomer must not bring back what was taken out meanwhile, so what has an id of its client's choice leaves a
//! tombstone where it was: adding expects nothing at all there, or the very tombstone it has seen. Uploads do so here;
//! recordings, whose tombstones refuse them, in [`super::commit`].

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata as _, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, Delete, Put,
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
    counting::{Check, Delta},
    errors::{Backoff, from_build, from_sdk},
    items::{self, Item},
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

    /// Whatever is there.
    pub fn into_anything(self) -> Option<Item> {
        self.there.filter(|item| !item.is_empty())
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
    /// How many actions there are.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Adds an item that must not be there.
    pub fn add(&mut self, item: Item) -> Result<(), StoreError> {
        self.put(item, "attribute_not_exists(pk)", Item::new())
    }

    /// Puts an item in the place of another that must be as `condition` says, with `values` for its placeholders.
    pub fn replace(&mut self, item: Item, condition: &str, values: Item) -> Result<(), StoreError> {
        self.put(item, condition, values)
    }

    /// Puts an item in the place of another that must be the very same as `before` in everything, and have none of
    /// `later` that is not in that.
    pub fn replace_same(&mut self, item: Item, before: &Item, later: &[&str]) -> Result<(), StoreError> {
        let others = before.iter().filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk"));
        let (mut put, mut conditions) = (Put::builder(), vec!["attribute_exists(pk)".to_owned()]);
        for (name, value) in others {
            conditions.push(format!("#{name} = :{name}"));
            put = put.expression_attribute_names(format!("#{name}"), name);
            put = put.expression_attribute_values(format!(":{name}"), value.clone());
        }
        for name in later.iter().filter(|name| !before.contains_key(**name)) {
            conditions.push(format!("attribute_not_exists(#{name})"));
            put = put.expression_attribute_names(format!("#{name}"), *name);
        }
        let put = put.table_name(&self.store.table).set_item(Some(item)).condition_expression(conditions.join(" AND "));
        self.actions.push(TransactWriteItem::builder().put(put.build().map_err(from_build)?).build());
        Ok(())
    }

    /// Puts an item, whatever is there.
    pub fn set(&mut self, item: Item) -> Result<(), StoreError> {
        let put = Put::builder().table_name(&self.store.table).set_item(Some(item)).build().map_err(from_build)?;
        self.actions.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    /// Puts a tombstone in the place of an upload that must be as `condition` says, with `values` for its placeholders.
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

    /// Takes out an item that must be as `condition` says, with `values` for its placeholders.
    pub fn take_out_if(
        &mut self,
        key: Item,
        condition: &str,
        names: &[(&str, &str)],
        values: Item,
    ) -> Result<(), StoreError> {
        let delete = names.iter().fold(Delete::builder(), |delete, (placeholder, name)| {
            delete.expression_attribute_names(*placeholder, *name)
        });
        let delete = delete.set_key(Some(key)).condition_expression(condition);
        self.delete(
            delete.set_expression_attribute_values(Some(values)).return_values_on_condition_check_failure(AllOld),
        )
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
        self.change_if(key, update, "attribute_exists(pk)", names, values)
    }

    /// Changes an item that must be as `condition` says, with `values` for the placeholders of both.
    pub fn change_if(
        &mut self,
        key: Item,
        update: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: Item,
    ) -> Result<(), StoreError> {
        let update = names
            .iter()
            .fold(Update::builder(), |update, (placeholder, name)| {
                update.expression_attribute_names(*placeholder, *name)
            })
            .table_name(&self.store.table)
            .set_key(Some(key))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        self.push_update(update)
    }

    /// Counts what an owner has more of or less, on condition that `check` holds.
    pub fn count(&mut self, owner: UserId, delta: &Delta, check: &Check) -> Result<(), StoreError> {
        let update = delta.update(check).table_name(&self.store.table).set_key(Some(keys::counters(owner)));
        self.push_update(update)
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

    /// Has an upload that was refused take the place of the tombstone there; `false` if that is not why it was refused.
    fn add_over_tombstone(&mut self, refusal: &Refusal) -> bool {
        let is_upload = |put: &&mut Put| items::is_alive(&put.item) && keys::is_upload(&put.item);
        let put = self.actions[refusal.action].put.as_mut().filter(is_upload);
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
