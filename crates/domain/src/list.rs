//! Use case: find recordings again, play them back, rename and delete them.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;

use crate::{
    blob::{ByteRange, ByteStream},
    changes::Waiters,
    damage::Damage,
    history::{DueAudio, Retention},
    id::{RecordingId, UserId},
    page::{Cursor, Page, PageRequest, Position},
    ports::{
        BlobError, BlobStore, BoxError, Clock, DeletedStore, Ports, Presentation, PresignDownloads, RecordStore,
        RevisionError, StoreError,
    },
    recording::{Edit, Recording, Revision},
};

/// Why a recording could not be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The user has no recording of this id.
    #[error("no such recording")]
    NotFound,
    /// The recording's audio is missing or damaged.
    #[error("the audio of recording {0} is damaged")]
    Damaged(RecordingId),
    /// The recording has changed since the caller looked.
    #[error("the recording has changed")]
    Changed,
    /// There is no room left to write that down.
    #[error("no space left")]
    Full(#[source] BoxError),
    /// A store failed.
    #[error("a store is unavailable")]
    Unavailable(#[source] BoxError),
}

/// What a user does with recordings that are there.
#[derive(Clone)]
pub struct List {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
    deleted: Arc<dyn DeletedStore>,
    downloads: Option<Arc<dyn PresignDownloads>>,
    clock: Arc<dyn Clock>,
    waiters: Waiters,
    damage: Damage,
    retention: Retention,
}

impl List {
    /// How long a download may begin past this program.
    pub const LINK_LIFETIME: Duration = Duration::from_mins(15);

    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports, waiters: Waiters, damage: Damage, retention: Retention) -> Self {
        let Ports { records, blobs, deleted, downloads, clock, .. } = ports.clone();
        Self { records, blobs, deleted, downloads, clock, waiters, damage, retention }
    }

    /// Some recordings of `owner`.
    ///
    /// # Errors
    /// [`ListError::Unavailable`].
    pub async fn page(&self, owner: UserId, request: PageRequest) -> Result<Page, ListError> {
        let PageRequest { by, order, limit, .. } = request;
        let mut items = self.records.list(owner, request).await?;
        let has_more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = items.last().filter(|_| has_more).map(|last| {
            let position = Position { time: by.of(last), id: last.id.clone() };
            Cursor { by, order, position }
        });
        Ok(Page { items, next })
    }

    /// One recording of `owner`.
    ///
    /// # Errors
    /// [`ListError::NotFound`], [`ListError::Unavailable`].
    pub async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Recording, ListError> {
        self.records.find(owner, id).await?.ok_or(ListError::NotFound)
    }

    /// Opens some bytes of a recording for playing. Damage that shows later breaks them off, and is noted.
    ///
    /// # Errors
    /// [`ListError::NotFound`] if it was deleted meanwhile, [`ListError::Damaged`], [`ListError::Unavailable`].
    pub async fn play(&self, recording: &Recording, range: ByteRange) -> Result<ByteStream<BlobError>, ListError> {
        self.refuse_damaged(recording).await?;
        match self.blobs.open(&recording.blob, range).await {
            Ok(Some(bytes)) => Ok(self.watched(recording, bytes)),
            Ok(None) | Err(BlobError::Damaged(_)) => Err(self.explain(recording).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks whether a recording can be played, and reads nothing of it.
    ///
    /// # Errors
    /// As [`Self::play`].
    pub async fn look(&self, recording: &Recording) -> Result<(), ListError> {
        self.refuse_damaged(recording).await?;
        let is_there = recording.damaged_at.is_some() || self.damage.is_there(recording).await?;
        if is_there { Ok(()) } else { Err(self.explain(recording).await?) }
    }

    async fn refuse_damaged(&self, recording: &Recording) -> Result<(), ListError> {
        if recording.damaged_at.is_none() || self.damage.is_intact(recording).await? {
            return Ok(());
        }
        // Or it was mended since the caller looked.
        Err(self.explain(recording).await?)
    }

    fn watched(&self, recording: &Recording, bytes: ByteStream<BlobError>) -> ByteStream<BlobError> {
        let (damage, owner) = (self.damage.clone(), recording.owner);
        let (id, blob) = (recording.id.clone(), recording.blob.clone());
        Box::pin(bytes.or_else(move |error| {
            let (damage, id, blob) = (damage.clone(), id.clone(), blob.clone());
            async move {
                if matches!(error, BlobError::Damaged(_)) {
                    damage.mark(owner, &id, &blob).await;
                }
                Err(error)
            }
        }))
    }

    /// Where clients play a recording past this program, if that is how they do here.
    ///
    /// # Errors
    /// [`ListError::Damaged`], [`ListError::Unavailable`].
    pub async fn link(&self, recording: &Recording, presentation: Presentation) -> Result<Option<String>, ListError> {
        let Some(links) = &self.downloads else { return Ok(None) };
        self.refuse_damaged(recording).await?;
        Ok(Some(links.presign_download(&recording.blob, presentation, Self::LINK_LIFETIME).await?))
    }

    /// Why a recording cannot be played: it went, or was replaced, after the caller looked; or it is damaged.
    async fn explain(&self, recording: &Recording) -> Result<ListError, ListError> {
        match self.records.find(recording.owner, &recording.id).await? {
            Some(found) if found.blob == recording.blob => {
                // A folder that is away is no damage.
                self.blobs.ping().await?;
                Ok(ListError::Damaged(self.damage.note(found).await.id))
            }
            _ => Ok(ListError::NotFound),
        }
    }

    /// Changes what is known about a recording, if it still has the revision the caller saw.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Recording, ListError> {
        let edited = self.records.edit(owner, id, edit, expected).await?.ok_or(ListError::NotFound)?;
        self.waiters.wake(owner);
        Ok(edited)
    }

    /// Deletes a recording: first the row, by which it is gone, then the bytes.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn delete(&self, owner: UserId, id: &RecordingId, expected: Option<Revision>) -> Result<(), ListError> {
        let now = self.clock.now();
        let removed = self.records.remove(owner, id, expected, now, self.retention.most).await?;
        let Recording { id, blob, .. } = removed.ok_or(ListError::NotFound)?;
        self.waiters.wake(owner);
        self.damage.forget(owner, &id);
        // The recording is gone for its owner. If its bytes resist, the sweeper comes by.
        if self.blobs.delete(&blob).await.is_ok() {
            let audio = DueAudio { owner, id, blob };
            let _ = self.deleted.audio_removed(&audio, now + self.retention.lifetime).await;
        }
        Ok(())
    }
}

impl From<StoreError> for ListError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(source) => Self::Full(source),
            StoreError::NotWritten(source) | StoreError::Unavailable(source) => Self::Unavailable(source),
        }
    }
}

impl From<RevisionError> for ListError {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::Stale => Self::Changed,
            RevisionError::Store(error) => error.into(),
        }
    }
}

impl From<BlobError> for ListError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Body(error) => Self::Unavailable(error.into()),
            BlobError::Full(source) => Self::Full(source),
            BlobError::Damaged(source) | BlobError::Unavailable(source) => Self::Unavailable(source),
        }
    }
}
