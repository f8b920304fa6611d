//! `PlaybackKeyStore` in DynamoDB, and what is played by links.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use tapebase_domain::{
    id::{RecordingId, UserId},
    playback::{LinkEpoch, PlaybackKey, PlaybackKeys},
    ports::{ChangeFeed as _, PlaybackKeyStore, StoreError},
    recording::Recording,
};

use super::{
    DynamoDb,
    errors::from_sdk,
    items::{self, Item, binary},
    keys,
};

/// A key, and the one before.
pub type KeyPair = (PlaybackKey, Option<PlaybackKey>);

#[async_trait]
impl PlaybackKeyStore for DynamoDb {
    async fn playback_keys(&self) -> Result<PlaybackKeys, StoreError> {
        let (current, previous) = self.playback_keys.get(|| self.read_playback_keys()).await?;
        Ok(PlaybackKeys { history: self.history().await?, current, previous })
    }

    async fn rotate_playback_keys(&self) -> Result<(), StoreError> {
        let (current, _) = self.read_playback_keys().await?;
        let fresh = PlaybackKey::generate();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::playback_keys()))
            .update_expression("SET previous_key = :current, current_key = :fresh")
            .condition_expression("current_key = :current")
            .expression_attribute_values(":current", binary(&current.0))
            .expression_attribute_values(":fresh", binary(&fresh.0));
        // A try whose answer was lost may have done it, and somebody else may have at the same moment: both have rotated.
        if let Err(error) = update.send().await
            && !error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
        {
            return Err(from_sdk(error));
        }
        self.playback_keys.forget().await;
        Ok(())
    }
}

impl DynamoDb {
    /// The keys there are, drawn the first time.
    async fn read_playback_keys(&self) -> Result<KeyPair, StoreError> {
        if let Some(item) = self.get(keys::playback_keys()).await? {
            return items::playback_keys(&item);
        }
        let fresh = PlaybackKey::generate();
        let mut drawn = self.transaction();
        drawn.add(items::of_playback_key(&fresh))?;
        match drawn.commit().await? {
            Ok(()) => Ok((fresh, None)),
            // Somebody else drew one at the same moment.
            Err(refusal) => items::playback_keys(&refusal.item()?),
        }
    }

    /// A recording and the epoch of its owner's links, in one call.
    pub(super) async fn read_to_play(
        &self,
        owner: UserId,
        id: &RecordingId,
    ) -> Result<Option<(Recording, LinkEpoch)>, StoreError> {
        let (recording, counters) = (keys::recording(owner, id), keys::counters(owner));
        let found = self.get_all(vec![recording.clone(), counters.clone()]).await?;
        let with_key = |key: Item| found.iter().find(move |item| item.get("sk") == key.get("sk"));
        let Some(recording) = with_key(recording).filter(|item| items::is_alive(item)) else { return Ok(None) };
        let epoch = with_key(counters).map_or_else(|| Ok(LinkEpoch::default()), items::link_epoch)?;
        Ok(Some((items::recording(recording)?, epoch)))
    }

    pub(super) async fn read_link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError> {
        let item = self.get(keys::counters(owner)).await?;
        item.as_ref().map_or_else(|| Ok(LinkEpoch::default()), items::link_epoch)
    }
}
