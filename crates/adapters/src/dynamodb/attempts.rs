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
    items::{self, binary},
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
        let put = put.expression_attribute_names("#state", "state");
        let put = match from {
            Some(from) => put
                .condition_expression("#state = :from")
                .expression_attribute_values(":from", binary(&from.to_bytes())),
            // What nobody can read is as good as none: another version's, for instance.
            None => put
                .condition_expression("attribute_not_exists(pk) OR NOT begins_with(#state, :version)")
                .expression_attribute_values(":version", binary(&Attempts::default().to_bytes()[..1])),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(from_sdk(error)),
        }
    }

    async fn forget_attempts(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
