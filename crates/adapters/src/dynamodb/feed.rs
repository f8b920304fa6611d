//! `ChangeFeed` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    history::{ChangeNumber, Entry, HistoryId},
    id::UserId,
    ports::{ChangeFeed, Changes, ChangesRequest, StoreError},
};

use super::{
    DynamoDb,
    errors::from_sdk,
    items::{self, text},
    keys, query,
};

/// How many queries one list takes at most, where tombstones are to be left out.
const MOST_QUERIES: usize = 20;

#[async_trait]
impl ChangeFeed for DynamoDb {
    async fn changes(&self, owner: UserId, request: ChangesRequest) -> Result<Changes, StoreError> {
        let (entries, reached, has_more) = self.entries(owner, request).await?;
        // Read after the entries, and so not older.
        let (counters, forgotten) = self.read_counters(owner).await?;
        let history = self.history().await?;
        Ok(Changes { entries, reached, has_more, forgotten, latest: counters.changed, history })
    }

    async fn latest_change(&self, owner: UserId) -> Result<ChangeNumber, StoreError> {
        Ok(self.read_counters(owner).await?.0.changed)
    }

    async fn history(&self) -> Result<HistoryId, StoreError> {
        self.history.get(|| self.read_history()).await
    }

    async fn renew_history(&self) -> Result<HistoryId, StoreError> {
        self.identify().await?;
        let fresh = HistoryId::generate();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::store()))
            .update_expression("SET history = :history")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":history", text(fresh.to_string()));
        update.send().await.map_err(from_sdk)?;
        self.history.forget().await;
        Ok(fresh)
    }
}

impl DynamoDb {
    /// Which history the rows are of, drawn the first time as the table's own id is.
    async fn read_history(&self) -> Result<HistoryId, StoreError> {
        let mut item = self.get(keys::store()).await?;
        if item.is_none() {
            self.identify().await?;
            item = self.get(keys::store()).await?;
        }
        items::history(&item.ok_or_else(|| StoreError::Unavailable("the table's own id is gone".into()))?)
    }

    /// Entries after a number, up to which number they reach, and whether there are more.
    async fn entries(
        &self,
        owner: UserId,
        request: ChangesRequest,
    ) -> Result<(Vec<Entry>, ChangeNumber, bool), StoreError> {
        let ChangesRequest { after, no_deleted_up_to, limit } = request;
        let (mut entries, mut reached, mut looked_at) = (Vec::new(), after, 0);
        let query = self
            .query()
            .index_name("by_changed")
            .consistent_read(true)
            .key_condition_expression("pk = :owner AND changed_key > :after")
            .expression_attribute_values(":owner", text(keys::of_user(owner)))
            .expression_attribute_values(":after", text(keys::change(after)))
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX));
        let mut pages = query::pages(query);
        while let Some(page) = pages.next().await? {
            for item in &page {
                if entries.len() == limit || looked_at == MOST_QUERIES * (limit + 1) {
                    return Ok((entries, reached, true));
                }
                looked_at += 1;
                let Some(entry) = query::readable(items::entry(item)) else { continue };
                reached = entry.changed();
                let is_early = matches!(&entry, Entry::Deleted(deleted) if deleted.changed <= no_deleted_up_to);
                entries.extend((!is_early).then_some(entry));
            }
        }
        Ok((entries, reached, false))
    }
}
