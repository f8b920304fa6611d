//! Recordings by time, and blobs by their references.

use std::collections::{BTreeSet, HashSet};

use tapebase_domain::{
    blob::BlobRef,
    id::UserId,
    page::{Order, PageRequest},
    ports::StoreError,
    recording::Recording,
};

use super::{DynamoDb, items, keys, query};

impl DynamoDb {
    pub(super) async fn list_page(&self, owner: UserId, page: &PageRequest) -> Result<Vec<Recording>, StoreError> {
        let Some((first, last)) = keys::bounds(page) else { return Ok(Vec::new()) };
        let (index, sort_key) = keys::index(page.by);
        let query =
            self.query().index_name(index).consistent_read(true).scan_index_forward(page.order == Order::Oldest);
        let query = query::between(query, ("pk", keys::of_user(owner)), (sort_key, first, last));
        query::first_readable(query, page.limit.get() + 1, items::recording).await
    }

    /// Asks for all that is referred to between the first and the last of those in one partition of the index.
    /// Blobs come as a walk has them, in order, so there is not much else between.
    pub(super) async fn pick_orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        let mut orphans = Vec::new();
        let blobs: Vec<BlobRef> = blobs.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        for group in blobs.chunk_by(|one, next| keys::blob_shard(one) == keys::blob_shard(next)) {
            let referenced = self.referenced(group).await?;
            orphans.extend(group.iter().filter(|blob| !referenced.contains(blob.as_str())).cloned());
        }
        Ok(orphans)
    }

    async fn referenced(&self, sorted: &[BlobRef]) -> Result<HashSet<String>, StoreError> {
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Ok(HashSet::new()) };
        let query = self.query().index_name("sweep").projection_expression("sweep_sk");
        let range = ("sweep_sk", first.as_str().to_owned(), last.as_str().to_owned());
        let found = query::all(query::between(query, ("sweep_pk", keys::blob_shard(first)), range)).await?;
        found.iter().map(items::blob).collect()
    }
}
