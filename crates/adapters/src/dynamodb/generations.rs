//! The last step of the audio from one generation to the next, as the table has noted it.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use tapebase_domain::{
    lineage::{LastStep, Step},
    ports::StoreError,
};

use super::{
    DynamoDb,
    errors::from_sdk,
    items::{self, Item, text},
    keys,
};

impl DynamoDb {
    /// The last step that was noted in this very table.
    pub(super) async fn read_last_step(&self) -> Result<LastStep, StoreError> {
        Ok(last_step(&self.store().await?, &self.incarnation().await?))
    }

    /// Notes another step, if the last one is still `last`.
    pub(super) async fn write_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError> {
        self.identify().await?;
        let (item, table) = (self.store().await?, self.incarnation().await?);
        if last_step(&item, &table) != last {
            return Ok(false);
        }
        let from = next.from.map_or_else(String::new, |from| from.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::store()))
            .update_expression("SET step_from = :from, step_to = :to, step_table = :table")
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(next.to.to_string()))
            .expression_attribute_values(":table", text(table));
        let update = match item.get("step_to") {
            Some(seen) => {
                update.condition_expression("step_to = :seen").expression_attribute_values(":seen", seen.clone())
            }
            None => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(step_to)"),
        };
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(from_sdk(error)),
        }
    }

    async fn store(&self) -> Result<Item, StoreError> {
        Ok(self.get(keys::store()).await?.unwrap_or_default())
    }

    /// What tells the table from every copy of it, and from those of this name before and after it.
    async fn incarnation(&self) -> Result<String, StoreError> {
        let described = self.client.describe_table().table_name(&self.table).send().await.map_err(from_sdk)?;
        let table = described.table.as_ref();
        let (arn, made) =
            (table.and_then(|table| table.table_arn()), table.and_then(|table| table.creation_date_time()));
        let (Some(arn), Some(made)) = (arn, made) else {
            return Err(StoreError::Unavailable("the table has no name or no age".into()));
        };
        Ok(format!("{arn} {}", made.secs()))
    }
}

fn last_step(store: &Item, table: &str) -> LastStep {
    match items::last_step(store) {
        Ok(None) => LastStep::None,
        Ok(Some((step, noted_in))) if noted_in == table => LastStep::Noted(step),
        Ok(Some(_)) | Err(_) => LastStep::Unknown,
    }
}
