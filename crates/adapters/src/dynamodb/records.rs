//! `RecordStore` in DynamoDB.

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, StoreId, UserId, random_bytes},
    page::PageRequest,
    ports::{InsertError, RecordStore, StoreError},
    recording::{Recording, RecordingName, Revision},
};

use super::{
    DynamoDb,
    errors::{Backoff, from_sdk},
    items::{self, Item, binary, number, text},
    keys,
};

#[async_trait]
impl RecordStore for DynamoDb {
    async fn insert(&self, recording: Recording, quota: u64) -> Result<(), InsertError> {
        let Some(room) = quota.checked_sub(recording.size) else {
            let existing = RecordStore::find(self, recording.owner, &recording.id).await?;
            return Err(existing.map_or(InsertError::OverQuota, taken));
        };
        let mut insert = self.transaction();
        insert.add(items::of_recording(&recording))?;
        insert.use_bytes(recording.owner, recording.size, room)?;
        match insert.commit().await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.action == 0 => Err(taken(items::recording(&refusal.item()?)?)),
            Err(_) => Err(InsertError::OverQuota),
        }
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        let item = self.get(keys::recording(owner, id)).await?;
        item.as_ref().map(items::recording).transpose()
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        self.list_page(owner, &page).await
    }

    async fn rename(
        &self,
        owner: UserId,
        id: &RecordingId,
        name: RecordingName,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let change = random_bytes();
        let update = self.update_name(owner, id, &name, expected, &change);
        match update_patiently(update).await? {
            Ok(renamed) => items::recording(&renamed).map(Some),
            Err(None) => Ok(None),
            // Written before, and the reply was lost.
            Err(Some(there)) if there.get("change") == Some(&binary(&change)) => items::recording(&there).map(Some),
            Err(Some(_)) => Err(StoreError::Conflict),
        }
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, StoreError> {
        let mut seen = self.get(keys::recording(owner, id)).await?;
        let mut backoff = Backoff::default();
        loop {
            let Some(item) = &seen else { return Ok(None) };
            let found = items::recording(item)?;
            if expected.is_some_and(|expected| expected != found.revision) {
                return Err(StoreError::Conflict);
            }
            match self.remove_seen(&found).await? {
                None => return Ok(Some(found)),
                Some(there) => seen = there,
            }
            backoff.wait("the recording changes all the time").await?;
        }
    }

    async fn used_bytes(&self, owner: UserId) -> Result<u64, StoreError> {
        let item = self.get(keys::usage(owner)).await?;
        item.as_ref().map_or(Ok(0), items::used_bytes)
    }

    /// The index is a little behind the table. Blobs are asked about hours after their recordings were written,
    /// see the sweep's grace, and nobody refers to a blob again that was once given up.
    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.pick_orphans(blobs).await
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        self.identify().await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.has_nothing_to_sweep().await
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        self.replace_id(id).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

impl DynamoDb {
    /// `change` tells this change from every other: sent again, it is not made twice, and is known again.
    fn update_name(
        &self,
        owner: UserId,
        id: &RecordingId,
        name: &RecordingName,
        expected: Option<Revision>,
        change: &[u8; 12],
    ) -> UpdateItemFluentBuilder {
        let is_there = "attribute_exists(#revision) AND (attribute_not_exists(#change) OR #change <> :change)";
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::recording(owner, id)))
            .update_expression("SET #name = :name, #change = :change ADD #revision :one")
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#change", "change")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":name", text(name.as_str()))
            .expression_attribute_values(":change", binary(change))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match expected {
            None => update.condition_expression(is_there),
            Some(Revision(revision)) => update
                .condition_expression(format!("{is_there} AND #revision = :expected"))
                .expression_attribute_values(":expected", number(revision)),
        }
    }

    /// Takes the recording out if it is still this one; otherwise answers what is there instead.
    async fn remove_seen(&self, seen: &Recording) -> Result<Option<Option<Item>>, StoreError> {
        let mut remove = self.transaction();
        let values = Item::from([
            (":revision".to_owned(), number(seen.revision.0)),
            (":blob".to_owned(), text(seen.blob.as_str())),
        ]);
        let condition = "revision = :revision AND sweep_sk = :blob";
        remove.bury(keys::recording(seen.owner, &seen.id), condition, values)?;
        remove.give_back_bytes(seen.owner, seen.size)?;
        Ok(remove.commit().await?.err().map(super::transact::Refusal::into_item))
    }
}

/// The item as it is now; or, if the condition does not hold, the item that is there.
async fn update_patiently(update: UpdateItemFluentBuilder) -> Result<Result<Item, Option<Item>>, StoreError> {
    let mut backoff = Backoff::default();
    loop {
        let error = match update.clone().send().await {
            Ok(updated) => return Ok(Ok(updated.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                return Ok(Err(failed.item.clone().filter(items::is_alive)));
            }
            Some(UpdateItemError::TransactionConflictException(_)) => backoff.wait(error).await?,
            _ => return Err(from_sdk(error)),
        }
    }
}

fn taken(existing: Recording) -> InsertError {
    InsertError::Taken(Box::new(existing))
}
