//! `AttemptStore` in DynamoDB: the table forgets by itself.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    ports::{AttemptStore, StoreError},
    time::Timestamp,
};

use super::{
    DynamoDb,
    errors::from_sdk,
    items::{self, Item, binary},
    keys,
};

#[async_trait]
impl AttemptStore for DynamoDb {
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError> {
        Ok(self.get(keys::attempts(key)).await?.as_ref().and_then(items::attempts))
    }

    /// One item, and no transaction: where a reply is lost, and the write asked for again, it finds itself in the way, and
    /// one try counts for two.
    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(items::of_attempts(key, &to)));
        let put = match from {
            Some(from) => put
                .condition_expression("#state = :from")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":from", binary(&from.to_bytes())),
            None => put.condition_expression("attribute_not_exists(pk)"),
        };
        let Err(error) = put.send().await else { return Ok(true) };
        if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) {
            return self.forget_unreadable(key).await.map(|()| false);
        }
        Err(from_sdk(error))
    }

    async fn forget_attempts(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

impl DynamoDb {
    /// What nobody can read, another version's for instance, is as good as none, and must keep nobody out.
    async fn forget_unreadable(&self, key: AttemptKey) -> Result<(), StoreError> {
        let there = self.get(keys::attempts(key)).await?.filter(|item| items::attempts(item).is_none());
        let Some(state) = there.and_then(|mut item| item.remove("state")) else { return Ok(()) };
        let mut forget = self.transaction();
        let values = Item::from([(":state".to_owned(), state)]);
        forget.take_out_if(keys::attempts(key), "#state = :state", &[("#state", "state")], values)?;
        // Refused, somebody else has.
        forget.commit().await.map(|_| ())
    }
}
