//! `UploadStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    id::{RecordingId, UserId},
    pending::PendingUpload,
    ports::{ReserveError, SettleError, StoreError, Timestamp, UploadStore},
    recording::Recording,
};

use super::{
    DynamoDb,
    items::{self, Item, text},
    keys, query,
    transact::Transaction,
};

/// About how many expired plans are listed at a time.
const EXPIRED_PLANS: usize = 100;
/// How many entries of the index one answer may have.
const ENTRIES: i32 = 100;

#[async_trait]
impl UploadStore for DynamoDb {
    async fn reserve(&self, plan: PendingUpload, quota: u64) -> Result<(), ReserveError> {
        let Some(room) = quota.checked_sub(plan.size) else {
            let existing = self.upload(plan.owner, &plan.id).await?;
            return Err(existing.map_or(ReserveError::OverQuota, planned));
        };
        let mut reserve = self.transaction();
        reserve.add(items::of_plan(&plan))?;
        reserve.use_bytes(plan.owner, plan.size, room)?;
        match reserve.commit().await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.action == 0 => Err(planned(items::plan(&refusal.item()?)?)),
            Err(_) => Err(ReserveError::OverQuota),
        }
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        let item = self.get(keys::plan(owner, id)).await?;
        item.as_ref().map(items::plan).transpose()
    }

    async fn settle(&self, plan: &PendingUpload, recording: Recording) -> Result<(), SettleError> {
        let mut settle = self.transaction();
        bury(&mut settle, plan)?;
        settle.add(items::of_recording(&recording))?;
        match settle.commit().await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.action == 0 => Err(SettleError::Gone),
            Err(refusal) => Err(SettleError::Taken(Box::new(items::recording(&refusal.item()?)?))),
        }
    }

    async fn release(&self, plan: &PendingUpload) -> Result<bool, StoreError> {
        let mut release = self.transaction();
        bury(&mut release, plan)?;
        release.give_back_bytes(plan.owner, plan.size)?;
        Ok(release.commit().await?.is_ok())
    }

    /// The index is a little behind the table: a plan that has just expired may be listed by the next sweep.
    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        let mut expired = Vec::new();
        for shard in 0..keys::PLAN_SHARDS {
            self.expired_in_shard(shard, now, &mut expired).await?;
            if expired.len() >= EXPIRED_PLANS {
                break;
            }
        }
        Ok(expired)
    }
}

impl DynamoDb {
    async fn expired_in_shard(
        &self,
        shard: u8,
        now: Timestamp,
        expired: &mut Vec<PendingUpload>,
    ) -> Result<(), StoreError> {
        let mut entries = query::pages(
            self.query()
                .index_name("sweep")
                // An instant alone sorts just before all plans that expire then.
                .key_condition_expression("sweep_pk = :shard AND sweep_sk < :now")
                .expression_attribute_values(":shard", text(keys::numbered_plan_shard(shard)))
                .expression_attribute_values(":now", text(keys::instant(now)))
                .projection_expression("pk, sk")
                .limit(ENTRIES),
        );
        while let Some(page) = entries.next().await? {
            for entry in page {
                // The table knows best what has become of it.
                let plan = self.get(entry).await?.as_ref().map(items::plan).transpose()?;
                expired.extend(plan.filter(|plan| plan.expires_at < now));
            }
            if expired.len() >= EXPIRED_PLANS {
                break;
            }
        }
        Ok(())
    }
}

/// Takes out this very plan: no other has its place for the parts.
fn bury(transaction: &mut Transaction<'_>, plan: &PendingUpload) -> Result<(), StoreError> {
    let values = Item::from([(":staged".to_owned(), text(plan.staged.as_str()))]);
    transaction.bury(keys::plan(plan.owner, &plan.id), "staged = :staged", values)
}

fn planned(existing: PendingUpload) -> ReserveError {
    ReserveError::Taken(Box::new(existing))
}
