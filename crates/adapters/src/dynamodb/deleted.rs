//! `DeletedStore` in DynamoDB.

use async_trait::async_trait;
use tapebase_domain::{
    history::{Deleted, DueAudio},
    id::UserId,
    ports::{DeletedStore, StoreError},
    time::Timestamp,
};

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::{self, Due, Kind},
    items::{self, Item, text},
    keys, query,
};

#[async_trait]
impl DeletedStore for DynamoDb {
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DueAudio>, StoreError> {
        let due = self.due_before(Kind::Audio, then).await?;
        Ok(due.iter().filter_map(|key| query::readable(due::deleted_audio(key))).collect())
    }

    async fn audio_of(&self, owner: UserId) -> Result<Vec<DueAudio>, StoreError> {
        let due = self.due_of(owner, Kind::Audio, due::DELETED).await?;
        Ok(due.iter().filter_map(|key| query::readable(due::deleted_audio(key))).collect())
    }

    async fn note_audio(&self, audio: &DueAudio, due_at: Timestamp) -> Result<(), StoreError> {
        self.add_due(&Due::audio(audio), due_at).await
    }

    async fn put_off_audio(&self, audio: &DueAudio, until: Timestamp) -> Result<(), StoreError> {
        self.reschedule(&Due::audio(audio), Kind::Audio, until).await
    }

    async fn audio_removed(&self, audio: &DueAudio, forget_at: Timestamp) -> Result<(), StoreError> {
        self.reschedule(&Due::audio(audio), Kind::Tombstone, forget_at).await
    }

    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due = self.due_before(Kind::Tombstone, now).await?;
        for key in &due {
            self.forget_one(&due::deleted_audio(key)?, key.clone()).await?;
        }
        Ok(due.len() as u64)
    }
}

impl DynamoDb {
    /// Forgets a tombstone, unless its id was deleted again: that has a time of its own.
    async fn forget_one(&self, audio: &DueAudio, due: Item) -> Result<(), StoreError> {
        let item = self.get_any(keys::recording(audio.owner, &audio.id)).await?;
        let tombstone = item.filter(|item| items::stamp(item).is_some());
        match tombstone {
            Some(tombstone) if self.is_last_deletion(audio).await? => self.forget_tombstone(&tombstone, due).await,
            _ => self.forget_item(due).await,
        }
    }

    async fn is_last_deletion(&self, audio: &DueAudio) -> Result<bool, StoreError> {
        let deletions = self
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :owner AND begins_with(sk, :deletions)")
            .expression_attribute_values(":owner", text(keys::of_user(audio.owner)))
            .expression_attribute_values(":deletions", text(format!("{}{}", keys::DUE, due::deleted(&audio.id))));
        Ok(query::first(deletions, 2).await?.len() == 1)
    }

    async fn forget_tombstone(&self, tombstone: &Item, due: Item) -> Result<(), StoreError> {
        let Deleted { owner, id, changed, .. } = items::deleted(tombstone)?;
        let forgotten = self.read_counters(owner).await?.1.max(changed);
        let values = Item::from([(":gone".to_owned(), tombstone["gone"].clone())]);
        let mut forget = self.transaction();
        forget.take_out_if(keys::recording(owner, &id), "gone = :gone", &[], values)?;
        forget.clear(due)?;
        let delta = Delta { tombstones: -1, forgotten: Some(forgotten), ..Delta::default() };
        forget.count(owner, &delta, &Check::default())?;
        // Refused, it has changed since: the next sweep looks at it again.
        let _ = forget.commit().await?;
        Ok(())
    }
}
